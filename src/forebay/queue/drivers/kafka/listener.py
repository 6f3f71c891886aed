"""One who belongs to no group: reads for itself what comes from some place on, and leaves no trace at the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from confluent_kafka import TopicPartition

from forebay.clock import Clock
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import Marks
from forebay.queue.drivers.kafka.poller import Poller


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
        new = self.holdings.unopened()
        for assignment in new:
            assignment.watermark.skip_to(assignment.passed)
            assignment.marks = Marks()
        if new:
            self.holdings.open(new, self._clock.time())

    def _abandon(self) -> None:
        self._starts = self.positions()  # whoever follows goes on from here
        super()._abandon()

    def _before(self, partition: TopicPartition) -> tuple[int, Marks]:
        return self._starts[partition.topic, partition.partition], Marks()
