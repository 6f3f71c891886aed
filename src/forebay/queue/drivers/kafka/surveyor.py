"""What the broker knows of a topic: where its partitions begin and end, how far the group is, single records."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from forebay.errors import Unavailable, Unsupported, UsageError
from forebay.queue.drivers.kafka.address import DEAD, LARGEST, Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.marks import read_marks
from forebay.queue.drivers.kafka.records import Arrival, read
from forebay.queue.drivers.kafka.soundness import TopicSettings, durability_of, warn_of_loss

T = TypeVar("T")

admin: Any = confluent_kafka.admin  # its types do not say what it exports

ANSWER_SECONDS = 5.0
OPEN_SECONDS = 10.0
LOOK_SECONDS = 10.0
"""After which it is asked again how many partitions there are: somebody may add some while we work."""
ASK: dict[str, Any] = {"request_timeout": ANSWER_SECONDS}  # no question outlives the one who asks
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
        ended: records above it of which the group has told that they have ended.
    """

    start: int
    end: int
    committed: int
    ended: frozenset[int] = frozenset()

    @property
    def left(self) -> int:
        """How many records are there and have not ended, as far as the group has told."""
        return max(self.end - max(self.committed, self.start) - len(self.ended), 0)

    def holds(self, offset: int) -> bool:
        """Return whether the record at an offset is there, and has not ended as far as the group has told."""
        return self.committed <= offset < self.end and offset not in self.ended


class Surveyor:
    """Asks the broker; every method blocks its thread, and all are called from one.

    Arguments:
        address: the topics and the group.

    Attributes:
        largest: bytes of a message that all of the topics take; known once they are open.
    """

    def __init__(self, address: Address) -> None:
        self.largest = LARGEST
        self._address = address
        self._admin = admin.AdminClient(address.client)
        self._consumer: Any = None
        self._member: Any = None
        self._parts: list[TopicPartition] = []
        self._look_at = 0.0

    def open(self, *, quiet: bool = False) -> Durability:
        """Create the topics that are missing; return what a message in them survives.

        Arguments:
            quiet: whether nothing goes to the log of what the topics may drop.

        Raises:
            Unavailable: no broker answers. KafkaException: it refuses.
        """
        found = self._admin.list_topics(timeout=OPEN_SECONDS)
        missing = [name for name in self._address.topics if name not in found.topics]
        if missing:
            self._create(missing, found)
        self.look()
        # The new partitions answer, and so does the group's coordinator, which the first of all groups has to wait for.
        patiently(self._admin, self._survey, OPEN_SECONDS, {*MOVING, KafkaError._TIMED_OUT})
        settings = described_topics(self._admin, list(self._address.topics))
        if not quiet:
            warn_of_loss(settings[:2] + [one for one in settings if one.name == self._address.retry])
        self.largest = min(one.number("max.message.bytes") or LARGEST for one in settings)
        return min((durability_of(one) for one in settings), key=list(Durability).index)

    def look(self) -> None:
        """Learn which partitions there are, all of which must have a leader."""
        self._parts = self._partitions()
        self._look_at = time.monotonic() + LOOK_SECONDS

    @property
    def parts(self) -> set[Part]:
        """All partitions of messages that wait for their first or another attempt."""
        return {(one.topic, one.partition) for one in self._parts}

    def survey(self) -> dict[Part, Extent]:
        """Return the extent of every partition of messages that wait for their first or another attempt.

        Raises:
            KafkaException, Unavailable: the broker does not answer, or has not found its leaders for a while.
        """
        if time.monotonic() >= self._look_at:
            self._notice_new()
        return patiently(self._admin, self._survey)

    def _notice_new(self) -> None:
        topics = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        known = {name: len(topics[name].partitions) for name in self._address.working if name in topics}
        if sum(known.values()) > len(self._parts):
            self._parts = [TopicPartition(name, n) for name, count in known.items() for n in range(count)]
        self._look_at = time.monotonic() + LOOK_SECONDS

    def _survey(self) -> dict[Part, Extent]:
        ends = self._admin.list_offsets(dict.fromkeys(self._parts, admin.OffsetSpec.latest()), **ASK)
        starts = self._admin.list_offsets(dict.fromkeys(self._parts, admin.OffsetSpec.earliest()), **ASK)
        answer = self._asking().committed(self._parts, timeout=ANSWER_SECONDS)  # one question for all partitions
        committed = {(one.topic, one.partition): one for one in answer}
        extents = {}
        for place in self._parts:
            start, end = value_of(starts[place]).offset, value_of(ends[place]).offset
            part = (place.topic, place.partition)
            one = committed[part]
            ended = read_marks(one.offset, one.metadata).ended
            extents[part] = Extent(start, end, one.offset if one.offset >= 0 else start, frozenset(ended))
        return extents

    def ends(self) -> dict[Part, int]:
        """Return the end of each partition, as it is now."""
        return {part: extent.end for part, extent in self.survey().items()}

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
            settings = {"group.id": self._address.members, "enable.auto.commit": False}
            self._member = Consumer({**self._address.client, **settings})
        return self._member

    def _create(self, missing: Iterable[str], found: Any) -> None:
        """Create topics; as many partitions as the main topic has, so that a key has the same number in each."""
        main = found.topics.get(self._address.topic)
        parts = self._address.partitions if main is None else len(main.partitions)
        replication = self._address.replication or min(3, len(found.brokers))
        in_sync = self._address.new.in_sync or min(2, replication)
        if in_sync > replication:
            hint = f"ask for {replication} at most, or for a larger replication"
            raise UsageError(f"in-sync={in_sync} and replication={replication}: nothing would be accepted", hint)
        topics = []
        for name in missing:
            settings = {**self._address.topics[name], "min.insync.replicas": str(in_sync)}
            if self._address.synced and replication < 2:
                settings["flush.messages"] = "1"
            partitions = 1 if name.endswith(DEAD) else parts
            topics.append(admin.NewTopic(name, partitions, replication, config=settings))
        for future in self._admin.create_topics(topics, operation_timeout=ANSWER_SECONDS, **ASK).values():
            try:
                value_of(future)
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _partitions(self) -> list[TopicPartition]:
        """Return the partitions of the topics to work off, once all of all topics have a leader."""
        deadline = time.monotonic() + OPEN_SECONDS
        while time.monotonic() < deadline:
            topics = self._admin.list_topics(timeout=OPEN_SECONDS).topics
            known = [topics[name] for name in self._address.topics if name in topics]
            leaders = [one.leader for topic in known for one in topic.partitions.values()]
            if len(known) == len(self._address.topics) and leaders and min(leaders) >= 0:
                waiting = (topics[name] for name in self._address.working)
                return [TopicPartition(topic.topic, one) for topic in waiting for one in topic.partitions]
            time.sleep(0.05)
        raise Unavailable(f"Kafka: the topic {self._address.topic} has no leader")


def patiently(
    client: Any, question: Callable[[], T], seconds: float = ANSWER_SECONDS, passing: Collection[int] = MOVING
) -> T:
    """Ask until the partitions have leaders that the client knows of, for a while.

    Arguments:
        client: learns of the leaders.
        question: what is asked.
        seconds: after which it is not asked again.
        passing: the codes of errors that pass by themselves.

    Raises:
        KafkaException: the last answer, or one that patience does not mend.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except KafkaException as failure:
            if failure.args[0].code() not in passing or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
        client.list_topics(timeout=ANSWER_SECONDS)  # the client asks by the leaders that it last heard of


def value_of(future: Future[T]) -> T:
    """Return what the broker answered."""
    try:
        return future.result(timeout=OPEN_SECONDS)
    except TimeoutError as error:
        raise Unavailable("Kafka does not answer") from error


def _is_end(record: Any) -> bool:
    return bool(record.error().code() == KafkaError._PARTITION_EOF)


def described(client: Any, kind: Any, names: Sequence[str]) -> dict[str, Mapping[str, str | None]]:
    """Return the settings of topics or brokers, as the brokers tell them in one answer."""
    resources = [admin.ConfigResource(kind, name) for name in names]
    futures = client.describe_configs(resources, **ASK) if resources else {}
    return {
        resource.name: {name: entry.value for name, entry in value_of(future).items()}
        for resource, future in futures.items()
    }


def described_topics(client: Any, names: Sequence[str]) -> list[TopicSettings]:
    """Return the settings of topics, and how they are divided and replicated.

    Raises:
        KafkaException: one of them is not there.
    """
    values = described(client, admin.ConfigResource.Type.TOPIC, names)
    known = client.list_topics(timeout=OPEN_SECONDS).topics
    topics = []
    for name in names:
        if name not in known:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"there is no topic {name}"))
        partitions = known[name].partitions.values()
        replicas = min((len(one.replicas) for one in partitions), default=0)
        topics.append(TopicSettings(name, replicas, values[name], len(partitions)))
    return topics
