"""How a command runs its coroutine: on uvloop, with signals that end it in order."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the quickest event loop there is."""
    # An outage of the store is told in a line of ours; a pool of psycopg writes several each second meanwhile.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


class Interruption:
    """The wish of the user or of the system that this program ends: once in order, twice at once.

    Inside an ``async with`` SIGINT and SIGTERM set `wished` instead of raising KeyboardInterrupt.

    Arguments:
        begun: False: there is nothing to end in order until `begun` is set, and the first signal ends the program.
    """

    def __init__(self, *, begun: bool = True) -> None:
        self.begun = begun
        self.wished = asyncio.Event()
        self.by = 0

    async def __aenter__(self) -> Interruption:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hear, number)
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _hear(self, number: int) -> None:
        if self.wished.is_set() or not self.begun:  # now: what is accepted is durable
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.by = number
        self.wished.set()
