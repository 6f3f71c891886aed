"""The thread that owns a consumer: it polls without pause, brings records, and holds them back when there are too many.

Nobody else touches the consumer. Handlers may take any time: the poller goes on polling, so the member stays alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from forebay.clock import Clock
from forebay.errors import ForebayError, Unavailable
from forebay.queue.driver import Delivery
from forebay.queue.drivers.kafka.assignment import Assignment, Lease, Part
from forebay.queue.drivers.kafka.failures import error_of, reading_error
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import Marks
from forebay.queue.drivers.kafka.records import read

POLL = 500
MOST_READY = 4_000
WINDOW = 20_000
"""Messages of one partition above its position: what a crash would repeat at most."""
ORDERED_WINDOW = 5_000
"""The same where messages wait for their turn, in memory: a key that stands still stops its partition after so many."""
IDLE_SECONDS = 0.05
CARE_SECONDS = 0.002
"""How long a poll may take while messages wait to be noted before they are handed out."""
ANSWER_SECONDS = 5.0
FULL_SECONDS = 0.5


class Poller(ABC):
    """A consumer in a thread of its own; of which partitions, and how its progress is kept, is said by its kinds.

    Arguments:
        topic: gives records their ids that have none.
        settings: of the consumer.
        holdings: take in what comes.
        clock: tells when a message is due.
        arrived: called in the poller's thread when something can be taken, or trouble can be heard.
    """

    def __init__(
        self, topic: str, settings: dict[str, Any], holdings: Holdings, clock: Clock, arrived: Callable[[], None]
    ) -> None:
        self.holdings = holdings
        self._topic = topic
        self._servers: str = settings["bootstrap.servers"]
        self._clock = clock
        self._arrived = arrived
        self._consumer: Any = Consumer({**settings, "enable.partition.eof": True, "error_cb": self._note})
        self._paused: set[Part] = set()
        self._trouble: ForebayError | None = None
        self._broken: ForebayError | None = None
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._orders: queue.SimpleQueue[Callable[[ForebayError | None], object]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="forebay-kafka-poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._attach()
        self._thread.start()

    def stop(self, budget: float) -> None:
        """Keep the progress, and leave; blocks its thread for at most `budget` seconds."""
        self._stopping.set()
        self._thread.join(budget)

    @property
    def is_broken(self) -> bool:
        """Whether it has failed for good, and brings and commits nothing more."""
        return self._broken is not None

    def take_trouble(self) -> ForebayError | None:
        """Return what went wrong since the last call; a poller that has failed for good says so each time."""
        trouble, self._trouble = self._trouble, None
        return self._broken or trouble

    async def purge(self) -> int:
        """End all that this process could still deliver, fetched or not; return how many."""
        return await self._order(self._purge)

    async def take_back(self) -> None:
        """Tell the broker that what was given back, or was never taken, has not begun; in vain where it is away."""
        with contextlib.suppress(TimeoutError, ForebayError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._order(self._take_back)

    def take_back_soon(self) -> None:
        """Do so without being waited for."""
        self._orders.put(lambda refusal: None if refusal else self._take_back())

    async def _order(self, do: Callable[[], int]) -> int:
        """Have something done between two polls; when there will be none any more, say so."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()

        def order(refusal: ForebayError | None) -> None:
            told: int | ForebayError = refusal or Unavailable("the Kafka poller failed")
            try:
                told = refusal or do()
            except KafkaException as failure:
                told = reading_error(failure, self._servers)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                    loop.call_soon_threadsafe(_tell, answer, told)

        self._orders.put(order)
        if self._over.is_set():
            self._refuse_orders()
        return await answer

    def _refuse_orders(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait()(self._broken or Unavailable("the Kafka poller was stopped"))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except KafkaException as failure:
                self._note(failure)
                self._stopping.wait(IDLE_SECONDS)
            except Exception as failure:  # records may have gone astray in it: nothing may be committed beyond them
                self._abandon()
                self._broken = Unavailable(f"the Kafka poller failed: {failure!r}")
                self._arrived()
                break
        self._over.set()
        self._refuse_orders()
        self._leave()

    def _turn(self) -> None:
        holdings = self.holdings
        full = not holdings.wait_for_room(MOST_READY, FULL_SECONDS)
        self._hold_back(full)
        records = self._consumer.consume(POLL, 0)
        if not records and not full:
            record = self._consumer.poll(self._patience())
            records = [record] if record is not None else []
        if records:
            self._bring(records)
        holdings.wake_due(self._clock.time())
        while not self._orders.empty():
            self._orders.get()(None)
        self._keep_up()
        if holdings.ready:
            self._arrived()

    def _patience(self) -> float:
        if self.holdings.gated:
            return CARE_SECONDS
        due_at = self.holdings.next_due
        if due_at is None:
            return IDLE_SECONDS
        return min(max(due_at - self._clock.time(), 0.0), IDLE_SECONDS)

    def _bring(self, records: list[Any]) -> None:
        holdings, topic, lanes = self.holdings, self._topic, self.holdings.lanes
        arrived: list[tuple[Delivery, float]] = []
        reached: dict[Part, int] = {}
        ends: dict[Part, int] = {}
        for record in records:
            if (error := record.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    ends[record.topic(), record.partition()] = record.offset()
                else:
                    self._note(error)
                continue
            part, offset = (record.topic(), record.partition()), record.offset()
            assignment = holdings.assignment(part)
            if assignment is None:
                continue  # of an assignment that is over
            expected = reached.get(part, assignment.watermark.following or 0)
            if offset < expected:
                if part in reached:  # what this poll has brought before the step back
                    holdings.bring(arrived, self._clock.time())
                    arrived = []
                assignment = self._begin_again(assignment)
            reached[part] = offset + 1
            came = read(record, topic)
            lane = None if lanes is None else lanes.of(came.message, part[1])
            lease = Lease(assignment, offset, came.returns, came.attempt, lane)
            arrived.append((Delivery(came.message, came.attempt, lease), came.due_at))
        holdings.bring(arrived, self._clock.time())
        holdings.pass_over(ends)

    def _begin_again(self, assignment: Assignment) -> Assignment:
        """Begin a new assignment of a partition whose offsets have stepped back: the topic was made anew, or reset."""
        self.holdings.end([assignment])
        self.holdings.assign([assignment.part])
        again = self.holdings.assignment(assignment.part)
        assert again is not None
        return again

    def _hold_back(self, full: bool) -> None:
        """Pause partitions while there is no room for their records; polling goes on."""
        assignments = self.holdings.assignments()
        window = WINDOW if self.holdings.lanes is None else ORDERED_WINDOW
        wanted = {one.part for one in assignments if full or one.watermark.window >= window}
        held = {one.part for one in assignments}
        if pause := wanted - self._paused:
            self._consumer.pause([TopicPartition(*part) for part in pause])
        if resume := (self._paused - wanted) & held:
            self._consumer.resume([TopicPartition(*part) for part in resume])
        self._paused = wanted

    def _let_go_on(self, parts: Iterable[Part]) -> None:
        """Resume partitions that leave: the client keeps a pause for the day on which they come again."""
        if resume := self._paused.intersection(parts):
            self._paused -= resume
            with contextlib.suppress(KafkaException):  # the client has closed them already
                self._consumer.resume([TopicPartition(*part) for part in resume])

    def _purge(self) -> int:
        rests = [(one, *self._rest(one)) for one in self.holdings.assignments()]  # all is asked before any is ended
        ended = self.holdings.purge()
        for assignment, end, count in rests:
            if count and self._skip(assignment, end):
                ended += count
        return ended

    def _rest(self, assignment: Assignment) -> tuple[int, int]:
        """Return where a partition ends, and how many messages below that have neither come nor ended."""
        partition = TopicPartition(*assignment.part)
        start, end = self._consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)
        following, marks = assignment.watermark.following, assignment.marks
        if following is None:
            following, marks = self._before(partition)
        following = max(following, start)
        known = marks.ended if marks is not None else ()
        return end, max(end - following, 0) - sum(following <= offset < end for offset in known)

    def _skip(self, assignment: Assignment, end: int) -> bool:
        partition = TopicPartition(*assignment.part, end)
        try:
            self._consumer.seek(partition)
        except KafkaException as failure:
            self._note(failure)
            return False
        assignment.watermark.skip_to(end)
        return True

    @abstractmethod
    def _attach(self) -> None:
        """Say what is to be read."""

    @abstractmethod
    def _keep_up(self) -> None:
        """Keep the progress, once a turn."""

    def _abandon(self) -> None:
        """End all leases: nothing is kept of them any more."""
        self.holdings.end(self.holdings.assignments())

    def _take_back(self) -> int:
        """Note that what was not taken has not begun."""
        self.holdings.take_back()
        return 0

    @abstractmethod
    def _before(self, partition: TopicPartition) -> tuple[int, Marks]:
        """Return where a partition begins for us of which nothing has come yet, and what is known of it."""

    def _leave(self) -> None:
        """Keep the progress for the last time, and let go of the broker."""
        self._consumer.close()

    def _note(self, failure: Any) -> None:
        error = error_of(failure)
        if error is not None and error.code() in (KafkaError._TRANSPORT, KafkaError._RESOLVE):
            return  # one connection; when all are gone that is told by itself
        self._trouble = reading_error(failure, self._servers)
        self._arrived()


def _tell(answer: asyncio.Future[int], told: int | ForebayError) -> None:
    if answer.done():
        return
    if isinstance(told, ForebayError):
        answer.set_exception(told)
    else:
        answer.set_result(told)
