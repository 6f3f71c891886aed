"""Calls that gather while one is under way, and are repeated until they succeed.

For what must reach a broker or a store in the end (settlements, results) and may be said twice without harm.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from forebay.errors import ForebayError, Unknown

T = TypeVar("T")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
LARGEST_BATCH = 1_000


def pauses() -> Callable[[], float]:
    """Return a source of growing pauses in seconds, each with jitter: for what is tried again until it works."""
    pause = FIRST_PAUSE

    def next_pause() -> float:
        nonlocal pause
        now, pause = pause, min(pause * 2, LONGEST_PAUSE)
        return now * random.uniform(0.5, 1.0)

    return next_pause


class Gatherer(Generic[T]):
    """Gathers items while one call is under way; a call that fails is repeated with growing pauses.

    Arguments:
        send: takes a list of items; when it raises, nothing is gone: it gets them again, after a ForebayError the same
            list, after any other error parts of it, so that one item that it cannot take does not hold up the others.
        on_trouble: hears of each failure.
        bound: items unsent at which `wait_for_room` waits.
    """

    def __init__(
        self,
        send: Callable[[list[T]], Awaitable[None]],
        on_trouble: Callable[[ForebayError], None],
        bound: int = 10_000,
    ) -> None:
        self._send = send
        self._on_trouble = on_trouble
        self._bound = bound
        self._items: list[T] = []
        self._sending = 0
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    def add(self, item: T) -> None:
        """Send an item with the next call."""
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def unsent(self) -> int:
        """How many items have not been sent successfully."""
        return len(self._items) + self._sending

    async def wait_for_room(self) -> None:
        """Return when fewer than `bound` items are unsent: back pressure for those who add."""
        while self.unsent >= self._bound:
            self._moved.clear()
            await self._moved.wait()

    async def drain(self, budget: float, *, give_up: bool = True) -> int:
        """Wait until all is sent, for at most `budget` seconds, then give up; return how many items are unsent.

        Arguments:
            budget: seconds.
            give_up: False: after the budget go on sending.
        """
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=budget)
            for task in late if give_up else ():
                task.cancel()
                await asyncio.wait({task})
        return self.unsent

    async def _run(self) -> None:
        await asyncio.sleep(0)  # let all that ends in this turn of the loop come along
        try:
            while self._items:
                batch, self._items = self._items[:LARGEST_BATCH], self._items[LARGEST_BATCH:]
                self._sending = len(batch)
                await self._insist(batch)
                self._sending = 0
                self._moved.set()
        finally:
            self._task = None

    async def _insist(self, batch: list[T]) -> None:
        next_pause = pauses()
        while batch:
            try:
                await self._send(batch)
                return
            except ForebayError as error:
                self._on_trouble(error)
            except Exception as error:  # somebody's bug; to end here would forget the items without a word
                self._on_trouble(Unknown(f"it failed: {error!r}"))
                batch = self._first_half(batch)
            await asyncio.sleep(next_pause())

    def _first_half(self, batch: list[T]) -> list[T]:
        """Put the second half of a batch behind all that waits; a single item waits there as a whole."""
        half = len(batch) // 2
        self._items += batch[half:]
        self._sending = half
        return batch[:half]
