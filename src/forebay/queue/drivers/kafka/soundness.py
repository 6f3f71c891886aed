"""What the settings of a topic give: which loss a message in it survives, and what the broker may drop by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import msgspec

from forebay.durability import Durability

log = logging.getLogger("forebay.queue.kafka")

KEEPS_ALL = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""What the settings of a topic must be that drops nothing by itself."""


class TopicSettings(msgspec.Struct, frozen=True):
    """A topic as its broker describes it.

    Arguments:
        name: of the topic.
        replicas: on how many brokers the worst of its partitions is.
        values: of its settings, by name.
        partitions: how many it has.
    """

    name: str
    replicas: int
    values: Mapping[str, str | None]
    partitions: int = 0

    def number(self, setting: str) -> int:
        """Return a setting that is a number; 0 when the broker does not tell it."""
        text = self.values.get(setting) or ""
        return int(text) if text.lstrip("-").isdigit() else 0


def durability_of(topic: TopicSettings) -> Durability:
    """Return what a message survives once it is acknowledged by all replicas in sync."""
    in_sync, unclean = topic.number("min.insync.replicas"), topic.values.get("unclean.leader.election.enable")
    if topic.replicas >= 2 and in_sync >= 2 and unclean == "false":
        return Durability.REPLICATED
    return Durability.FSYNC if topic.number("flush.messages") == 1 else Durability.OS


def warn_of_loss(topics: Iterable[TopicSettings]) -> None:
    """Say so in the log where a topic that was made by others may drop what nobody has worked off."""
    for topic in topics:
        for setting, safe in KEEPS_ALL.items():
            if (value := topic.values.get(setting, safe)) != safe:
                log.warning("the topic %s may drop what waits: %s=%s, not %s", topic.name, setting, value, safe)
