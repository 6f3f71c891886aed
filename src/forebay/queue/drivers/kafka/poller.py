"""The thread that owns the consumer: it polls without pause, brings records, commits watermarks, holds back when full.

Nobody else touches the consumer. Handlers may take any time: the poller goes on polling, so the member stays alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from forebay.clock import Clock
from forebay.errors import ForebayError, Unavailable
from forebay.queue.driver import Delivery
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Assignment, Lease, Part
from forebay.queue.drivers.kafka.failures import error_of, reading_error
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import read_marks
from forebay.queue.drivers.kafka.records import read

POLL = 500
MOST_READY = 4_000
WINDOW = 20_000
"""Messages of one partition above its position: what a crash would repeat at most."""
IDLE_SECONDS = 0.05
CARE_SECONDS = 0.002
"""How long a poll may take while messages wait to be noted before they are handed out."""
COMMIT_SECONDS = 0.1
ANSWER_SECONDS = 5.0
FULL_SECONDS = 0.5
GROUP_MOVES = (KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID)
GRACE_SECONDS = 2.0
"""How long a revocation waits for what is in hand; the rest is delivered again, to another."""


class Poller:
    """A member of the consumer group, in a thread of its own.

    Arguments:
        address: the topics and the group.
        clock: tells when a retry is due.
        arrived: called in the poller's thread when something can be taken, or trouble can be heard.
    """

    def __init__(self, address: Address, clock: Clock, arrived: Callable[[], None]) -> None:
        self.holdings = Holdings()
        self._address = address
        self._clock = clock
        self._arrived = arrived
        self._consumer: Any = Consumer({**address.consumer, "error_cb": self._note, "on_commit": self._committed})
        self._paused: set[Part] = set()
        self._commit_at = 0.0
        self._trouble: ForebayError | None = None
        self._broken: ForebayError | None = None
        self._stopping = threading.Event()
        self._orders: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="forebay-kafka-poller", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._consumer.subscribe(
            [self._address.topic, self._address.retry],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        self._thread.start()

    def stop(self, budget: float) -> None:
        """Commit what has ended, and leave the group; blocks its thread for at most `budget` seconds."""
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
        self._orders.put(self._take_back)

    async def _order(self, do: Callable[[], int]) -> int:
        """Have something done between two polls."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()

        def order() -> None:
            try:
                count = do()
            except KafkaException as failure:
                loop.call_soon_threadsafe(_tell, answer, reading_error(failure))
            else:
                loop.call_soon_threadsafe(_tell, answer, count)

        self._orders.put(order)
        return await answer

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except KafkaException as failure:
                self._note(failure)
                self._stopping.wait(IDLE_SECONDS)
            except Exception as failure:  # records may have gone astray in it: nothing may be committed beyond them
                self.holdings.end(self.holdings.assignments())
                self._broken = Unavailable(f"the Kafka poller failed: {failure!r}")
                self._arrived()
                break
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
            self._orders.get()()
        self._open()
        self._begin()
        if holdings.ready:
            self._arrived()
        self._commit_now_and_then()

    def _patience(self) -> float:
        if self.holdings.gated:
            return CARE_SECONDS
        due_at = self.holdings.next_due
        if due_at is None:
            return IDLE_SECONDS
        return min(max(due_at - self._clock.time(), 0.0), IDLE_SECONDS)

    def _bring(self, records: list[Any]) -> None:
        holdings, topic = self.holdings, self._address.topic
        arrived: list[tuple[Delivery, float]] = []
        reached: dict[Part, int] = {}
        for record in records:
            if record.error() is not None:
                self._note(record.error())
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
            lease = Lease(assignment, offset, came.returns, came.attempt)
            arrived.append((Delivery(came.message, came.attempt, lease), came.due_at))
        holdings.bring(arrived, self._clock.time())

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
        wanted = {one.part for one in assignments if full or one.watermark.window >= WINDOW}
        held = {one.part for one in assignments}
        if pause := wanted - self._paused:
            self._consumer.pause([TopicPartition(*part) for part in pause])
        if resume := (self._paused - wanted) & held:
            self._consumer.resume([TopicPartition(*part) for part in resume])
        self._paused = wanted

    def _commit_now_and_then(self) -> None:
        now = time.monotonic()
        if now >= self._commit_at:
            self._commit_at = now + COMMIT_SECONDS
            self._commit(self.holdings.assignments(), wait=False)

    def _open(self) -> None:
        """Learn what the last owners of new partitions have left, and tell the next ones that we hand out now."""
        new = self.holdings.unopened()
        if not new:
            return
        places = [TopicPartition(*one.part) for one in new]
        for one, left in zip(new, self._consumer.committed(places, timeout=ANSWER_SECONDS), strict=True):
            if left.error is not None:
                raise KafkaException(left.error)
            one.marks = read_marks(left.offset, left.metadata)
        self._commit(new, wait=True)
        self.holdings.open(new)

    def _begin(self) -> None:
        """Hand out what must be noted, once the broker has noted it."""
        begun = self.holdings.begin()
        if not begun:
            return
        try:
            self._commit(self.holdings.assignments(), wait=True)
        except KafkaException:
            self.holdings.take_back(begun)
            raise
        self.holdings.hand_out(begun)

    def _take_back(self) -> int:
        self.holdings.take_back()
        self._commit(self.holdings.assignments(), wait=True)
        return 0

    def _commit(self, assignments: list[Assignment], wait: bool, closed: bool = False) -> None:
        moved = self.holdings.moved(assignments, closed)
        if not moved:
            return
        offsets = [TopicPartition(*part, position, text) for part, position, text in moved]
        try:
            answer = self._consumer.commit(offsets=offsets, asynchronous=not wait)
            for error in [one.error for one in answer or () if one.error is not None]:
                raise KafkaException(error)
        except KafkaException:
            for one in assignments:
                one.committed = None
            raise

    def _committed(self, failure: Any, partitions: list[Any]) -> None:
        """A commit has succeeded or failed; what failed is committed again."""
        for partition in partitions:
            if failure is not None or partition.error is not None:
                assignment = self.holdings.assignment((partition.topic, partition.partition))
                if assignment is not None:
                    assignment.committed = None

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        parts = [(one.topic, one.partition) for one in partitions]
        self._paused -= set(parts)
        self.holdings.assign(parts)

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        leaving = self.holdings.withdraw((one.topic, one.partition) for one in partitions)
        if not self._stopping.is_set():
            self.holdings.wait_for_end(leaving, min(GRACE_SECONDS, self._address.lease / 2))
        self.holdings.end(leaving)  # first: what ends from now on must not be believed to be committed
        with contextlib.suppress(KafkaException):  # then others repeat what could not be committed
            self._commit(leaving, wait=True, closed=True)

    def _lost(self, consumer: Any, partitions: list[Any]) -> None:
        """Others have these partitions already: committing now would undo their work."""
        self.holdings.end(self.holdings.withdraw((one.topic, one.partition) for one in partitions))

    def _purge(self) -> int:
        ended = self.holdings.purge()
        for assignment in self.holdings.assignments():
            ended += self._skip_to_end(assignment)
        return ended

    def _skip_to_end(self, assignment: Assignment) -> int:
        partition = TopicPartition(*assignment.part)
        start, end = self._consumer.get_watermark_offsets(partition, timeout=5.0)
        following = assignment.watermark.following
        if following is None:
            committed = self._consumer.committed([partition], timeout=5.0)[0].offset
            following = max(committed, start)
        if end <= following:
            return 0
        partition.offset = end
        self._consumer.seek(partition)
        assignment.watermark.skip_to(end)
        return int(end - following)

    def _leave(self) -> None:
        with contextlib.suppress(KafkaException):
            self._commit(self.holdings.assignments(), wait=True)
        self._consumer.close()

    def _note(self, failure: Any) -> None:
        error = error_of(failure)
        if error is not None and error.code() in (KafkaError._TRANSPORT, KafkaError._RESOLVE):
            return  # one connection; when all are gone that is told by itself
        if error is not None and error.code() in GROUP_MOVES:
            return  # no commit is taken just now; the next polls tell who has which partition
        self._trouble = reading_error(failure)
        self._arrived()


def _tell(answer: asyncio.Future[int], told: int | ForebayError) -> None:
    if answer.done():
        return
    if isinstance(told, ForebayError):
        answer.set_exception(told)
    else:
        answer.set_result(told)
