"""What the broker knows of a topic: where its partitions begin and end, how far the group is, single records."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import confluent_kafka.admin
import msgspec
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from forebay.durability import Durability
from forebay.errors import Unavailable, Unsupported
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.records import Arrival, read

T = TypeVar("T")

admin: Any = confluent_kafka.admin  # its types do not say what it exports

log = logging.getLogger("forebay.kafka")

ANSWER_SECONDS = 5.0
OPEN_SECONDS = 10.0
ASK: dict[str, Any] = {"request_timeout": ANSWER_SECONDS}  # no question outlives the one who asks
KEEPS_ALL = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""What the settings of a topic must be that drops nothing by itself."""
HAS_MEMBERS = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
}
MOVING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
}


class Extent(msgspec.Struct, frozen=True, gc=False):
    """One partition: where it begins and ends, and how far the group is.

    Arguments:
        start: the first offset that is still there.
        end: the offset of the next record.
        committed: the position of the group; before its first commit, `start`. Below `start`: records were removed
            that nobody had worked off.
    """

    start: int
    end: int
    committed: int


class Surveyor:
    """Asks the broker; every method blocks its thread, and all are called from one.

    Arguments:
        address: the topics and the group.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._admin = admin.AdminClient(address.client)
        self._consumer: Any = None
        self._member: Any = None
        self._parts: list[TopicPartition] = []

    def open(self) -> Durability:
        """Create the topics that are missing; return what a message in them survives.

        Raises:
            Unavailable: no broker answers. KafkaException: it refuses.
        """
        found = self._admin.list_topics(timeout=OPEN_SECONDS)
        missing = [name for name in self._address.topics if name not in found.topics]
        if missing:
            self._create(missing, len(found.brokers))
        self._parts = self._partitions()
        self.survey()  # the new partitions answer
        self._warn_of_loss()
        return self._durability()

    @property
    def parts(self) -> set[Part]:
        """All partitions of the main and the retry topic."""
        return {(one.topic, one.partition) for one in self._parts}

    def survey(self) -> dict[Part, Extent]:
        """Return the extent of every partition of messages that wait for their first or another attempt.

        Raises:
            KafkaException, Unavailable: the broker does not answer, or has not found its leaders for a while.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self._survey()
            except KafkaException as failure:
                if failure.args[0].code() not in MOVING or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)
            self._admin.list_topics(timeout=ANSWER_SECONDS)  # the client asks by the leaders that it last heard of

    def _survey(self) -> dict[Part, Extent]:
        ends = self._admin.list_offsets(dict.fromkeys(self._parts, admin.OffsetSpec.latest()), **ASK)
        starts = self._admin.list_offsets(dict.fromkeys(self._parts, admin.OffsetSpec.earliest()), **ASK)
        answer = self._asking().committed(self._parts, timeout=ANSWER_SECONDS)
        committed = {(one.topic, one.partition): one.offset for one in answer}
        extents = {}
        for place in self._parts:
            start, end = _value(starts[place]).offset, _value(ends[place]).offset
            part = (place.topic, place.partition)
            position = committed.get(part, -1)
            extents[part] = Extent(start, end, position if position >= 0 else start)
        return extents

    def record(self, part: Part, offset: int) -> Arrival | None:
        """Return the record at a place, None where there is none."""
        return self.first_records({part: offset}, exactly=True).get(part)

    def first_records(self, places: Mapping[Part, int], exactly: bool = False) -> dict[Part, Arrival]:
        """Return of each partition the first record at an offset or, unless `exactly`, above it."""
        if not places:
            return {}
        if self._consumer is None:
            self._consumer = Consumer(self._address.reader)
        self._consumer.assign([TopicPartition(*part, offset) for part, offset in places.items()])
        found: dict[Part, Arrival] = {}
        open_parts, deadline = set(places), time.monotonic() + ANSWER_SECONDS
        while open_parts and time.monotonic() < deadline:
            for record in self._consumer.consume(1, 0.05):
                part = (record.topic(), record.partition())
                if part not in open_parts or (record.error() and not _is_end(record)):
                    continue
                open_parts.discard(part)
                if record.error() is None and (not exactly or record.offset() == places[part]):
                    found[part] = read(record, self._address.topic)
        self._consumer.unassign()
        if open_parts:
            raise Unavailable(f"Kafka: {self._address.topic} cannot be read")
        return found

    def move_group_to(self, positions: Mapping[Part, int]) -> None:
        """Set the positions of a group that has no members.

        Raises:
            Unsupported: it has members. KafkaException: the broker does not answer.
        """
        places = [TopicPartition(*part, position) for part, position in positions.items()]
        try:
            failed = [one.error for one in self._asking().commit(offsets=places, asynchronous=False) if one.error]
        except KafkaException as failure:
            failed = [failure.args[0]]
        if any(error.code() in HAS_MEMBERS for error in failed):
            raise Unsupported(
                f"{self._address.topic} cannot be purged while other processes consume it",
                "stop the workers, then purge",
            )
        for error in failed:
            raise KafkaException(error)

    def close(self) -> None:
        """Let go of the broker."""
        for consumer in (self._consumer, self._member):
            if consumer is not None:
                consumer.close()

    def _asking(self) -> Any:
        """Return a consumer that never joins the group, and asks for its positions; it follows the coordinator."""
        if self._member is None:
            settings = {"group.id": self._address.group, "enable.auto.commit": False}
            self._member = Consumer({**self._address.client, **settings})
        return self._member

    def _create(self, missing: Iterable[str], brokers: int) -> None:
        replication = self._address.replication or min(3, brokers)
        topics = []
        for name in missing:
            settings = {**self._address.topics[name], "min.insync.replicas": str(min(2, replication))}
            partitions = 1 if name == self._address.dead else self._address.partitions
            topics.append(admin.NewTopic(name, partitions, replication, config=settings))
        for future in self._admin.create_topics(topics, operation_timeout=ANSWER_SECONDS, **ASK).values():
            try:
                _value(future)
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _partitions(self) -> list[TopicPartition]:
        """Return the partitions of the main and the retry topic, once all of all topics have a leader."""
        deadline = time.monotonic() + OPEN_SECONDS
        while time.monotonic() < deadline:
            topics = self._admin.list_topics(timeout=OPEN_SECONDS).topics
            known = [topics[name] for name in self._address.topics if name in topics]
            leaders = [one.leader for topic in known for one in topic.partitions.values()]
            if len(known) == len(self._address.topics) and leaders and min(leaders) >= 0:
                waiting = (topic for topic in known if topic.topic != self._address.dead)
                return [TopicPartition(topic.topic, one) for topic in waiting for one in topic.partitions]
            time.sleep(0.05)
        raise Unavailable(f"Kafka: the topic {self._address.topic} has no leader")

    def _durability(self) -> Durability:
        main = self._admin.list_topics(self._address.topic, timeout=OPEN_SECONDS).topics[self._address.topic]
        replicas = min(len(one.replicas) for one in main.partitions.values())
        in_sync = int(self._settings(self._address.topic)["min.insync.replicas"])
        return Durability.REPLICATED if replicas >= 2 and in_sync >= 2 else Durability.OS

    def _warn_of_loss(self) -> None:
        """Say so where a topic that was made by others may drop what nobody has worked off."""
        for name in (self._address.topic, self._address.retry):
            settings = self._settings(name)
            for setting, safe in KEEPS_ALL.items():
                if (value := settings.get(setting, safe)) != safe:
                    log.warning("the topic %s may drop what waits: %s=%s, not %s", name, setting, value, safe)

    def _settings(self, topic: str) -> dict[str, str]:
        resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic)
        found = _value(next(iter(self._admin.describe_configs([resource], **ASK).values())))
        return {name: entry.value for name, entry in found.items()}


def _value(future: Future[T]) -> T:
    """Return what the broker answered."""
    try:
        return future.result(timeout=OPEN_SECONDS)
    except TimeoutError as error:
        raise Unavailable("Kafka does not answer") from error


def _is_end(record: Any) -> bool:
    return bool(record.error().code() == KafkaError._PARTITION_EOF)
