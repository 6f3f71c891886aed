"""Applications behind their own server, and the names by which they are found."""

from __future__ import annotations

import asyncio
import socket

import pytest

from asking import ask
from forebay import App, Unavailable
from forebay.running import settings_of
from forebay.serving import serving


def app_with(handler):
    app = App("shop")
    app.post("/orders")(handler)
    return app


async def test_the_end_answers_the_requests_in_hand_and_takes_no_new_ones():
    began, go = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> None:
        began.set()
        await go.wait()

    async with serving(app_with(slow), settings_of({"queue": "memory://", "port": 0, "places": 0})) as (_, server):
        asked = asyncio.ensure_future(ask(server.port, "/orders", b"x"))
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, go.set)
    assert (await asked).status == 202
    with pytest.raises(OSError):
        await ask(server.port, "/orders", b"x")


async def test_an_address_that_is_taken_is_unavailable_with_a_hint():
    async def handler(body: bytes) -> None: ...

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)) as caught:
            async with serving(app_with(handler), settings_of({"queue": "memory://", "port": port})):
                pass
        assert "--port" in caught.value.hint


async def test_a_host_that_is_not_ours_is_unavailable_too():
    async def handler(body: bytes) -> None: ...

    settings = settings_of({"queue": "memory://", "port": 0, "host": "198.51.100.7"})
    with pytest.raises(Unavailable, match=r"198\.51\.100\.7"):
        async with serving(app_with(handler), settings):
            pass
