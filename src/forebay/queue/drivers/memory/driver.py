"""The driver of a topic in the memory of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable
from forebay.message import Message
from forebay.queue.bell import rung
from forebay.queue.driver import (
    Counts,
    DeadLetter,
    Delivery,
    Ending,
    Features,
    Found,
    Settlement,
    State,
)
from forebay.queue.drivers.memory.group import Group
from forebay.queue.drivers.memory.lines import Entry
from forebay.queue.drivers.memory.topic import Topic, Topics, name_of
from forebay.queue.options import EACH, OPTIONS, asked_of
from forebay.url import URL

FEATURES: Final = Features(
    disciplines=frozenset(Discipline),
    orders=frozenset(Order),
    persistent=False,
    crosses_processes=False,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
)


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> MemoryQueue:
    """Open a topic and a group of it; both are made where they do not exist.

    Raises:
        UsageError: an option is unknown or cannot be read, or the topic is open with another discipline or order.
    """
    url.check_options(OPTIONS)
    name = name_of(url)
    asked = asked_of(url.with_options(topic=name[1]))
    topics = Topics.here()
    topic = topics.topic(name, asked.discipline, clock)
    group = topic.group(asked.group, asked.order)
    topic.users += 1
    return MemoryQueue(topics, topic, group, asked.lease)


class MemoryQueue:
    """One topic and one group in the memory of this process; made by :func:`connect`."""

    features = FEATURES
    durability = Durability.MEMORY

    def __init__(self, topics: Topics, topic: Topic, group: Group, lease: float) -> None:
        self._topics = topics
        self._topic = topic
        self._group = group
        self._lease_seconds = lease
        self._closed = False

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages for all groups; the reference of a message is its id."""
        self._check()
        return [self._accept(message, places) for message in messages]

    def _accept(self, message: Message, places: float) -> str | ForebayError:
        lacking = [group for group in self._topic.all_groups() if message.id not in group.entries]
        if any(group.waiting >= places for group in lacking if group.name != EACH):
            return QueueFull(f"all waiting places of {self._topic.name!r} are taken", "try again later")
        if not message.accepted_at:
            message = message.replace(accepted_at=self._topic.clock.time())
        for group in lacking:
            group.accept(message)
        return message.id

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages; while there are none, wait for a bell or for the next that is due."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        with self._group.listening() as bell:
            while True:
                self._check()
                bell.clear()
                if (deliveries := self._claim(limit)) or limit < 1:
                    return deliveries
                pause = min(self._group.next_due() - self._group.clock.time(), end - loop.time())
                if pause <= 0:
                    return []
                await rung(bell, pause)

    def _claim(self, limit: int) -> Sequence[Delivery]:
        group = self._group
        group.promote()
        due = group.clock.time() + self._lease_seconds
        taken: list[Delivery] = []
        while len(taken) < limit and (entry := group.line.take()) is not None:
            taken.append(self._lease(entry, due))
        return taken

    def _lease(self, entry: Entry, due: float) -> Delivery:
        entry.attempt += 1
        entry.owner, entry.lease = self, next(self._group.leases)
        self._group.sleep(entry, State.IN_WORK, due)
        return Delivery(entry.message, entry.attempt, (entry, entry.lease))

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries."""
        self._check()
        return [self._end(settlement) for settlement in settlements]

    def _end(self, settlement: Settlement) -> bool:
        group = self._group
        entry, lease = settlement.delivery.handle
        if entry.lease != lease:
            return False
        entry.lease = None
        if settlement.headers is not None and settlement.ending in {Ending.RETRY, Ending.DEAD}:
            entry.message = entry.message.replace(headers=settlement.headers)
        match settlement.ending:
            case Ending.DONE:
                group.remove(entry)
                group.done += 1
            case Ending.RETRY:
                group.sleep(entry, State.RETRYING, group.clock.time() + settlement.delay)
            case Ending.DEAD:
                group.move(entry, State.DEAD)
            case Ending.RELEASE:
                group.release(entry)
        return True

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases."""
        self._check()
        due = self._group.clock.time() + self._lease_seconds
        for entry, lease in (delivery.handle for delivery in deliveries):
            if entry.lease == lease:
                self._group.sleep(entry, State.IN_WORK, due)

    async def counts(self) -> Counts:
        """Count the entries one by one, and compare them with what was counted at the door."""
        self._check()
        return self._group.counts()

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this id is."""
        self._check()
        entry = self._group.entries.get(reference)
        if entry is None:
            return None
        return Found(
            entry.seen_at(self._group.clock.time()), entry.message.accepted_at, entry.attempt, entry.message.headers
        )

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        self._check()
        ids = sorted(id for id, entry in self._group.entries.items() if entry.state is State.DEAD and id > after)
        return [DeadLetter(self._group.entries[id].message, self._group.entries[id].attempt) for id in ids[:limit]]

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back, to the place in the order that they had."""
        self._check()
        returned = self._group.dead(ids)
        for entry in returned:
            entry.attempt = 0
            self._group.make_ready(entry)
        return len(returned)

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        self._check()
        return self._group.discard(self._group.dead(ids))

    async def purge(self) -> int:
        """Remove what waits or retries."""
        self._check()
        self._group.promote()
        self._group.line.clear()
        return self._group.discard(self._group.of(State.WAITING, State.RETRYING))

    async def close(self) -> None:
        """Release what is leased to this driver; its waiting receivers end with `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        self._group.release_all_of(self)
        self._topic.let_go(self._group)
        self._topics.leave(self._topic)

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._topic.name!r} is closed")
        if self._group.removed:
            raise Unavailable(f"the queue {self._topic.name!r} was removed by an operator", "open it anew")
