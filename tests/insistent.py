"""Insisting, as those do who use a server: it is asked again until it answers, or refuses for the awaited reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from forebay.errors import ForebayError

T = TypeVar("T")

SECONDS = 40
PAUSE = 0.02


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until the server answers."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await call()
            except ForebayError:
                await asyncio.sleep(PAUSE)


async def until_refused(call: Callable[[], Awaitable[object]], reason: str) -> ForebayError:
    """Repeat a call until it is refused for a reason, and return the refusal.

    On the way there it may succeed, or fail for another reason: a connection that is dead already, and not yet known
    to be, or a server that takes its time to answer.
    """
    heard: ForebayError | None = None
    try:
        async with asyncio.timeout(SECONDS):
            while heard is None or reason not in str(heard):
                try:
                    await call()
                except ForebayError as error:
                    heard = error
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise AssertionError(f"never refused because of {reason!r}; last: {heard!r}") from heard
    return heard
