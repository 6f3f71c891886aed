"""What every measurement of a broker shares: the message and the clock."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

BODY = f'"{os.urandom(511).hex()}"'.encode()
"""One kilobyte that does not compress."""


class Meter:
    """Counts to `count`; its clock begins with the first that is counted."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.counted = 0
        self._first = 0
        self._began = 0.0
        self._full = asyncio.Event()
        self._failure: BaseException | None = None

    def add(self, number: int = 1) -> None:
        if not self.counted:
            self._began, self._first = time.perf_counter(), number
        self.counted += number
        if self.counted >= self.count:
            self._full.set()

    def fail(self, error: BaseException) -> None:
        """Let the measurement fail."""
        self._failure = error
        self._full.set()

    async def full(self) -> None:
        """Wait until all were counted."""
        await self._full.wait()
        if self._failure is not None:
            raise self._failure

    def show(self) -> None:
        """Print how many a second, up to now; those that began the clock are not counted."""
        print((self.counted - self._first) / max(1e-9, time.perf_counter() - self._began))


async def measure(
    what: str,
    count: int,
    publish: Callable[[Meter], Awaitable[None]],
    consume: Callable[[Meter], Awaitable[None]],
) -> None:
    """Measure one of the two, and print it; what is to be consumed is published first."""
    meter = Meter(count)
    if what == "consume":
        await publish(Meter(count))
        await consume(meter)
    else:
        await publish(meter)
    meter.show()
