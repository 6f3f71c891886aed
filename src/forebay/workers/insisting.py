"""A store that is down is no failure of the messages: a handler that keeps its own effect asks it until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from forebay.errors import ForebayError
from forebay.queue.batching import pauses
from forebay.workers.limit import held

T = TypeVar("T")


async def insist(ask: Callable[[], Awaitable[T]], on_trouble: Callable[[ForebayError], None]) -> T:
    """Ask until there is an answer, with growing pauses.

    In a handler of a pool the setting `timeout` does not count the time that this takes.

    Arguments:
        ask: may be asked again after any failure, also after one of which nobody can say whether it was one.
        on_trouble: hears of each failure.

    Raises:
        ForebayError: one for which asking again cannot help.
    """
    next_pause = pauses()
    with held():
        while True:
            try:
                return await ask()
            except ForebayError as error:
                if not error.retryable:
                    raise
                on_trouble(error)
            await asyncio.sleep(next_pause())
