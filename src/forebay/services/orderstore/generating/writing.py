"""Writes made-up orders into a queue: several writers, each at the instants of a plan, whatever the queue answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from forebay import ForebayError, Message, Topic, Unknown, new_id
from forebay.load.profiles.profile import Profile, Rush
from forebay.load.profiles.shapes import Unlimited
from forebay.services.orderstore.generating.orders import Orders

IN_FLIGHT = 4_000
"""Orders without an answer yet, of one writer that writes as fast as it can."""
_BURST = 64
"""Overdue orders written at most before the answers get their turn."""
_LOOK = 0.1
"""Seconds after which a writer that waits for an answer sees that it shall stop."""
_REST = 0.1
"""Seconds between two tries of one that writes as fast as it can, while the queue refuses."""
_ENDLESS = 1e9
"""Seconds."""


@dataclass(slots=True)
class Written:
    """What became of the orders so far.

    Arguments:
        written: the queue has them. refused: it certainly has not. unknown: nobody can say.
        broken: of those written.
        late: seconds, the most that an order was written after its instant.
        error: the first one.
    """

    written: int = 0
    refused: int = 0
    unknown: int = 0
    broken: int = 0
    late: float = 0.0
    error: ForebayError | None = None

    def count(self, answer: str | ForebayError, broken: bool) -> None:
        """Count an order by the answer of the queue."""
        if isinstance(answer, str):
            self.written += 1
            self.broken += broken
            return
        self.error = self.error or answer
        if isinstance(answer, Unknown):
            self.unknown += 1
        else:
            self.refused += 1


class Writing:
    """Writers at work on one row of orders.

    Arguments:
        orders: what they write, from the first on.
        topics: where each of them writes to; writer w of n writes every n-th order from number w on.
        profile: when an order is due; None: as soon as fewer than `IN_FLIGHT` are unanswered.
        seconds: how long; inf: until it is stopped. count: how many orders at most.
    """

    def __init__(
        self,
        orders: Orders,
        topics: Sequence[Topic],
        profile: Profile | None = None,
        *,
        seconds: float = math.inf,
        count: float = math.inf,
    ) -> None:
        self.figures = Written()
        self._stop = asyncio.Event()
        plan = profile or Unlimited()
        self._writers = [
            _Writer(
                orders,
                topic,
                itertools.count(part, len(topics)) if math.isinf(count) else iter(range(part, int(count), len(topics))),
                plan.plan(min(seconds, _ENDLESS), part, len(topics)),
                self.figures,
                self._stop,
            )
            for part, topic in enumerate(topics)
        ]

    async def run(self) -> Written:
        """Write until all is written, the time is over, or `stop` was called; return when each order has its answer."""
        zero = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for writer in self._writers:
                group.create_task(writer.run(zero))
        return self.figures

    def stop(self) -> None:
        """Begin no further order."""
        self._stop.set()


class _Writer:
    """One of them; it keeps to its plan, and what it has begun it waits for."""

    def __init__(
        self,
        orders: Orders,
        topic: Topic,
        numbers: Iterator[int],
        plan: Iterator[float | Rush],
        figures: Written,
        stop: asyncio.Event,
    ) -> None:
        self._stop = stop
        self._orders = orders
        self._topic = topic
        self._numbers = numbers
        self._next = next(numbers, None)
        self._plan = itertools.chain([*itertools.islice(plan, 1)], plan)  # to begin a plan takes its time: not later
        self._figures = figures
        self._zero = 0.0
        self._in_flight = 0
        self._answered = asyncio.Event()
        self._rest_until = 0.0
        self._of_good = self._hearing(broken=False)
        self._of_broken = self._hearing(broken=True)

    async def run(self, zero: float) -> None:
        """Write by the plan.

        Arguments:
            zero: its beginning, as `time.perf_counter` tells it.
        """
        self._zero = zero
        for item in self._plan:
            if self._next is None:
                break
            begin = item.begin if isinstance(item, Rush) else item
            if not await self._is_due(begin):
                break
            if isinstance(item, Rush):
                await self._hurry(item.end)
            else:
                self._figures.late = max(self._figures.late, self._elapsed() - begin)
                await self._write(self._next)
        while self._in_flight:
            await self._answer()

    async def _is_due(self, instant: float) -> bool:
        """Wait for an instant of the plan; return whether there is anything to do then."""
        if (ahead := instant - self._elapsed()) > 0:
            await _event_within(self._stop, ahead)
        return not self._stop.is_set()

    async def _hurry(self, end: float) -> None:
        """Write as fast as the queue takes it."""
        while self._next is not None and not self._stop.is_set() and (now := self._elapsed()) < end:
            if now < self._rest_until:
                await asyncio.sleep(self._rest_until - now)
            elif self._in_flight >= IN_FLIGHT:
                await self._answer()
            else:
                await self._write(self._next)

    async def _write(self, index: int) -> None:
        uid, broken = self._orders.uid(index), self._orders.flaw(index) is not None
        message = Message(new_id(), self._orders.body(index), uid, accepted_at=time.time())
        self._in_flight += 1
        self._topic.publish_soon(message, self._of_broken if broken else self._of_good)
        self._next = next(self._numbers, None)
        if self._in_flight % _BURST == 0:
            await asyncio.sleep(0)

    async def _answer(self) -> None:
        """Wait for the next answer, or a moment."""
        self._answered.clear()
        await _event_within(self._answered, _LOOK)

    def _hearing(self, *, broken: bool) -> Callable[[str | ForebayError], None]:
        count: Callable[[str | ForebayError, bool], None] = self._figures.count

        def hear(answer: str | ForebayError) -> None:
            self._in_flight -= 1
            self._answered.set()
            count(answer, broken)
            if not isinstance(answer, str):
                self._rest_until = self._elapsed() + _REST

        return hear

    def _elapsed(self) -> float:
        return time.perf_counter() - self._zero


async def _event_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
