"""A queue in one SQLite file: durable, without a server, for several processes at once.

    sqlite:///orders.db?topic=orders            a file beside the program
    sqlite:////var/lib/orders.db?topic=orders   an absolute path

All drivers of one process on one file share one writer thread, hence one fsync for all that waits (see
:mod:`forebay.sqlitefile`). Time is wall time, since other processes read it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import apsw

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable, Unsupported, UsageError
from forebay.message import Message
from forebay.queue.driver import (
    Counts,
    DeadLetter,
    Delivery,
    Ending,
    Features,
    Found,
    Settlement,
)
from forebay.queue.drivers import sqlite_reading as reading
from forebay.queue.drivers import sqlite_schema as schema
from forebay.queue.options import OPTIONS, lease_of
from forebay.sqlitefile import Operation, SQLiteFile
from forebay.url import URL

T = TypeVar("T")

FEATURES: Final = Features(
    orders=frozenset({Order.NONE}),
    disciplines=frozenset(schema.ORDERS),
    persistent=True,
    crosses_processes=True,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
)
KNOWN_OPTIONS: Final = {**OPTIONS, "synchronous": "full: an fsync for each commit; normal: a power cut may lose some"}
LEASES_OF_ONE: Final = 1 << 24  # claims of one driver before its lease numbers begin again


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> SQLiteQueue:
    """Open a topic of a file; both are made where they do not exist.

    Raises:
        UsageError: an option is unknown or cannot be read, or the topic has another discipline.
        Unsupported: a discipline that SQLite cannot give.
        Unavailable: the file cannot be opened or written.
    """
    url.check_options(KNOWN_OPTIONS)
    if url.host or not url.path:
        raise UsageError(f"{url} names no file", "write sqlite:///orders.db, or sqlite:////var/lib/orders.db")
    discipline = url.option("discipline", Discipline, None)
    if discipline not in {None, *FEATURES.disciplines}:
        raise Unsupported(f"SQLite cannot give the discipline {discipline}", "take fifo, lifo or priority")
    lease = lease_of(url)
    synchronous = url.option("synchronous", _synchronous, "full")
    name = url.options.get("topic", "messages")
    file = await SQLiteFile.open(url.path, schema.SCHEMA, synchronous)
    try:
        topic, kept = await file.write(lambda connection: schema.open_topic(connection, name, discipline))
    except BaseException:
        await file.close()
        raise
    durability = Durability.FSYNC if synchronous == "full" else Durability.OS
    return SQLiteQueue(file, name, topic, kept, lease, durability, clock)


class SQLiteQueue:
    """One topic of one file; made by :func:`connect`."""

    features = FEATURES

    def __init__(
        self,
        file: SQLiteFile,
        name: str,
        topic: int,
        discipline: Discipline,
        lease: float,
        durability: Durability,
        clock: Clock,
    ) -> None:
        self.durability = durability
        self._file = file
        self._name = name
        self._topic = topic
        self._discipline = discipline
        self._lease_seconds = lease
        self._clock = clock
        self._first_lease = secrets.randbits(38) * LEASES_OF_ONE
        self._claims = 0
        self._found_nothing = False
        self._closed = False

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages in one commit; the reference of a message is its id."""
        now = self._clock.time()
        rows = [schema.row_of(message, self._topic, self._discipline, now) for message in messages]
        results = await self._write(lambda connection: self._insert(connection, rows, places))
        self._file.ring(self._name)
        return results

    def _insert(
        self, connection: apsw.Connection, rows: list[schema.Row], places: float
    ) -> Sequence[str | ForebayError]:
        if not math.isinf(places):
            room = places - reading.waiting(connection, self._topic)
            if room < len(rows):
                return self._insert_what_fits(connection, rows, room)
        schema.insert(connection, self._topic, rows)
        return [row[1] for row in rows]

    def _insert_what_fits(
        self, connection: apsw.Connection, rows: list[schema.Row], room: float
    ) -> Sequence[str | ForebayError]:
        there = reading.known(connection, self._topic, (row[1] for row in rows))
        fitting: list[schema.Row] = []
        results: list[str | ForebayError] = []
        for row in rows:
            if row[1] not in there and len(fitting) >= room:
                results.append(QueueFull(f"all waiting places of {self._name!r} are taken", "try again later"))
                continue
            if row[1] not in there:
                fitting.append(row)
                there.add(row[1])
            results.append(row[1])
        schema.insert(connection, self._topic, fitting)
        return results

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages; while there are none, wait without the write lock and without writing."""
        self._check()
        if limit < 1:
            return []
        if not self._found_nothing and (deliveries := await self._claim(limit)):
            return deliveries
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        bell = asyncio.Event()
        unwatch = self._file.watch(self._name, bell.set)
        try:
            while True:
                bell.clear()
                pause = await self._look()
                if pause <= 0 and (deliveries := await self._claim(limit)):
                    return deliveries
                pause = min(max(pause, 0.0), end - loop.time())
                if pause <= 0:
                    return []
                await _rung(bell, pause)
        finally:
            unwatch()

    async def _look(self) -> float:
        """Return the seconds until something is ready; inf when nothing is in sight."""
        self._check()
        ready, due = await self._file.read(lambda connection: reading.peek(connection, self._topic))
        if ready:
            return 0.0
        return math.inf if due is None else due - self._clock.time()

    async def _claim(self, limit: int) -> Sequence[Delivery]:
        self._check()
        self._claims += 1
        lease = self._first_lease + self._claims % LEASES_OF_ONE

        def claim(connection: apsw.Connection) -> Sequence[Delivery]:
            now = self._clock.time()
            schema.promote(connection, self._topic, now)
            due = now + self._lease_seconds
            return schema.claim(connection, self._topic, self._discipline, limit, lease, due)

        claimed = self._file.write_soon(claim)
        try:
            deliveries = await asyncio.shield(claimed)
        except asyncio.CancelledError:
            claimed.add_done_callback(self._give_back)
            raise
        self._found_nothing = not deliveries
        return deliveries

    def _give_back(self, claimed: asyncio.Future[Sequence[Delivery]]) -> None:
        """Release what was claimed for a caller that had been cancelled; closing releases it too."""
        if claimed.cancelled() or claimed.exception() is not None or not claimed.result() or self._closed:
            return
        lease = claimed.result()[0].handle[1]
        released = self._file.write_soon(lambda connection: schema.release_all(connection, self._topic, lease, lease))
        released.add_done_callback(self._given_back)

    def _given_back(self, released: asyncio.Future[int]) -> None:
        if not released.cancelled() and released.exception() is None:  # else the lease ends by itself
            self._file.ring(self._name)

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries in one commit."""
        done = [s.delivery.handle for s in settlements if s.ending is Ending.DONE]
        now = self._clock.time()

        def settle(connection: apsw.Connection) -> Sequence[bool]:
            finished = schema.finish(connection, self._topic, done) if done else set()
            results = []
            for s in settlements:
                if s.ending is Ending.DONE:
                    results.append(s.delivery.handle in finished)
                    finished.discard(s.delivery.handle)  # a second settlement of it comes too late
                else:
                    results.append(schema.settle_other(connection, self._topic, s, now))
            return results

        results = await self._write(settle)
        if len(done) < len(settlements):
            self._file.ring(self._name)
        return results

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases."""
        handles = [delivery.handle for delivery in deliveries]
        due = self._clock.time() + self._lease_seconds
        await self._write(lambda connection: schema.extend(connection, handles, due))

    async def counts(self) -> Counts:
        """Count the rows, and compare them with what the topic has counted."""
        return await self._read(lambda connection: reading.counts(connection, self._topic, self._clock.time()))

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this id is."""
        return await self._read(lambda connection: reading.find(connection, self._topic, reference, self._clock.time()))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        return await self._read(lambda connection: reading.dead_letters(connection, self._topic, limit, after))

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back, to the place in the order that they had."""
        returned = await self._write(lambda connection: schema.return_dead(connection, self._topic, ids))
        self._file.ring(self._name)
        return returned

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        return await self._write(lambda connection: schema.drop_dead(connection, self._topic, ids))

    async def purge(self) -> int:
        """Remove what waits or retries."""

        def purge(connection: apsw.Connection) -> int:
            schema.promote(connection, self._topic, self._clock.time())
            return schema.purge(connection, self._topic)

        return await self._write(purge)

    async def close(self) -> None:
        """Release what is leased to this driver; its waiting receivers end with `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        last = self._first_lease + LEASES_OF_ONE - 1
        try:
            await self._file.write(lambda c: schema.release_all(c, self._topic, self._first_lease, last))
        except Unavailable:
            pass  # the leases end by themselves
        finally:
            self._file.ring(self._name)
            await self._file.close()

    async def _write(self, operation: Operation[T]) -> T:
        self._check()
        return await self._file.write(operation)

    async def _read(self, operation: Operation[T]) -> T:
        self._check()
        return await self._file.read(operation)

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._name!r} is closed")


async def _rung(bell: asyncio.Event, seconds: float) -> None:
    """Wait for the bell, at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()


def _synchronous(text: str) -> str:
    if text not in {"full", "normal"}:
        raise UsageError("it is full or normal", "write synchronous=full")
    return text
