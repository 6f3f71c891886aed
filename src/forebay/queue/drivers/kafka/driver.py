"""The Kafka driver: publisher, poller, dead letters and the broker's own knowledge, put under the contract."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from forebay.clock import Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable
from forebay.message import Message, new_id
from forebay.queue.driver import Counts, DeadLetter, Delivery, Ending, Features, Found, Settlement
from forebay.queue.drivers.kafka.address import DELAYED, Address
from forebay.queue.drivers.kafka.failures import half_done, reading_error
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.ledger import Ledger
from forebay.queue.drivers.kafka.letters import coming_back, dropped_note, letter, purge_note, returned_note
from forebay.queue.drivers.kafka.member import Member
from forebay.queue.drivers.kafka.poller import Poller
from forebay.queue.drivers.kafka.publisher import Place, Publisher
from forebay.queue.drivers.kafka.records import Record, headers_of, key_of
from forebay.queue.drivers.kafka.surveyor import Surveyor

T = TypeVar("T")

CLOSE_SECONDS = 10.0
LAG_SECONDS = 0.1
"""How old the known number of waiting messages may be when places are limited."""

FEATURES = Features(
    orders=frozenset(Order),
    disciplines=frozenset({Discipline.FIFO}),
    persistent=True,
    crosses_processes=True,
    exact_places=False,
    deduplicates=False,
    counts_crashes=True,
    finds=True,
    remembers=True,
    lanes=4,
)


class KafkaQueue:
    """One topic of Kafka for one group, with what the group tries again and its dead letters.

    Arguments:
        address: the topics and the group.
        durability: of the topic, as the broker has told.
        surveyor: has opened the topics.
        background: the one thread of everything that asks the broker and waits.
        clock: tells when a retry is due.
    """

    features = FEATURES

    def __init__(
        self,
        address: Address,
        durability: Durability,
        surveyor: Surveyor,
        background: ThreadPoolExecutor,
        clock: Clock,
    ) -> None:
        self.durability = durability
        self._address = address
        self._clock = clock
        self._background = background
        self._loop = asyncio.get_running_loop()
        self._publisher = Publisher(address.producer(surveyor.largest))
        self._poller: Poller | None = None
        self._moving = {Ending.DEAD} if address.order is not Order.NONE else {Ending.RETRY, Ending.DEAD}
        self._ledger = Ledger(address, surveyor, clock)
        self._arrival = asyncio.Event()
        self._wanted = False
        self._later = address.later
        self._published = 0
        self._purger, self._purged = new_id(), 0
        self._lag = (-math.inf, 0.0)
        self._steps: set[asyncio.Task[int]] = set()
        self._closed = False

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Send messages; each is accepted once all replicas in sync have it."""
        self._check_open()
        taken = messages
        if places != math.inf:
            room = await self._room(places, len(messages))
            taken = messages[:room]
        records = [self._record(message) for message in taken]
        sent = await self._publisher.send(records)
        self._published += len(taken)
        answers = [
            _reference(message, place, delayed=record.topic is self._later)
            for message, record, place in zip(taken, records, sent, strict=True)
        ]
        refused = len(messages) - len(taken)
        full = f"{self._address.topic}: all {places:g} places are taken"
        return answers + [QueueFull(full) for _ in range(refused)]

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Hand out what the poller has brought; the first call joins the group."""
        self._check_open()
        poller = self._poller or self._join()
        taken = poller.holdings.take(limit)
        if taken:
            return taken
        if trouble := poller.take_trouble():
            if poller.is_broken:
                self._part_from(poller)
            raise trouble
        poller.holdings.wish(limit)
        try:
            await self._wait_for_arrival(poller.holdings, wait)
        except asyncio.CancelledError:
            if poller.holdings.unwish():
                await poller.take_back()
            raise
        taken = poller.holdings.take(limit)
        if poller.holdings.unwish():
            poller.take_back_soon()
        return taken

    async def _wait_for_arrival(self, holdings: Holdings, seconds: float) -> None:
        self._arrival.clear()
        self._wanted = True
        if not holdings.ready:  # it may have come between the two questions
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._arrival.wait()

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries; what goes elsewhere is durable there before it ends here.

        Raises:
            Unavailable, Unknown: a retry or dead letter is not durable; nothing was settled, and the same call may be
                repeated.
        """
        self._check_open()
        if self._poller is None:
            return [False] * len(settlements)
        await self._move([one for one in settlements if one.ending in self._moving])
        answers = self._poller.holdings.settle(settlements, self._clock.time())
        back = [
            one.delivery.handle.assignment
            for one, held in zip(settlements, answers, strict=True)
            if held and one.ending is Ending.RELEASE
        ]
        if back or (self._poller.holdings.in_place and self._poller.holdings.ready):
            self._arrival.set()  # another may be ready: one that came back, or the next of its lane
        if any(assignment.gated and not assignment.withdrawn for assignment in back):
            await self._poller.take_back()  # before another message begins that may kill us
        return answers

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Nothing: as long as the poller lives, the group knows that this process does."""
        self._check_open()

    async def counts(self) -> Counts:
        """Count from the positions of the group, the ends of the topics, and the dead letters."""
        return await self._ask(lambda: self._ledger.counts(self._holdings))

    async def find(self, reference: str) -> Found | None:
        """Look at the place that the reference names, and where its message may have gone from there."""
        return await self._ask(lambda: self._ledger.find(reference, self._holdings))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        lying = await self._ask(self._ledger.dead_letters)
        return [lying[id] for id in sorted(id for id in lying if id > after)[:limit]]

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Send dead letters to the group again, then mark them as returned.

        Raises:
            Unknown: some came back, or all, and are not all marked: those may be returned once more.
        """
        return await self._finished(self._return(ids))

    async def _return(self, ids: Sequence[str]) -> int:
        lying, returns = await self._lying(ids)
        records = [coming_back(self._address.retry, one.message, returns[id] + 1) for id, one in lying.items()]
        sent = await self._publisher.send(records)
        notes = [
            returned_note(self._address.dead, id, returns[id] + 1, place)
            for id, place in zip(lying, sent, strict=True)
            if not isinstance(place, ForebayError)
        ]
        noted = await self._publisher.send(notes)
        if failure := half_done([*sent, *noted], ""):
            raise failure
        return len(notes)

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Mark dead letters as dropped; the broker forgets their bodies when it compacts."""
        lying, returns = await self._lying(ids)
        notes = [dropped_note(self._address.dead, id, returns[id]) for id in lying]
        if failure := half_done(await self._publisher.send(notes), ""):
            raise failure
        return len(lying)

    async def purge(self) -> int:
        """Move the group behind all that waits or retries.

        Raises:
            Unsupported: other processes consume too; only they can let go of what they hold.
            Unknown: it was done, and is not counted as discarded before the next time.
        """
        return await self._finished(self._purge())

    async def _purge(self) -> int:
        if isinstance(self._poller, Member):  # while we join, the broker would take us for another who consumes
            await self._poller.until_joined(CLOSE_SECONDS)
        if self._poller is not None and self._ledger.parts <= set(self._poller.holdings.tallies()):
            count = await self._poller.purge()
        else:
            count = await self._ask(self._ledger.skip_to_end)
        if count:
            self._purged += count  # one note for each process: it must not grow with the purges
            noted = await self._publisher.send([purge_note(self._address.dead, self._purger, self._purged)])
            if failure := half_done(noted, f"{count} were purged"):
                raise failure
        return count

    async def close(self) -> None:
        """Commit what has ended, leave the group, and wait for what was sent."""
        if self._closed:
            return
        self._closed = True
        self._arrival.set()
        if self._steps:
            await asyncio.wait(self._steps, timeout=CLOSE_SECONDS)
        if self._poller is not None:
            await asyncio.to_thread(self._poller.stop, CLOSE_SECONDS)
        await asyncio.to_thread(self._publisher.close, CLOSE_SECONDS)
        self._background.submit(self._ledger.close)
        self._background.shutdown(wait=False)

    @property
    def _holdings(self) -> Holdings | None:
        return self._poller.holdings if self._poller is not None else None

    def _part_from(self, failed: Poller) -> None:
        """Let go of a poller whose leases are over; the next call to receive joins anew."""
        self._poller = None

    def _join(self) -> Poller:
        self._poller = Member(self._address, self._clock, self._tell_arrival)
        self._poller.start()
        return self._poller

    def _tell_arrival(self) -> None:
        """Wake `receive` from the poller's thread, once for each time that it waits."""
        if self._wanted:
            self._wanted = False
            try:
                self._loop.call_soon_threadsafe(self._arrival.set)
            except RuntimeError:  # the loop has been closed: nobody waits any more
                return

    def _record(self, message: Message) -> Record:
        """Return the record of a new message; with an order, one whose time has not come keeps its turn."""
        delayed = message.not_before and self._address.order is Order.NONE and message.not_before > self._clock.time()
        topic = self._later if delayed else self._address.topic
        return Record(topic, key_of(message), message.body, headers_of(message))

    async def _move(self, settlements: Sequence[Settlement]) -> None:
        """Make next attempts and dead letters durable, each once, however often the settlement is repeated."""
        moving = [one for one in settlements if one.delivery.handle.held and not one.delivery.handle.moved]
        if not moving:
            return
        sent = await self._publisher.send([self._moved(one) for one in moving])
        for settlement, place in zip(moving, sent, strict=True):
            settlement.delivery.handle.moved = not isinstance(place, ForebayError)
        _raise_first(sent)

    def _moved(self, settlement: Settlement) -> Record:
        delivery = settlement.delivery
        message, returns = delivery.message, delivery.handle.returns
        if settlement.headers is not None:
            message = message.replace(headers=settlement.headers)
        if settlement.ending is Ending.DEAD:
            return letter(self._address.dead, message, delivery.attempt, returns)
        due_at = self._clock.time() + settlement.delay
        headers = headers_of(message, attempt=delivery.attempt + 1, due_at=repr(due_at), returns=returns)
        return Record(self._address.retry, key_of(message), message.body, headers)

    async def _room(self, places: float, wanted: int) -> int:
        """Return how many messages may still come; what other processes publish meanwhile is not known."""
        known_at, waiting = self._lag
        if self._loop.time() - known_at > LAG_SECONDS or waiting + self._published + wanted > places:
            published = self._published
            waiting = (await self._ask(lambda: self._ledger.waiting(self._holdings))) - published
            self._lag = (self._loop.time(), waiting)
        return max(0, int(min(places - waiting - self._published, wanted)))

    async def _lying(self, ids: Sequence[str]) -> tuple[dict[str, DeadLetter], dict[str, int]]:
        lying = await self._ask(self._ledger.dead_letters)
        wanted = {id: lying[id] for id in ids if id in lying}
        return wanted, {id: self._ledger.returns(id) for id in wanted}

    async def _finished(self, work: Coroutine[Any, Any, int]) -> int:
        """Do what has several steps to its end, even when who asked for it is cancelled."""
        task = self._loop.create_task(work)
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        return await asyncio.shield(task)

    async def _ask(self, question: Callable[[], T]) -> T:
        """Ask the broker in the background thread."""
        self._check_open()
        try:
            return await self._loop.run_in_executor(self._background, question)
        except KafkaException as failure:
            raise reading_error(failure, self._address.servers) from failure

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(f"the driver of {self._address.topic} is closed")


def _reference(message: Message, place: Place | ForebayError, delayed: bool) -> str | ForebayError:
    if isinstance(place, ForebayError):
        return place
    return f"{message.id}.{DELAYED if delayed else ''}{place[0]}.{place[1]}"


def _raise_first(answers: Sequence[Place | ForebayError]) -> None:
    for answer in answers:
        if isinstance(answer, ForebayError):
            raise answer
