"""Memory cleaned at an interval: what is outdated goes."""

from __future__ import annotations

import asyncio
import time

from forebay.services.orderstore.memory import Memory

SLICE = 5_000
"""Orders that are looked at in one turn of the event loop."""


class Cleaner:
    """Lets the orders go that were created long ago.

    Too many orders, or too many bytes, never wait for it: memory holds to its limits with every order that comes.

    Arguments:
        memory: is cleaned.
        outdated: seconds since its `date_created` after which an order goes; inf: never.

    Attributes:
        outdated: how many have gone.
    """

    def __init__(self, memory: Memory, outdated: float) -> None:
        self.outdated = 0
        self._memory = memory
        self._seconds = outdated

    def oldest(self) -> float:
        """Return when an order may have been created at the earliest, in seconds since the epoch."""
        return time.time() - self._seconds

    async def keep_on(self, every: float) -> None:
        """Clean at an interval of so many seconds."""
        while True:
            await asyncio.sleep(every)
            await self.clean()

    async def clean(self) -> None:
        """Let all go that are outdated now."""
        oldest = self.oldest()
        orders = list(self._memory.by_number.values())
        outdated = []
        for start in range(0, len(orders), SLICE):
            outdated += [kept.number for kept in orders[start : start + SLICE] if kept.created < oldest]
            await asyncio.sleep(0)
        self.outdated += self._memory.remove(outdated)
