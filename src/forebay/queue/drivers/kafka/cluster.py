"""The brokers as an operator asks them: topics, settings, positions of groups; every method blocks its thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import confluent_kafka.admin
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition

from forebay.errors import UsageError
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.soundness import TopicSettings
from forebay.queue.drivers.kafka.surveyor import (
    ASK,
    HAS_MEMBERS,
    OPEN_SECONDS,
    described,
    described_topics,
    patiently,
    value_of,
)

admin: Any = confluent_kafka.admin  # its types do not say what it exports

IN_USE = HAS_MEMBERS | {KafkaError.NON_EMPTY_GROUP}
ABSENT = {KafkaError.GROUP_ID_NOT_FOUND, KafkaError.UNKNOWN_TOPIC_OR_PART}


class Cluster:
    """The brokers at one address.

    Arguments:
        client: settings of the client: brokers, security.
    """

    def __init__(self, client: dict[str, Any]) -> None:
        self._admin = admin.AdminClient(client)

    def topics(self) -> dict[str, int]:
        """Return all topics with the numbers of their partitions."""
        found = self._admin.list_topics(timeout=OPEN_SECONDS).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def settings(self, topics: Sequence[str]) -> list[TopicSettings]:
        """Return the settings of topics, and on how many brokers they are."""
        return described_topics(self._admin, topics)

    def brokers(self) -> list[Mapping[str, str | None]]:
        """Return the settings of each broker."""
        ids = [str(id) for id in self._admin.list_topics(timeout=OPEN_SECONDS).brokers]
        return list(described(self._admin, admin.ConfigResource.Type.BROKER, ids).values())

    def version(self) -> str:
        """Return the version of the brokers; since 4.0 they have no setting that tells it."""
        told = {values.get("inter.broker.protocol.version") for values in self.brokers()}
        return ", ".join(sorted(version for version in told if version)) or "4 or newer"

    def held(self, topics: Sequence[str], groups: Sequence[Address]) -> int:
        """Return how many messages some topics hold that one of the groups that read them has not worked off."""
        starts, ends = patiently(self._admin, lambda: self._extents(topics))
        lowest = dict(ends)
        for group in groups:
            positions = self._positions(group.members)
            for part in lowest:
                if part[0] in group.working:
                    lowest[part] = min(lowest[part], max(positions.get(part, 0), starts[part]))
        return sum(end - lowest[part] for part, end in ends.items())

    def remove_group(self, members: str) -> None:
        """Let a group forget how far it is.

        Raises:
            UsageError: it has members.
        """
        try:
            value_of(self._admin.delete_consumer_groups([members], **ASK)[members])
        except KafkaException as failure:
            code = failure.args[0].code()
            if code in IN_USE:
                raise UsageError(f"the group {members!r} has workers", "stop them, then remove it") from failure
            if code not in ABSENT:
                raise

    def remove(self, topics: Sequence[str]) -> None:
        """Remove topics; return once they are gone."""
        for future in self._admin.delete_topics(list(topics), operation_timeout=OPEN_SECONDS, **ASK).values():
            try:
                value_of(future)
            except KafkaException as failure:
                if failure.args[0].code() not in ABSENT:
                    raise
        deadline = time.monotonic() + OPEN_SECONDS
        while set(topics) & self.topics().keys() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _extents(self, topics: Sequence[str]) -> tuple[dict[Part, int], dict[Part, int]]:
        """Return the starts and the ends of the partitions of those topics that are there now."""
        parts = [
            TopicPartition(name, n) for name, count in self.topics().items() if name in topics for n in range(count)
        ]
        return self._offsets(parts, admin.OffsetSpec.earliest()), self._offsets(parts, admin.OffsetSpec.latest())

    def _offsets(self, parts: Sequence[TopicPartition], which: Any) -> dict[Part, int]:
        asked = self._admin.list_offsets(dict.fromkeys(parts, which), **ASK) if parts else {}
        return {(part.topic, part.partition): value_of(future).offset for part, future in asked.items()}

    def _positions(self, group: str) -> dict[Part, int]:
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], **ASK)
        try:
            found = value_of(next(iter(asked.values()))).topic_partitions
        except KafkaException as failure:
            if failure.args[0].code() in ABSENT:
                return {}
            raise
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}
