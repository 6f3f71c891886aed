"""One who belongs to no group: reads for itself what comes from some place on, and leaves no trace at the broker."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException, TopicPartition

from forebay.clock import Clock
from forebay.queue.drivers.kafka import surveyor
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import Marks
from forebay.queue.drivers.kafka.poller import Poller

LOOK_PATIENCE = 1.0
"""Seconds; the poller stands still for so long at most."""


class Listener(Poller):
    """A reader by itself, in a thread of its own.

    Arguments:
        address: the topics.
        starts: the first offset of each partition that is for us.
        clock: tells when a message is due.
        arrived: called in the poller's thread when something can be taken, or trouble can be heard.
    """

    def __init__(self, address: Address, starts: Mapping[Part, int], clock: Clock, arrived: Callable[[], None]) -> None:
        holdings = Holdings(address.order, in_place=True)
        super().__init__(address.topic, address.listener, holdings, clock, arrived)
        self._starts = dict(starts)
        self._look_at = time.monotonic() + surveyor.LOOK_SECONDS

    def positions(self) -> dict[Part, int]:
        """Return up to where each partition is worked off."""
        tallies = self.holdings.tallies()
        known = {part: tally.position for part, tally in tallies.items() if tally.position is not None}
        return {**self._starts, **known}

    def _attach(self) -> None:
        """Read the partitions; nobody assigns them, and nobody takes them away."""
        self.holdings.assign(self._starts)
        self._consumer.assign([TopicPartition(*part, offset) for part, offset in self._starts.items()])

    def _keep_up(self) -> None:
        if time.monotonic() >= self._look_at:
            with contextlib.suppress(KafkaException):  # later, then
                self._notice_new()
            self._look_at = time.monotonic() + surveyor.LOOK_SECONDS
        new = self.holdings.unopened()
        for assignment in new:
            assignment.watermark.skip_to(assignment.passed)
            assignment.marks = Marks()
        if new:
            self.holdings.open(new, self._clock.time())

    def _notice_new(self) -> None:
        """Read partitions that were added since, from their beginning."""
        topics = {name for name, _ in self._starts}
        counts = {name: len(self._consumer.list_topics(name, LOOK_PATIENCE).topics[name].partitions) for name in topics}
        new = {(name, n) for name, count in counts.items() for n in range(count)} - self._starts.keys()
        if new:
            self._starts |= dict.fromkeys(new, 0)
            self.holdings.assign(new)
            self._consumer.incremental_assign([TopicPartition(*part, 0) for part in new])

    def _abandon(self) -> None:
        self._starts = self.positions()  # whoever follows goes on from here
        super()._abandon()

    def _before(self, partition: TopicPartition) -> tuple[int, Marks]:
        return self._starts[partition.topic, partition.partition], Marks()
