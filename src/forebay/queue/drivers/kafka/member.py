"""A member of the consumer group: it reads what it is assigned, and commits how far that is worked off."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from forebay.clock import Clock
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Assignment
from forebay.queue.drivers.kafka.failures import error_of
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import Marks, marks_from, read_marks
from forebay.queue.drivers.kafka.poller import ANSWER_SECONDS, Poller

COMMIT_SECONDS = 0.1
GROUP_MOVES = (KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID)
GRACE_SECONDS = 2.0
"""How long a revocation waits for what is in hand; the rest is delivered again, to another."""


class Member(Poller):
    """A member of the group, in a thread of its own.

    Arguments:
        address: the topics and the group.
        clock: tells when a retry is due.
        arrived: called in the poller's thread when something can be taken, or trouble can be heard.
    """

    def __init__(self, address: Address, clock: Clock, arrived: Callable[[], None]) -> None:
        settings = {**address.consumer, "on_commit": self._committed}
        super().__init__(address.topic, settings, Holdings(address.order), clock, arrived)
        self._address = address
        self._commit_at = 0.0
        self._joined = threading.Event()

    async def until_joined(self, seconds: float) -> None:
        """Return once the group has said which partitions are ours, or never will, or `seconds` are over."""
        await asyncio.to_thread(self._joined.wait, seconds)

    def _attach(self) -> None:
        """Join the group."""
        self._consumer.subscribe(
            list(self._address.working),
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def _keep_up(self) -> None:
        self._open()
        self._begin()
        now = time.monotonic()
        if now >= self._commit_at:
            self._commit_at = now + COMMIT_SECONDS
            self._commit(self.holdings.assignments(), wait=False)

    def _open(self) -> None:
        """Learn what the last owners of new partitions have left, and tell the next ones that we hand out now."""
        new = self.holdings.unopened()
        if not new:
            return
        answer = self._consumer.committed([TopicPartition(*one.part) for one in new], timeout=ANSWER_SECONDS)
        for error in [left.error for left in answer if left.error is not None]:
            raise KafkaException(error)
        for one, left in zip(new, answer, strict=True):
            if one.passed > left.offset and one.watermark.position is None:
                one.watermark.skip_to(one.passed)
            one.passed = 0
            one.marks = marks_from(one.watermark.position, left.offset, left.metadata)
        new = [one for one in new if one.has_come]
        self._commit(new, wait=True)
        self.holdings.open(new, self._clock.time())

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
        """A commit has succeeded or failed; what failed is committed again.

        So is what was overtaken: a commit that had to wait for a connection may arrive after a later one, and undo it.
        """
        for partition in partitions:
            assignment = self.holdings.assignment((partition.topic, partition.partition))
            if assignment is None or assignment.committed is None:
                continue
            failed = failure is not None or partition.error is not None
            if failed or (partition.offset, partition.metadata or "") != assignment.committed:
                assignment.committed = None

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        parts = [(one.topic, one.partition) for one in partitions]
        self.holdings.assign(parts)
        self._joined.set()

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        leaving = self._withdraw(partitions)
        if not self._stopping.is_set():
            self.holdings.wait_for_end(leaving, min(GRACE_SECONDS, self._address.lease / 2))
        self.holdings.end(leaving)  # first: what ends from now on must not be believed to be committed
        with contextlib.suppress(KafkaException):  # then others repeat what could not be committed
            self._commit(leaving, wait=True, closed=True)

    def _lost(self, consumer: Any, partitions: list[Any]) -> None:
        """Others have these partitions already: committing now would undo their work."""
        self.holdings.end(self._withdraw(partitions))

    def _withdraw(self, partitions: list[Any]) -> list[Assignment]:
        parts = [(one.topic, one.partition) for one in partitions]
        self._let_go_on(parts)
        return self.holdings.withdraw(parts)

    def _leave(self) -> None:
        self._joined.set()
        with contextlib.suppress(KafkaException):
            self._commit(self.holdings.assignments(), wait=True)
        super()._leave()

    def _note(self, failure: Any) -> None:
        error = error_of(failure)
        if error is None or error.code() not in GROUP_MOVES:  # those tell who has which partition in the next polls
            super()._note(failure)

    def _before(self, partition: TopicPartition) -> tuple[int, Marks]:
        left = self._consumer.committed([partition], timeout=ANSWER_SECONDS)[0]
        return int(left.offset), read_marks(left.offset, left.metadata)
