"""Receiving by credit: consumers for as many messages as were asked for, and none a moment longer.

One standing consumer would be sent the next messages as soon as it settles some, whether its workers want them or not.
Here each call that asks for more adds a consumer with that much credit, which is cancelled with the message that uses
it up, before anything it brought can be settled; and when nobody asks any more, all of them are. So what is fetched is
what was asked for, idle processes hold nothing back from busy ones, and what waits is with the broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Iterable, Sequence

from forebay.errors import ForebayError, Unavailable
from forebay.message import Message, new_id
from forebay.queue.driver import Delivery, Settlement
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.copies import Copies
from forebay.queue.drivers.rabbitmq.frames import Arrival
from forebay.queue.drivers.rabbitmq.holdings import Holding, Holdings
from forebay.queue.drivers.rabbitmq.link import Link, answered, failure
from forebay.queue.drivers.rabbitmq.publisher import Letter
from forebay.queue.drivers.rabbitmq.records import Came, came

NEARLY_DUE = 0.05
"""Seconds that a message which came early is waited for, rather than sent away again."""
PAUSE = 1.0
"""Seconds until the broker, which would not take a message, is asked again."""
MOST_AT_ONCE = 65_535
IDLE_SECONDS = 0.1
"""After which credit is taken back, should no other call of `receive` have come."""


class Credit:
    """The deliveries of a group without an order to this process.

    Arguments:
        link: the connection to consume over.
        queue: of the group.
        copies: writes what is published anew.
        counts_returns: whether the broker counts how often a message came back; else it only says that it did.

    Attributes:
        dropped: deliveries that were given up and are kept nowhere: none, of such a group.
    """

    def __init__(self, link: Link, queue: str, copies: Copies, counts_returns: bool) -> None:
        self.dropped = 0
        self._holdings = Holdings(copies)
        self._link = link
        self._queue = queue
        self._copies = copies
        self._counts_returns = counts_returns
        self._numbers = itertools.count(1)
        self._channel: Channel | None = None
        self._credits: dict[str, int] = {}  # what each consumer may still be sent
        self._here: deque[Holding] = deque()  # fetched, and in nobody's hand
        self._nearly_due: set[Holding] = set()
        self._bells: set[asyncio.Future[bool]] = set()
        self._calls = 0
        self._parting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def in_work(self) -> list[Message]:
        """What this process has in hand."""
        return self._holdings.messages

    @property
    def done(self) -> int:
        """Deliveries that ended well here."""
        return self._holdings.done

    @property
    def waiting(self) -> int:
        """Messages that lie here and are in nobody's hand."""
        return sum(holding.lives for holding in self._here)

    @property
    def retrying(self) -> int:
        """Messages that wait here for their time: for a moment, before they are due."""
        return sum(holding.lives for holding in self._nearly_due)

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease up to `limit` messages; come back after at most `wait` seconds.

        Raises:
            Unavailable: the broker cannot be reached. Missing: somebody has deleted the queue.
        """
        end = asyncio.get_running_loop().time() + wait
        self._calls += 1
        self._stay()
        try:
            while limit > 0:
                if ready := await self._fit(limit):
                    return [self._holdings.hand(holding) for holding in ready]
                await self._ask_for(limit)
                if not self._here and not await self._heard(end):
                    return []
            return []
        finally:
            self._calls -= 1
            self._plan_to_part()

    async def _fit(self, limit: int) -> list[Holding]:
        """Return messages that are here and can be handed out; others wait for their time, or go again."""
        taken = self._take_here(limit)
        if not any(map(self._must_go_again, taken)):
            return taken
        going = asyncio.get_running_loop().create_task(self._send_again(taken))
        self._keep(going)
        try:
            await asyncio.shield(going)
        except asyncio.CancelledError:
            going.add_done_callback(lambda _: self._keep_here(h for h in taken if not h.settling))
            raise
        return [holding for holding in taken if not holding.settling]

    def _keep_here(self, holdings: Iterable[Holding]) -> None:
        """Have what a caller who was cancelled did not take lie here for the next one, or go back."""
        self._here.extend(holdings)
        self._ring()
        self._plan_to_part()

    async def _ask_for(self, limit: int) -> None:
        """Have as much credit with the broker as is asked for."""
        channel = self._link.open_channel("consume") or await self._link.channel("consume")
        if channel is not self._channel:
            self._channel, self._credits = channel, {}
            channel.stray = self._stray
        if (more := min(limit, MOST_AT_ONCE) - sum(self._credits.values()) - len(self._here)) > 0:
            tag = f"credit-{next(self._numbers)}"
            self._credits[tag] = more

            def hear(arrival: Arrival) -> None:
                left = self._credits.get(tag, 0) - 1
                if left > 0:
                    self._credits[tag] = left
                elif left == 0:
                    del self._credits[tag]
                    channel.cancel(tag)
                self._here.append(self._holding(channel, arrival))
                self._ring()

            def ended() -> None:
                self._credits.pop(tag, None)
                self._ring()

            channel.begin(self._queue, tag, more, hear, ended)

    async def _heard(self, end: float) -> bool:
        """Wait until a message comes; False when the time is over.

        Raises:
            Unavailable, Missing: the channel is no more.
        """
        self._check()  # while the channel was opened nobody could ring for us
        loop = asyncio.get_running_loop()
        bell: asyncio.Future[bool] = loop.create_future()
        self._bells.add(bell)
        timer = loop.call_at(end, _answer, bell, False)
        try:
            heard = await bell
        finally:
            timer.cancel()
            self._bells.discard(bell)
        self._check()
        return heard

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._queue!r} is closed")
        if not self._here and self._channel is not None and self._channel.closed is not None:
            raise failure(self._channel.closed)

    def _ring(self) -> None:
        for bell in self._bells:
            _answer(bell, True)

    def _stray(self, arrival: Arrival) -> None:
        """A message came for a consumer that was just cancelled."""
        if self._channel is not None:
            self._here.append(self._holding(self._channel, arrival))
            self._ring()
            self._plan_to_part()

    def _plan_to_part(self) -> None:
        """Unless somebody asks again soon, take all credit back, and give back what has come for it."""
        self._stay()
        if not self._calls and not self._closed and (self._credits or self._here):
            self._parting = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._part_soon)

    def _stay(self) -> None:
        """Part later, if at all: whoever waits now counts on the credit that is left."""
        if self._parting is not None:
            self._parting.cancel()
            self._parting = None

    def _part_soon(self) -> None:
        self._parting = None
        self._keep(asyncio.get_running_loop().create_task(self._part()))

    async def _part(self) -> None:
        if self._calls:  # somebody has asked again meanwhile
            return
        channel, tags = self._channel, list(self._credits)
        self._credits.clear()
        if channel is not None and channel.closed is None:
            cancelled = [channel.cancel(tag) for tag in tags]
            with contextlib.suppress(ForebayError):
                for answer in cancelled:
                    await answered(answer)
        if not self._calls:
            await self._holdings.put_back(self._take_here(len(self._here)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _holding(self, channel: Channel, arrival: Arrival) -> Holding:
        one = came(arrival, "")
        if one.foreign:
            one.message = one.message.replace(id=new_id(), accepted_at=one.message.accepted_at or self._now())
        returned = arrival.redelivered and not self._counts_returns
        if returned:
            one.crashes += 1
        return Holding(channel, arrival.tag, one, returned)

    def _now(self) -> float:
        return self._copies.clock.time()

    def _must_go_again(self, holding: Holding) -> bool:
        """Whether a message cannot be handed out as it is: too early, nameless, or its past must be written into it."""
        one = holding.came
        return one.due_at > self._now() or one.foreign or holding.returned

    async def _send_again(self, holdings: Sequence[Holding]) -> None:
        """Publish anew what cannot be handed out as it is; what the broker does not take, and is due, stays."""
        again = []
        for holding in filter(self._must_go_again, holdings):
            holding.settling = True
            if 0 < (soon := holding.came.due_at - self._now()) <= NEARLY_DUE:
                self._wait_for(holding, soon)
            else:
                again.append(holding)
        with contextlib.suppress(ForebayError):
            await self._holdings.copy(again, [await self._anew(holding.came) for holding in again])
        self._holdings.acknowledge(holding for holding in again if holding.copied)
        for holding in again:
            if not holding.copied and holding.came.due_at > self._now():
                self._wait_for(holding, PAUSE)  # the broker takes nothing now
            elif not holding.copied:
                holding.settling = False

    def _wait_for(self, holding: Holding, seconds: float) -> None:
        self._nearly_due.add(holding)
        asyncio.get_running_loop().call_later(seconds, self._look_again, holding)

    def _look_again(self, holding: Holding) -> None:
        if holding in self._nearly_due:
            self._nearly_due.remove(holding)
            holding.settling = False
            self._here.append(holding)
            self._ring()
            self._plan_to_part()

    async def _anew(self, one: Came) -> Letter:
        if one.due_at > self._now():
            return await self._copies.due(one.message, one.tried, one.due_at, one.crashes)
        return self._copies.put_back(one)

    def _take_here(self, limit: int) -> list[Holding]:
        taken: list[Holding] = []
        while self._here and len(taken) < limit:
            holding = self._here.popleft()
            if holding.lives:
                taken.append(holding)
        return taken

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries; see `Holdings.settle`."""
        return await self._holdings.settle(settlements)

    def purge(self) -> int:
        """Remove what lies here in nobody's hand; return how much."""
        here = [*self._take_here(len(self._here)), *self._nearly_due]
        self._nearly_due.clear()
        self._holdings.acknowledge(here)
        return len(here)

    async def close(self) -> None:
        """Give back all that this process holds."""
        self._closed = True
        self._ring()
        self._stay()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._calls = 0
        await self._part()
        await self._holdings.put_back(list(self._nearly_due))
        await self._holdings.close()


def _answer(bell: asyncio.Future[bool], heard: bool) -> None:
    if not bell.done():
        bell.set_result(heard)
