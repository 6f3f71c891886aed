"""The driver of a topic in an SQLite file."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import apsw

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, UsageError
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
)
from forebay.queue.drivers.sqlite import accepting, groups, leasing, operating, reading
from forebay.queue.drivers.sqlite.disk import durability_of
from forebay.queue.drivers.sqlite.reserve import check_room
from forebay.queue.options import OPTIONS as COMMON_OPTIONS
from forebay.queue.options import Asked, asked_of
from forebay.sqlitefile import Operation, SQLiteFile
from forebay.url import URL

T = TypeVar("T")

FEATURES: Final = Features(
    disciplines=frozenset(Discipline),
    orders=frozenset(Order),
    persistent=True,
    crosses_processes=True,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
)
OPTIONS: Final[Mapping[str, str]] = {
    **COMMON_OPTIONS,
    "synchronous": "full: an fsync for each commit; normal: a power cut may lose some",
}
LEASES_OF_ONE: Final = 1 << 24  # claims of one driver before its lease numbers begin again


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> SQLiteQueue:
    """Open a topic of a file, and a group of it; all are made where they do not exist.

    Raises:
        UsageError: an option is unknown or cannot be read, or the topic has another discipline or order.
        Unavailable: the file cannot be opened or written.
    """
    path, synchronous = place_of(url)
    asked = asked_of(url)
    file = await SQLiteFile.open(path, "", synchronous)
    try:
        queue = SQLiteQueue(file, asked, await file.write(durability_of), clock)
        await queue.join()
    except BaseException:
        await file.close()
        raise
    return queue


def place_of(url: URL) -> tuple[str, str]:
    """Return the path of the file, and how it is to be synced.

    Raises:
        UsageError: an option is unknown or cannot be read, or the URL names no file.
    """
    url.check_options(OPTIONS)
    if url.host or not url.path:
        raise UsageError(f"{url} names no file", "write sqlite:///orders.db, or sqlite:////var/lib/orders.db")
    return url.path, url.option("synchronous", _synchronous, "full")


class SQLiteQueue:
    """One topic of one file; made by :func:`connect`."""

    features = FEATURES

    def __init__(self, file: SQLiteFile, asked: Asked, durability: Durability, clock: Clock) -> None:
        self.durability = durability
        self._file = file
        self._asked = asked
        self._clock = clock
        self._place = groups.Place(0, 0, asked.topic)
        self._first_lease = secrets.randbits(38) * LEASES_OF_ONE
        self._claims = 0
        self._found_nothing = False
        self._sweeping: asyncio.Future[bool] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._joining = asyncio.Lock()
        self._closed = False

    async def join(self) -> None:
        """Take the place that the URL asks for; a subscriber of its own gets a new one.

        Raises:
            UsageError: the topic has another discipline or order.
        """
        own, now = secrets.token_hex(8), self._clock.time()
        self._place = await self._file.write(lambda connection: groups.open_group(connection, self._asked, own, now))
        if self._asked.ephemeral:
            self._beat_later()

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages for all groups in one commit; the reference of a message is its id."""
        now = self._clock.time()
        rows = [accepting.row_of(message, now) for message in messages]
        place, size = self._place, sum(len(message.body) for message in messages)

        def accept(connection: apsw.Connection) -> tuple[list[str | ForebayError], bool]:
            check_room(connection, size)
            return accepting.accept(connection, place, rows, places, now)

        results, gone = await self._write(accept)
        self._ring()
        if gone:
            self._sweep()
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
        unwatch = self._file.watch(self._asked.topic, bell.set)
        try:
            while True:
                bell.clear()
                pause = await self._look()
                if pause <= 0 and (deliveries := await self._claim(limit)):
                    return deliveries
                pause = min(max(pause, 0.0), end - loop.time())
                if pause <= 0:
                    return []
                await rung(bell, pause)
        finally:
            unwatch()

    async def _look(self) -> float:
        """Return the seconds until something is ready; inf when nothing is in sight."""
        now = self._clock.time()
        ready, due = await self._read(lambda connection: reading.peek(connection, self._place.group, now))
        if ready:
            return 0.0
        return math.inf if due is None else due - now

    async def _claim(self, limit: int) -> Sequence[Delivery]:
        self._check()
        self._claims += 1
        lease, group = self._first_lease + self._claims % LEASES_OF_ONE, self._place.group

        def claim(connection: apsw.Connection) -> Sequence[Delivery]:
            now = self._clock.time()
            leasing.promote(connection, group, now)
            return leasing.claim(connection, group, limit, lease, now + self._asked.lease)

        claimed = self._file.write_soon(claim)
        try:
            deliveries = await asyncio.shield(claimed)
        except asyncio.CancelledError:
            claimed.add_done_callback(self._give_back)
            raise
        except apsw.SQLError as error:
            raise self._unlike(error) from error
        self._found_nothing = not deliveries
        return deliveries

    def _give_back(self, claimed: asyncio.Future[Sequence[Delivery]]) -> None:
        """Release what was claimed for a caller that had been cancelled; closing releases it too."""
        if claimed.cancelled() or claimed.exception() is not None or not claimed.result() or self._closed:
            return
        lease, group, now = claimed.result()[0].handle[1], self._place.group, self._clock.time()
        released = self._file.write_soon(lambda connection: leasing.release_all(connection, group, lease, lease, now))
        released.add_done_callback(self._given_back)

    def _given_back(self, released: asyncio.Future[None]) -> None:
        if not released.cancelled() and released.exception() is None:  # else the lease ends by itself
            self._ring()

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries in one commit."""
        done = [s.delivery.handle for s in settlements if s.ending is Ending.DONE]
        group, now = self._place.group, self._clock.time()

        def settle(connection: apsw.Connection) -> tuple[Sequence[bool], bool]:
            finished, moved = leasing.finish(connection, group, done, now) if done else (set(), False)
            results = []
            for s in settlements:
                if s.ending is Ending.DONE:
                    results.append(s.delivery.handle in finished)
                    finished.discard(s.delivery.handle)  # a second settlement of it comes too late
                else:
                    results.append(leasing.settle_other(connection, group, s, now))
            return results, moved

        results, moved = await self._write(settle)
        if moved or len(done) < len(settlements):
            self._ring()
        return results

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases."""
        handles = [delivery.handle for delivery in deliveries]
        due = self._clock.time() + self._asked.lease
        await self._write(lambda connection: leasing.extend(connection, handles, due))

    async def counts(self) -> Counts:
        """Count the rows, and compare them with what the group has counted."""
        now = self._clock.time()
        return await self._read(lambda connection: reading.counts(connection, self._place.group, now))

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this id is."""
        now = self._clock.time()
        return await self._read(lambda connection: reading.find(connection, self._place.group, reference, now))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        return await self._read(lambda connection: reading.dead_letters(connection, self._place.group, limit, after))

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back, to the place in the order that they had."""
        now = self._clock.time()
        returned = await self._write(lambda c: operating.return_dead(c, self._place.group, ids, now))
        self._ring()
        return returned

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        return await self._write(lambda connection: operating.drop_dead(connection, self._place.group, ids))

    async def purge(self) -> int:
        """Remove what waits or retries."""
        now = self._clock.time()

        def purge(connection: apsw.Connection) -> int:
            leasing.promote(connection, self._place.group, now)
            return operating.purge(connection, self._place.group)

        return await self._write(purge)

    async def close(self) -> None:
        """Release what is leased to this driver; its waiting receivers end with `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        if self._beat is not None:
            self._beat.cancel()
        try:
            await self._file.write(self._leave)
        except Unavailable:
            pass  # the leases end by themselves, and who is silent is swept away
        finally:
            self._ring()
            await self._file.close()

    def _leave(self, connection: apsw.Connection) -> None:
        last, now = self._first_lease + LEASES_OF_ONE - 1, self._clock.time()
        leasing.release_all(connection, self._place.group, self._first_lease, last, now)
        if self._asked.ephemeral:
            groups.remove_group(connection, self._place.group)
            groups.sweep(connection, now)

    def _sweep(self) -> None:
        """Let a portion of what groups have left be removed beside the work, unless one is being removed."""
        if self._sweeping is None or self._sweeping.done():
            now = self._clock.time()
            self._sweeping = self._file.write_soon(lambda connection: groups.sweep(connection, now))
            self._sweeping.add_done_callback(_heard)

    def _beat_later(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        self._beat = asyncio.get_running_loop().call_later(groups.SILENCE / 4, self._beat_now)

    def _beat_now(self) -> None:
        group, now = self._place.group, self._clock.time()
        self._file.write_soon(lambda connection: groups.hear(connection, group, now)).add_done_callback(_heard)
        self._beat_later()

    def _ring(self) -> None:
        self._file.ring(self._asked.topic)

    async def _write(self, operation: Operation[T]) -> T:
        return await self._run(self._file.write, operation)

    async def _read(self, operation: Operation[T]) -> T:
        return await self._run(self._file.read, operation)

    async def _run(self, run: Callable[[Operation[T]], Awaitable[T]], operation: Operation[T]) -> T:
        self._check()
        place = self._place
        try:
            return await run(operation)
        except groups.Removed as error:
            raise await self._removed_from(place) from error
        except apsw.SQLError as error:
            raise self._unlike(error) from error

    def _unlike(self, error: apsw.SQLError) -> Unavailable:
        """Return what to say when the tables do not understand our statements; nothing was written."""
        return Unavailable(
            f"{self._file.path}: the file has other tables than this version knows ({error})",
            "has a newer forebay opened it meanwhile? upgrade this program, and start it again",
        )

    async def _removed_from(self, place: groups.Place) -> Unavailable:
        """Return what to say to whoever finds the group gone; a subscriber of its own begins anew."""
        if not self._asked.ephemeral:
            return Unavailable(f"the group {self._asked.group!r} of {self._asked.topic!r} was removed", "open it anew")
        async with self._joining:
            if self._place == place and not self._closed:
                await self.join()
        return Unavailable("this subscriber was silent for too long, and missed messages; it listens again")

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._asked.topic!r} is closed")


def _heard(done: asyncio.Future[Any]) -> None:
    """Take notice of how it ended: what failed shows in the next call, and is repeated."""
    if not done.cancelled():
        done.exception()


def _synchronous(text: str) -> str:
    if text not in {"full", "normal"}:
        raise UsageError("it is full or normal", "write synchronous=full")
    return text
