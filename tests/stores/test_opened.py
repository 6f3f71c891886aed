"""What a store has opened by name."""

from __future__ import annotations

import asyncio

import pytest

from forebay.stores.opened import Opened


class Window:
    def __init__(self):
        self.drained = False

    async def drain(self):
        self.drained = True


async def test_what_is_opened_once_is_there_for_all_who_ask_also_at_the_same_time():
    opened, go = Opened(), asyncio.Event()

    async def opening():
        await go.wait()
        return Window()

    asked = [asyncio.create_task(opened.get("rates", opening)) for _ in range(3)]
    await asyncio.sleep(0)
    go.set()
    windows = {id(window) for window in await asyncio.gather(*asked)}
    assert windows == {id(await opened.get("rates", opening))}
    assert id(await opened.get("others", opening)) not in windows


async def test_what_could_not_be_opened_is_opened_by_who_asks_next():
    opened = Opened()

    async def fails():
        raise OSError("not now")

    async def opening():
        return Window()

    with pytest.raises(OSError, match="not now"):
        await opened.get("rates", fails)
    assert isinstance(await opened.get("rates", opening), Window)


async def test_all_of_it_is_drained():
    opened = Opened()

    async def opening():
        return Window()

    windows = [await opened.get(name, opening) for name in ("a", "b")]
    await opened.drain()
    assert all(window.drained for window in windows)
