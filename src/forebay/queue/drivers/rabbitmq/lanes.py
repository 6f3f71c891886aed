"""Receiving in order: a standing consumer, and lanes in which the next message of a key waits for the one before it.

The broker gives the messages of such a group to one process at a time (a single active consumer), in the order of their
publishing; when that process dies, all that it had not settled goes to the next one, in the same order. A message that
is to be tried again stays with its process, unsettled, until its time has come: so it blocks its key, and its key only.
A subscriber of its own is served in the same way, without lanes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
from pamqp import commands

from forebay.disciplines import Order
from forebay.errors import ForebayError, Unknown
from forebay.message import Message, new_id
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.copies import Copies
from forebay.queue.drivers.rabbitmq.frames import Arrival
from forebay.queue.drivers.rabbitmq.link import Link, answered
from forebay.queue.drivers.rabbitmq.records import came

WINDOW = 1_000
"""Messages that the broker hands over before they are settled; as many can be blocked by their keys."""
IDLE_SECONDS = 2.0
"""After which a process that has nothing in hand and asks for nothing makes room for one that stands by."""


class Entry(msgspec.Struct, gc=False):
    """A message that this process has, settled or not.

    Arguments:
        channel: that it came over.
        tag: by which the channel knows it.
        message: it; a retry replaces its headers.
        attempt: the number of its next or present delivery, from 1.
        lane: the key that it blocks; None: nothing.
        spared: times that it came back without having been in anybody's hand.
        lease: counts its deliveries; a settlement of an older one is refused.
        out: it is in somebody's hand.
        due_at: the time that it waits for, in seconds since the epoch.
        sleeping: it waits for it.
    """

    channel: Channel
    tag: int
    message: Message
    attempt: int
    lane: str | None
    spared: int = 0
    lease: int = 0
    out: bool = False
    due_at: float = 0.0
    sleeping: bool = False


class Lanes:
    """The deliveries of a group with an order, or of a subscriber of its own, to this process.

    Arguments:
        link: the connection to consume over.
        queue: of the group.
        copies: writes dead letters.
        order: what is worked off one after the other.
        keeps_dead: whether there are dead letters; else what is given up is gone.

    Attributes:
        done, dropped: deliveries that ended well here, and that were given up and are kept nowhere.
    """

    def __init__(self, link: Link, queue: str, copies: Copies, order: Order, keeps_dead: bool) -> None:
        self.done = self.dropped = 0
        self._link = link
        self._queue = queue
        self._copies = copies
        self._order = order
        self._keeps_dead = keeps_dead
        self._numbers = itertools.count(1)
        self._channel: Channel | None = None
        self._entries: dict[int, Entry] = {}
        self._lanes: dict[str, deque[Entry]] = {}
        self._ready: deque[Entry] = deque()
        self._bell = asyncio.Event()
        self._subscribing = asyncio.Lock()
        self._calls = 0
        self._parting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._spared: dict[str, int] = {}  # by id, for what was here when the last channel was lost

    @property
    def in_work(self) -> list[Message]:
        """What this process has in hand."""
        return [entry.message for entry in self._entries.values() if entry.out]

    @property
    def waiting(self) -> int:
        """Messages that lie here: ready, or behind another of their key."""
        return sum(not entry.out and not entry.sleeping for entry in self._entries.values())

    @property
    def retrying(self) -> int:
        """Messages that wait here for their time."""
        return sum(entry.sleeping for entry in self._entries.values())

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease up to `limit` messages, each the first of its key; come back after at most `wait` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        self._calls += 1
        try:
            while limit > 0:
                self._bell.clear()  # before: what is heard, or lost, while we subscribe is not to be slept through
                await self.subscribe()
                if self._ready:
                    return [self._hand(self._ready.popleft()) for _ in range(min(limit, len(self._ready)))]
                async with asyncio.timeout_at(end):
                    await self._bell.wait()
        except TimeoutError:
            pass
        finally:
            self._calls -= 1
            self._plan_to_part()
        return []

    def _plan_to_part(self) -> None:
        """Unless somebody asks again in time, let another process have the group."""
        if self._parting is not None:
            self._parting.cancel()
        if self._order is not Order.NONE:
            self._parting = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._part)

    def _part(self) -> None:
        if self._calls or self._tasks or self.retrying or self.in_work:
            self._plan_to_part()
        elif self._channel is not None:
            self._channel.close()
            self._forget()

    async def subscribe(self) -> None:
        """Have a consumer that lives; after a loss nothing of what was here is ours any more.

        Raises:
            Unavailable: the broker cannot be reached. Missing: somebody has deleted the queue.
        """
        async with self._subscribing:
            if self._channel is None or self._channel.closed is not None:
                self._forget()
                self._channel = channel = await self._link.channel("lanes")
                tag = f"lanes-{next(self._numbers)}"
                await answered(channel.consume(self._queue, tag, WINDOW, self._hear, self._lost))

    def _lost(self) -> None:
        """The channel is no more, or the queue: what it had belongs to others, and a new channel is needed."""
        if self._channel is not None:
            self._channel.close()
        self._forget()
        self._bell.set()

    def _forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._entries:
            self._spared = {e.message.id: e.spared + (not e.out) for e in self._entries.values()}
        self._entries.clear()
        self._lanes.clear()
        self._ready.clear()

    def _hear(self, arrival: Arrival) -> None:
        assert self._channel is not None
        one = came(arrival, "")
        message = one.message
        if one.foreign:
            message = message.replace(id=new_id(), accepted_at=message.accepted_at or self._copies.clock.time())
        returns = one.crashes or int(arrival.redelivered)
        lane = {Order.KEY: message.key, Order.PARTITION: ""}.get(self._order)
        spared = self._spared.pop(message.id, 0)
        if lane is not None and lane in self._lanes:
            spared = returns  # behind another one of its key nobody has ever had it
        one.crashes = max(returns - spared, 0)
        entry = Entry(self._channel, arrival.tag, message, one.attempt, lane, spared)
        self._entries[id(entry)] = entry
        if one.due_at > self._copies.clock.time():
            self._sleep(entry, one.due_at)
        if lane is not None:
            line = self._lanes.setdefault(lane, deque())
            line.append(entry)
            if len(line) > 1:
                return
        if not entry.sleeping:
            self._make_ready(entry)

    def _sleep(self, entry: Entry, due_at: float) -> None:
        """Let a message wait for its time; the time of a message behind another one passes meanwhile."""
        entry.sleeping, entry.due_at = True, due_at
        delay = max(due_at - self._copies.clock.time(), 0.001)
        self._timers[id(entry)] = asyncio.get_running_loop().call_later(delay, self._awake, entry)

    def _awake(self, entry: Entry) -> None:
        del self._timers[id(entry)]
        if id(entry) not in self._entries:
            return
        if entry.due_at > self._copies.clock.time():  # timers may be a little early
            self._sleep(entry, entry.due_at)
            return
        entry.sleeping = False
        if entry.lane is None or self._lanes[entry.lane][0] is entry:
            self._make_ready(entry)

    def _make_ready(self, entry: Entry, first: bool = False) -> None:
        if first:
            self._ready.appendleft(entry)
        else:
            self._ready.append(entry)
        self._bell.set()

    def _hand(self, entry: Entry) -> Delivery:
        entry.out = True
        entry.lease += 1
        return Delivery(entry.message, entry.attempt, (entry, entry.lease))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries; dead letters are made safe first. A cancelled call is finished all the same.

        Raises:
            Unavailable, Unknown: a dead letter is not known to be safe, or the broker may not have heard.
        """
        held = [self._begin(settlement) for settlement in settlements]
        going = [settlement for settlement, ours in zip(settlements, held, strict=True) if ours]
        if going:
            ending = asyncio.get_running_loop().create_task(self._finish(going))
            self._tasks.add(ending)
            ending.add_done_callback(self._finished)
            await asyncio.shield(ending)
        return held

    def _finished(self, ending: asyncio.Task[None]) -> None:
        self._tasks.discard(ending)
        if not ending.cancelled():
            ending.exception()  # whoever began it may have been cancelled

    async def _finish(self, settlements: Sequence[Settlement]) -> None:
        dying = [s for s in settlements if s.ending is Ending.DEAD] if self._keeps_dead else []
        try:
            for error in await self._copies.publisher.insist([self._letter(s) for s in dying]):
                if error is not None:
                    raise error
        except BaseException:
            for settlement in settlements:
                settlement.delivery.handle[0].lease -= 1
            raise
        self._end(settlements)
        await self._told()

    async def _told(self) -> None:
        """Wait until the broker has read all acknowledgements; a channel answers in the order of asking."""
        if self._channel is not None:
            try:
                await answered(self._channel.ask(commands.Basic.Qos(prefetch_count=WINDOW)))
            except ForebayError as error:
                raise Unknown(f"RabbitMQ may not have heard what has ended: {error.what}") from error

    def _begin(self, settlement: Settlement) -> bool:
        entry, lease = settlement.delivery.handle
        if not entry.out or entry.lease != lease or id(entry) not in self._entries:
            return False
        entry.lease += 1  # a second settlement is refused
        return True

    def _letter(self, settlement: Settlement) -> tuple[bytes, tuple[str, bytes, bytes]]:
        delivery = settlement.delivery
        message = delivery.message
        if settlement.headers is not None:
            message = message.replace(headers=settlement.headers)
        return self._copies.dead(message, delivery.attempt)

    def _end(self, settlements: Iterable[Settlement]) -> None:
        over: list[Entry] = []
        released: list[Entry] = []
        for settlement in settlements:
            entry: Entry = settlement.delivery.handle[0]
            if id(entry) not in self._entries:
                continue  # lost while its dead letter was written
            entry.out = False
            if settlement.ending is Ending.RETRY:
                self._again(entry, settlement)
            elif settlement.ending is Ending.RELEASE:
                released.append(entry)
            else:
                over.append(entry)
                self.done += settlement.ending is Ending.DONE
                self.dropped += settlement.ending is Ending.DEAD and not self._keeps_dead
        for entry in reversed(released):
            self._make_ready(entry, first=True)
        self._remove(over)

    def _again(self, entry: Entry, settlement: Settlement) -> None:
        entry.attempt += 1
        if settlement.headers is not None:
            entry.message = entry.message.replace(headers=settlement.headers)
        if settlement.delay > 0:
            self._sleep(entry, self._copies.clock.time() + settlement.delay)
        else:
            self._make_ready(entry)

    def _remove(self, entries: Sequence[Entry]) -> None:
        """Acknowledge messages that are over, and let the next of their keys come."""
        for entry in entries:
            del self._entries[id(entry)]
            if entry.lane is None:
                continue
            line = self._lanes[entry.lane]
            was_first = line[0] is entry
            line.remove(entry)
            if not line:
                del self._lanes[entry.lane]
            elif was_first and not line[0].sleeping:
                self._make_ready(line[0])
        if entries:
            entries[0].channel.ack([entry.tag for entry in entries])

    def purge(self) -> int:
        """Remove what lies here in nobody's hand; return how much."""
        idle = [entry for entry in self._entries.values() if not entry.out]
        self._ready.clear()
        for entry in idle:
            del self._entries[id(entry)]
        self._lanes = {e.lane: deque([e]) for e in self._entries.values() if e.lane is not None}
        if idle:
            idle[0].channel.ack([entry.tag for entry in idle])
        return len(idle)

    async def close(self) -> None:
        """Give back all that this process holds, in its order: the broker does it when the channel ends."""
        if self._parting is not None:
            self._parting.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._channel is not None:
            self._channel.close()
        self._forget()
