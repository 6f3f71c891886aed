"""One topic and one group of RabbitMQ: what is published, received, settled and counted there."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from pamqp import commands

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, Missing, QueueFull, Unavailable, Unknown
from forebay.message import Message
from forebay.queue.driver import Counts, DeadLetter, Delivery, Features, Found, Settlement
from forebay.queue.drivers.rabbitmq import topology
from forebay.queue.drivers.rabbitmq.address import Address, address_of
from forebay.queue.drivers.rabbitmq.copies import Copies
from forebay.queue.drivers.rabbitmq.credit import Credit
from forebay.queue.drivers.rabbitmq.examination import durability_of
from forebay.queue.drivers.rabbitmq.frames import publish_method
from forebay.queue.drivers.rabbitmq.ladder import Ladder, Target
from forebay.queue.drivers.rabbitmq.lanes import Lanes
from forebay.queue.drivers.rabbitmq.letters import Letters
from forebay.queue.drivers.rabbitmq.link import Link, answered, count_of
from forebay.queue.drivers.rabbitmq.management import Management
from forebay.queue.drivers.rabbitmq.publisher import Letter, Publisher
from forebay.queue.drivers.rabbitmq.records import content_of
from forebay.url import URL

FEATURES = Features(
    disciplines=frozenset({Discipline.FIFO, Discipline.PRIORITY}),
    orders=frozenset(Order),
    persistent=True,
    crosses_processes=True,
    exact_places=False,
    deduplicates=False,
    counts_crashes=True,
    finds=False,
    totals=False,
    lanes=4,
    ahead=0.1,  # a fetch is two entries in the log of a quorum queue: twice as many a second as with 0.025 (measured)
)

ROOM_FOR_THE_STORY = 4_096
"""Bytes of a frame that a message's own headers leave to those that tell of its failures."""


class Source(Protocol):
    """Where this process has its deliveries from: by credit, or in lanes.

    Attributes:
        dropped: deliveries that were given up and are kept nowhere.
    """

    dropped: int

    @property
    def done(self) -> int:
        """Deliveries that ended well here."""
        ...

    @property
    def in_work(self) -> list[Message]:
        """What this process has in hand."""
        ...

    @property
    def waiting(self) -> int:
        """Messages that lie here and are in nobody's hand."""
        ...

    @property
    def retrying(self) -> int:
        """Messages that wait here for their time."""
        ...

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries."""
        ...

    def purge(self) -> int:
        """Remove what lies here in nobody's hand; return how much."""
        ...

    async def close(self) -> None:
        """Give back all that this process holds."""
        ...


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> RabbitMQQueue:
    """Open a topic and a group; they are made where they do not exist.

    Raises:
        UsageError: the URL is wrong, or the broker refuses it, or the topic is made for something else.
        Unavailable: the broker cannot be reached.
    """
    address = address_of(url)
    queue = RabbitMQQueue(address, clock)
    try:
        await queue.open()
    except BaseException:
        await queue.close()
        raise
    return queue


class RabbitMQQueue:
    """One topic and one group, as seen by one process; made by :func:`connect`.

    What is accepted, done and in work is known of this process alone; what waits, retries and is dead is the broker's.
    """

    features = FEATURES
    durability = Durability.OS

    def __init__(self, address: Address, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        name = f"forebay {address.queue}"
        self._publishing = Link(address.account, f"{name} publishes")
        self._consuming = Link(address.account, f"{name} consumes")
        self._publisher = Publisher(self._publishing)
        self._later = Ladder(self._consuming, self._publisher, address.later, Target(address.topic, ""))
        self._retries = Ladder(self._consuming, self._publisher, address.retry, Target("", address.queue))
        self._to_topic = publish_method(address.topic, "")
        self._sorted = False
        self._source: Source | None = None
        self._letters: Letters | None = None
        self._bounded = asyncio.Lock()
        self._discarded = 0
        self._closed = False

    async def open(self) -> None:
        """Make or find what the topic is made of, and begin to listen where nothing is kept for us."""
        found = await topology.declare(self._consuming, self._address)
        await self._publishing.channel("publish", confirming=True)
        self.durability = await self._proved(found.durability)
        self._sorted = found.discipline is Discipline.PRIORITY
        copies = Copies(self._address, self._publisher, self._retries, self._clock, self._sorted)
        asked = self._address.asked
        if asked.ephemeral or asked.order is not Order.NONE:
            lanes = Lanes(self._consuming, self._address.queue, copies, asked.order, not asked.ephemeral)
            if asked.ephemeral:
                await lanes.subscribe()
            self._source = lanes
        else:
            self._source = Credit(self._consuming, self._address.queue, copies, found.durability is Durability.FSYNC)
        self._letters = Letters(self._consuming, self._address.dead, copies)

    async def _proved(self, durability: Durability) -> Durability:
        """Return the class; that messages are on several machines only the HTTP API can prove, where it is told."""
        address = self._address
        if durability is not Durability.FSYNC or not address.management:
            return durability
        try:
            queues = await Management(address.management, address.account).queues()
        except ForebayError:
            return durability
        ours = [queue for queue in queues if queue.name in {address.topic, address.queue}]
        return durability_of(ours) if ours else durability

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages once the broker has confirmed them; the reference of a message is its id."""
        self._check()
        if places == math.inf:
            return await self._publish(messages, math.inf)
        async with self._bounded:  # one batch after the other: each counts what the one before it has filled
            return await self._publish(messages, await self._room(places))

    async def _publish(self, messages: Sequence[Message], room: float) -> Sequence[str | ForebayError]:
        answers: list[str | ForebayError] = []
        letters: list[Letter] = []
        sent: list[int] = []
        for message in messages:
            if len(sent) >= room:
                answers.append(QueueFull(f"all waiting places of {self._address.topic!r} are taken", "try again later"))
                continue
            try:
                letters.append(await self._letter(message))
            except ForebayError as refused:
                answers.append(refused)
                continue
            sent.append(len(answers))
            answers.append(message.id)
        for place, error in zip(sent, await self._publisher.send(letters), strict=True):
            if error is not None:
                answers[place] = error
        await self._mend()
        return answers

    async def _letter(self, message: Message) -> Letter:
        now = self._clock.time()
        if not message.accepted_at:
            message = message.replace(accepted_at=now)
        content = content_of(message, self._publisher.frame_max - ROOM_FOR_THE_STORY, sorted_by_priority=self._sorted)
        if message.not_before > now:
            return await self._later.way(message.not_before - now), content
        return self._to_topic, content

    async def _room(self, places: float) -> float:
        """Return how many messages there is room for, as far as the broker and this process know."""
        if self._address.asked.ephemeral:
            return math.inf
        waiting, retrying = await self._ready()
        return max(places - waiting - retrying - self._publisher.in_flight, 0)

    async def _ready(self) -> tuple[int, int]:
        """Return how many messages the broker has ready, and how many wait for their time."""
        async with self._consuming.asking() as channel:
            try:
                waiting, _ = await topology.seen(channel, self._address.queue)
            except Missing:
                await self._repair()
                waiting = 0
        if self._address.asked.ephemeral:
            return waiting, 0
        return waiting, sum(await asyncio.gather(self._later.count(), self._retries.count()))

    async def _mend(self) -> None:
        """Make anew what somebody has deleted, if that was seen; where it fails, the next call tries again."""
        if self._publisher.unroutable:
            with contextlib.suppress(ForebayError):
                await self._repair()

    async def _repair(self) -> None:
        """Make the topic and the group anew.

        Raises:
            Unavailable: the broker cannot be reached. UsageError: somebody else has taken the names meanwhile.
        """
        self._later.forget()
        self._retries.forget()
        await topology.declare(self._consuming, self._address)
        self._publisher.unroutable = False

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease up to `limit` messages."""
        source = self._check()
        try:
            return await source.receive(limit, wait)
        except Missing as error:
            if not self._closed:
                await self._repair()
            raise Unavailable(f"{error.what}; it is made anew") from error

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries; what is not done is published anew and confirmed before it is acknowledged."""
        held = await self._check().settle(settlements)
        await self._mend()
        return held

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Do nothing: a lease lasts as long as the connection, which has heartbeats of its own."""
        self._check()

    async def counts(self) -> Counts:
        """Return what the broker counts, and of what is done and in work what this process knows."""
        self._check()
        waiting, retrying = await self._ready()
        with contextlib.suppress(ForebayError):  # what was on its way is ready again
            await self._consuming.caught_up()  # a message on its way to us is ready no more, and not yet in hand
        dead = 0 if self._letters is None or self._address.asked.ephemeral else await self._letters.count()
        return self.counts_here() + Counts(
            accepted=waiting + retrying + dead, waiting=waiting, retrying=retrying, dead=dead
        )

    def counts_here(self) -> Counts:
        """Return what only this connection knows of: what it has in hand, and what has ended here."""
        source = self._check()
        in_work, discarded = source.in_work, self._discarded + source.dropped
        births = [message.accepted_at for message in in_work]
        return Counts(
            accepted=source.waiting + source.retrying + len(in_work) + source.done + discarded,
            waiting=source.waiting,
            in_work=len(in_work),
            retrying=source.retrying,
            done=source.done,
            discarded=discarded,
            oldest_seconds=max(self._clock.time() - min(births), 0.0) if births else 0.0,
        )

    async def find(self, reference: str) -> Found | None:
        """Return nothing: RabbitMQ lets nobody look for a message."""
        self._check()
        return None

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        letters = self._kept_letters()
        return await letters.page(limit, after) if letters is not None else []

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back to wait."""
        letters = self._kept_letters()
        return await letters.put_back(ids) if letters is not None else 0

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        letters = self._kept_letters()
        dropped = await letters.drop(ids) if letters is not None else 0
        self._discarded += dropped
        return dropped

    def _kept_letters(self) -> Letters | None:
        self._check()
        return None if self._address.asked.ephemeral else self._letters

    async def purge(self) -> int:
        """Remove what waits or retries; what is not due yet for any group goes with the group of the topic."""
        source = self._check()
        async with self._consuming.asking() as channel:
            purged = source.purge()
            try:
                answer = await answered(channel.ask(commands.Queue.Purge(queue=self._address.queue)))
                purged += count_of(answer) + await self._purge_ladders()
            except ForebayError as error:
                raise Unknown(f"RabbitMQ may have removed a part of what waits: {error.what}") from error
        self._discarded += purged
        return purged

    async def _purge_ladders(self) -> int:
        purged = 0 if self._address.asked.ephemeral else await self._retries.purge()
        return purged + (await self._later.purge() if self._address.own_group else 0)

    async def close(self) -> None:
        """Release what is leased to this process, and let go of the broker."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._source is not None:
                await self._source.close()
            if self._address.asked.ephemeral:
                await self._vanish()
            await asyncio.gather(self._publishing.close(), self._consuming.close())
        finally:  # cancelled: a connection that nobody ends would hold what it has for ever
            self._publishing.kill()
            self._consuming.kill()

    async def _vanish(self) -> None:
        """Delete the queue of a subscriber of its own; where that fails, it expires."""
        with contextlib.suppress(ForebayError):
            async with self._consuming.asking() as channel:
                await answered(channel.ask(commands.Queue.Delete(queue=self._address.queue)))

    def _check(self) -> Source:
        if self._closed or self._source is None:
            raise Unavailable(f"the queue {self._address.topic!r} is closed")
        return self._source
