"""A queue in this process: no server, no file, no durability; what every other driver does, at its plainest.

    memory://orders

Within one event loop, all who open the same name share one queue; it is gone when the last of them has closed it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable, UsageError
from forebay.message import Message
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
from forebay.queue.drivers.memory_state import Entry, Shared
from forebay.queue.options import OPTIONS, lease_of
from forebay.url import URL

FEATURES: Final = Features(
    orders=frozenset({Order.NONE}),
    disciplines=frozenset(Discipline),
    persistent=False,
    crosses_processes=False,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
)


_QUEUES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Shared]] = weakref.WeakKeyDictionary()


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> MemoryQueue:
    """Open the queue of this name; it is made where it does not exist.

    Raises:
        UsageError: an option is unknown or cannot be read, or the queue is open with another discipline.
    """
    url.check_options(OPTIONS)
    place = "/".join(part for part in (url.host, url.path) if part)
    topic = url.options.get("topic") or place or "messages"
    name = topic if place in {"", topic} else f"{place}?topic={topic}"
    discipline = url.option("discipline", Discipline, None)
    lease = lease_of(url)
    queues = _QUEUES.setdefault(asyncio.get_running_loop(), {})
    shared = queues.get(name)
    if shared is None:
        shared = queues[name] = Shared(discipline or Discipline.FIFO, clock, lambda: queues.pop(name))
    elif discipline not in {None, shared.discipline}:
        raise UsageError(f"memory://{name} is open as {shared.discipline}", "leave the discipline out")
    return MemoryQueue(name, shared, lease)


class MemoryQueue:
    """One topic in the memory of this process; made by :func:`connect`."""

    features = FEATURES
    durability = Durability.MEMORY

    def __init__(self, name: str, shared: Shared, lease: float) -> None:
        self._name = name
        self._shared = shared
        self._lease_seconds = lease
        self._closed = False
        shared.users += 1

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages; the reference of a message is its id."""
        self._check()
        return [self._accept(message, places) for message in messages]

    def _accept(self, message: Message, places: float) -> str | ForebayError:
        shared = self._shared
        if message.id in shared.entries:
            return message.id
        if shared.number[State.WAITING] + shared.number[State.RETRYING] >= places:
            return QueueFull(f"all waiting places of {self._name!r} are taken", "try again later")
        if not message.accepted_at:
            message = message.replace(accepted_at=shared.clock.time())
        shared.accept(message)
        return message.id

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages; while there are none, wait for a bell or for the next that is due."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        with self._shared.listening() as bell:
            while True:
                self._check()
                bell.clear()
                if (deliveries := self._claim(limit)) or limit < 1:
                    return deliveries
                pause = min(self._shared.next_due() - self._shared.clock.time(), end - loop.time())
                if pause <= 0:
                    return []
                await _rung(bell, pause)

    def _claim(self, limit: int) -> Sequence[Delivery]:
        shared = self._shared
        shared.promote()
        due = shared.clock.time() + self._lease_seconds
        taken = [shared.ready.take() for _ in range(min(limit, len(shared.ready)))]
        return [self._lease(entry, due) for entry in taken]

    def _lease(self, entry: Entry, due: float) -> Delivery:
        entry.attempt += 1
        entry.owner, entry.lease = self, next(self._shared.leases)
        self._shared.sleep(entry, State.IN_WORK, due)
        return Delivery(entry.message, entry.attempt, (entry, entry.lease))

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries."""
        self._check()
        return [self._end(settlement) for settlement in settlements]

    def _end(self, settlement: Settlement) -> bool:
        shared = self._shared
        entry, lease = settlement.delivery.handle
        if entry.lease != lease:
            return False
        entry.lease = None
        if settlement.headers is not None and settlement.ending in {Ending.RETRY, Ending.DEAD}:
            entry.message = entry.message.replace(headers=settlement.headers)
        match settlement.ending:
            case Ending.DONE:
                shared.remove(entry)
                shared.done += 1
            case Ending.RETRY:
                shared.sleep(entry, State.RETRYING, shared.clock.time() + settlement.delay)
                shared.ring()  # it may be due before all that receivers wait for
            case Ending.DEAD:
                shared.move(entry, State.DEAD)
            case Ending.RELEASE:
                shared.release(entry)
        return True

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases."""
        self._check()
        due = self._shared.clock.time() + self._lease_seconds
        for entry, lease in (delivery.handle for delivery in deliveries):
            if entry.lease == lease:
                self._shared.sleep(entry, State.IN_WORK, due)

    async def counts(self) -> Counts:
        """Count the entries one by one, and compare them with what was counted at the door."""
        self._check()
        shared, now = self._shared, self._shared.clock.time()
        states = [entry.seen_at(now) for entry in shared.entries.values()]
        unfinished = (e.message.accepted_at for e in shared.entries.values() if e.state is not State.DEAD)
        return Counts(
            accepted=shared.accepted,
            waiting=states.count(State.WAITING),
            in_work=states.count(State.IN_WORK),
            retrying=states.count(State.RETRYING),
            done=shared.done,
            dead=states.count(State.DEAD),
            discarded=shared.discarded,
            oldest_seconds=max(0.0, now - min(unfinished, default=now)),
        )

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this id is."""
        self._check()
        entry = self._shared.entries.get(reference)
        if entry is None:
            return None
        state = entry.seen_at(self._shared.clock.time())
        return Found(state, entry.message.accepted_at, entry.attempt, entry.message.headers)

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        self._check()
        ids = sorted(id for id, entry in self._shared.entries.items() if entry.state is State.DEAD and id > after)
        return [DeadLetter(self._shared.entries[id].message, self._shared.entries[id].attempt) for id in ids[:limit]]

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back, to the place in the order that they had."""
        self._check()
        returned = self._shared.dead(ids)
        for entry in returned:
            entry.attempt = 0
            self._shared.make_ready(entry)
        return len(returned)

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        self._check()
        return self._shared.discard(self._shared.dead(ids))

    async def purge(self) -> int:
        """Remove what waits or retries."""
        self._check()
        self._shared.promote()
        self._shared.ready.clear()
        return self._shared.discard(self._shared.of(State.WAITING, State.RETRYING))

    async def close(self) -> None:
        """Release what is leased to this driver; its waiting receivers end with `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        for entry in self._shared.of(State.IN_WORK):
            if entry.owner is self:
                self._shared.release(entry)
        self._shared.leave()

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._name!r} is closed")


async def _rung(bell: asyncio.Event, seconds: float) -> None:
    """Wait for the bell, at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
