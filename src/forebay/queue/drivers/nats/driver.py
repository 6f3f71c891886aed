"""The NATS driver: fetcher, settler, notes and dead letters, put under the contract."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, TooLarge, Unavailable, Unknown, UsageError
from forebay.message import Message
from forebay.queue.driver import Counts, DeadLetter, Delivery, Ending, Features, Found, Settlement
from forebay.queue.drivers.nats.api import ApiError
from forebay.queue.drivers.nats.arrivals import MOST_PARKED, Arrivals
from forebay.queue.drivers.nats.envelope import header_block, lines_of, read_message
from forebay.queue.drivers.nats.fetcher import Fetcher
from forebay.queue.drivers.nats.leases import Leases
from forebay.queue.drivers.nats.ledger import Ledger, OwnLedger
from forebay.queue.drivers.nats.letters import Letters
from forebay.queue.drivers.nats.notes import Tally
from forebay.queue.drivers.nats.publisher import Publisher
from forebay.queue.drivers.nats.purge import Purge
from forebay.queue.drivers.nats.settler import Settler
from forebay.queue.drivers.nats.structures import Structures, Way
from forebay.queue.drivers.nats.trimming import Trimmer
from forebay.queue.drivers.nats.wire import LARGER, Frame, Gone, Wire

T = TypeVar("T")
log = logging.getLogger("forebay.queue.nats")

INBOX = re.compile(r"_INBOX(\.[A-Za-z0-9_-]{1,100}){1,3}")
"""What an address of answers looks like: it comes in with a message, and goes into a line of the protocol."""

FEW = 20
"""Messages that are fetched at once while as many wait for their turn as may."""
TURN_SECONDS = 0.25
"""How often it is looked whether another process has finished what our messages wait for, were its signal lost."""

FEATURES = Features(
    orders=frozenset(Order),
    disciplines=frozenset({Discipline.FIFO}),
    persistent=True,
    crosses_processes=True,
    exact_places=False,
    deduplicates=False,
    counts_crashes=True,
    finds=True,
    native_replies=True,
    lanes=2,
    fill=128,
)


@dataclass
class Group:
    """All that one handle works with; made when a topic is opened."""

    publisher: Publisher
    fetcher: Fetcher
    arrivals: Arrivals
    leases: Leases
    settler: Settler
    ledger: Ledger | OwnLedger
    letters: Letters | None
    purge: Purge
    discarded: Tally
    trimmer: Trimmer


class NATSQueue:
    """One topic of NATS JetStream and one group of its workers.

    Arguments:
        wire: the connection; closed with the driver.
        structures: what the topic is made of.
        group: the parts that do the work.
        durability: as it was proved.
        each: the consumers of a subscriber of its own; none: of a durable group.
    """

    features = FEATURES

    def __init__(
        self, wire: Wire, structures: Structures, group: Group, durability: Durability, each: Sequence[Way] = ()
    ) -> None:
        self.durability = durability
        self._wire = wire
        self._structures = structures
        self._group = group
        self._each = list(each)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ears: list[int] = []
        self._closed = self._looking = False
        wire.on_change = group.fetcher.wake
        group.fetcher.on_straggler = self._look_after_found

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages; the reference of each names its place in the stream."""
        return await self._do(lambda: self._group.publisher.publish(messages, places))

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages; while there are none, let the server tell when there are."""
        self._check_open()
        if limit < 1:
            return []
        group, end = self._group, time.monotonic() + wait
        left = wait
        try:
            taken = await self._take_in(limit) if group.arrivals.parked or group.fetcher.found else []
            while not taken:
                if group.arrivals.parked < MOST_PARKED:
                    longest = TURN_SECONDS if group.arrivals.parked else group.leases.seconds / 4
                    await group.fetcher.fetch(limit, min(left, longest))  # leases run from the moment of the request
                else:  # what our hands are full of may wait for one that was given back: it has to come in
                    await asyncio.sleep(min(left, TURN_SECONDS))
                    await group.fetcher.fetch(min(limit, FEW), 0.0)
                taken = await self._take_in(limit)
                left = end - time.monotonic()
                if left <= 0:
                    break
            return taken
        except Gone:
            await self._mend()
            return []
        except ApiError as error:
            raise Unavailable(f"NATS: {error}") from error
        except asyncio.CancelledError:
            self._spawn(self._give_back_found())
            raise

    async def _take_in(self, limit: int) -> list[Delivery]:
        """Take in what has come; were the caller to go meanwhile, it is given back."""
        raws = self._group.fetcher.take(limit)
        if not raws and not self._group.arrivals.parked:
            return []
        taking = self._spawn(self._group.arrivals.take_in(raws, limit))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            self._spawn(self._give_back(taking))
            raise
        if self._group.fetcher.found:  # more than one way had something
            self._look_after_found()
        return taken

    def _look_after_found(self) -> None:
        """Give back what nobody receives, while there is time to: then it was no attempt."""
        if self._looking:
            return
        self._looking = True
        until = min(raw.fetched_at for raw in self._group.fetcher.found) + self._group.leases.seconds
        left = max(0.0, until - time.monotonic())
        asyncio.get_running_loop().call_later(left / 3, self._give_back_late)

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries; what must outlast them is durable before the server is told.

        Raises:
            Unavailable, Unknown: the same call may be repeated.
        """
        self._check_open()
        return await asyncio.shield(self._spawn(self._settle(settlements)))

    async def _settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        try:
            held = await self._group.settler.settle(settlements)
        except Gone:
            self._group.leases.let_go(one.delivery.handle for one in settlements)
            await self._mend()
            return [False] * len(settlements)
        except Unavailable:
            await self._mend()  # it may be the stream of the notes or of the dead letters that has gone
            raise
        except ApiError as error:
            raise Unavailable(f"NATS: {error}") from error
        if isinstance(self._group.ledger, OwnLedger):
            ends = [one.ending for one, ours in zip(settlements, held, strict=True) if ours]
            self._group.ledger.done += ends.count(Ending.DONE)
            self._group.ledger.dead += ends.count(Ending.DEAD)
        if self._group.trimmer.ended():
            self._spawn(self._group.trimmer.trim())
        return held

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases, and wait until the server has heard it."""
        await self._do(lambda: self._group.leases.extend(delivery.handle for delivery in deliveries))

    async def counts(self) -> Counts:
        """Return how many messages are where."""
        return await self._do(self._group.ledger.counts)

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this reference is."""
        return await self._do(lambda: self._group.ledger.find(reference))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        letters = self._group.letters
        return await self._do(lambda: letters.page(limit, after)) if letters else []

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back to wait, at the end of the line."""
        letters = self._group.letters
        return await self._do_wholly(lambda: letters.give_back(ids)) if letters else 0

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        letters = self._group.letters
        return await self._do_wholly(lambda: letters.drop(ids)) if letters else 0

    async def purge(self) -> int:
        """Remove what waits or retries."""
        return await self._do_wholly(self._purge)

    async def _purge(self) -> int:
        self._group.leases.let_go(one.handle for one in self._group.arrivals.take_parked())
        count = await self._group.purge.run()
        if not self._each:
            await self._group.discarded.add(count)
        return count

    async def listen(self, hear: Callable[[Message], None]) -> str:
        """Return an address at which answers reach this process."""
        self._check_open()

        def heard(subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
            hear(read_message(headers, data, "", time.time()))

        inbox = self._wire.inbox()
        self._ears.append(self._wire.listen(inbox, heard, lasting=True))
        await self._wire.settle_down()
        return inbox

    async def reply(self, address: str, message: Message) -> None:
        """Send an answer to whoever listens at the address; what the server does not take would cost the connection."""
        self._check_open()
        if not INBOX.fullmatch(address):
            raise UsageError(f"{address[:100]!r} is no address of an answer")
        frame = Frame(address, message.body, header_block(lines_of(message), message.headers))
        if len(frame.data) + len(frame.headers) > self._wire.largest:
            raise TooLarge(f"an answer of {len(frame.data)} bytes; NATS takes {self._wire.largest}", LARGER)
        self._wire.send([frame.written()])

    async def close(self) -> None:
        """Give back what is still held, and let go of the broker."""
        if self._closed:
            return
        self._closed = True
        self._group.fetcher.wake(closed=True)
        try:
            if self._wire.connected:
                await self._leave()
        except (ForebayError, ApiError, Gone) as error:
            log.warning("%s: what was held comes again when its leases end: %s", self._wire.address.url, error)
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=1.0)
            self._group.arrivals.take_parked()
            await self._wire.close()

    async def _leave(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._give_back_found()
        parked = self._group.arrivals.take_parked()
        held = [*self._group.leases.held(), *parked]
        await self._group.settler.settle([Settlement(one, Ending.RELEASE) for one in held])
        for way in self._each:
            await self._structures.remove(way)
        await self._group.trimmer.trim()

    async def _give_back_found(self) -> None:
        """Give back what was under way to a receiver that has gone."""
        await self._wire.settle_down()
        fetcher = self._group.fetcher
        if raws := fetcher.take(len(fetcher.found)):
            taken = await self._group.arrivals.take_in(raws, len(raws))
            await self._group.settler.settle([Settlement(one, Ending.RELEASE) for one in taken])

    def _give_back_late(self) -> None:
        self._looking = False
        if self._group.fetcher.found and not self._closed:
            self._spawn(self._give_back_found())

    async def _give_back(self, taking: asyncio.Task[list[Delivery]]) -> None:
        taken = await taking
        await self._group.settler.settle([Settlement(one, Ending.RELEASE) for one in taken])

    async def _mend(self) -> None:
        """Make anew what has been removed under us, and say so.

        Raises:
            Unavailable: something was missing; it is there again, and what it held is gone.
        """
        before = self._structures.made
        await self._structures.make()
        if self._each:
            self._group.fetcher.ways = self._each = await self._structures.make_each(self._each)
        if self._structures.made != before:
            topic = self._wire.address.names.topic
            raise Unavailable(f"{topic}: a stream or consumer was removed while it was in use; it was made anew")

    async def _do(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask the broker.

        Raises:
            Unavailable: it refuses.
        """
        self._check_open()
        try:
            return await call()
        except ApiError as error:
            await self._mend()
            raise Unavailable(f"NATS: {error}") from error
        except Gone:
            await self._mend()
            raise Unknown("NATS does not answer") from None

    async def _do_wholly(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask the broker, and go on though the caller gives up."""
        self._check_open()
        return await asyncio.shield(self._spawn(self._do(call)))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("%s", error)  # who waits for the task hears of it; else what was held comes again

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(f"the driver of {self._wire.address.names.topic} is closed")
