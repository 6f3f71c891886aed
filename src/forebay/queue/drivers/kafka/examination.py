"""Which settings of a broker, and of the topics of a queue, lose messages or may come to do so, each with its mend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from forebay.durability import Durability
from forebay.queue.admin import Finding, Severity, fine
from forebay.queue.drivers.kafka.address import DEAD, LARGEST
from forebay.queue.drivers.kafka.soundness import TopicSettings, durability_of

HERE = "HOST:9092"
"""Stands in the mends for the address of the brokers."""

WEEK = 7 * 24 * 60
"""Minutes."""


def proof_of(topics: Sequence[TopicSettings]) -> str:
    """Return in words by which settings the durability of the weakest of these topics is known."""
    weakest = min(topics, key=lambda one: list(Durability).index(durability_of(one)))
    values = weakest.values
    return (
        f"acks=all; {weakest.name}: replication {weakest.replicas}, "
        f"min.insync.replicas={values.get('min.insync.replicas')}, "
        f"unclean.leader.election.enable={values.get('unclean.leader.election.enable')}, "
        f"flush.messages={values.get('flush.messages')}"
    )


def examine_broker(values: Mapping[str, str | None]) -> list[Finding]:
    """Return what is to be said of a broker's own settings.

    Arguments:
        values: of its settings, by name.
    """
    broker = TopicSettings("", 0, values)
    offsets, largest = broker.number("offsets.retention.minutes"), broker.number("message.max.bytes")
    minutes, retention = _log_retention(broker)
    return [
        _judged(
            values.get("auto.create.topics.enable") != "false",
            "auto.create.topics.enable",
            values.get("auto.create.topics.enable"),
            "A mistyped topic, or one that was removed under its publishers, is made anew with the broker's defaults, "
            "and its messages expire unread.",
            "auto.create.topics.enable=false in server.properties, and a restart",
        ),
        _judged(
            offsets < WEEK,
            "offsets.retention.minutes",
            values.get("offsets.retention.minutes"),
            "A group whose workers are all away for longer forgets how far it was, and gets everything again.",
            f"offsets.retention.minutes={WEEK} or more in server.properties, and a restart",
        ),
        _judged(
            0 <= minutes < WEEK,
            retention,
            values.get(retention),
            "Topics that are made without a retention of their own, by other programs, drop what waits for longer.",
            "log.retention.ms=-1 in server.properties, and a restart; topics of forebay have their own setting",
        ),
        _judged(
            largest < 2**20,
            "message.max.bytes",
            values.get("message.max.bytes"),
            "Topics that are made without a limit of their own refuse larger messages.",
            f"kafka-configs --bootstrap-server {HERE} --alter --entity-type brokers --entity-default "
            f"--add-config message.max.bytes={LARGEST}",
        ),
    ]


def examine_topic(topic: TopicSettings, oldest_seconds: float = 0.0) -> list[Finding]:
    """Return what is to be said of one topic of a queue.

    Arguments:
        topic: one of waiting messages, or of dead letters.
        oldest_seconds: the age of the oldest message that waits in it for some group.
    """
    findings = [*_replication(topic), _unclean(topic), _limit(topic)]
    if topic.name.endswith(DEAD):
        return [*findings, _dead_letters(topic)]
    return [*findings, _retention(topic, oldest_seconds), _size(topic), _compaction(topic)]


def examine_partitions(partitions: Mapping[str, int]) -> list[Finding]:
    """Return whether the topics of a queue are divided alike.

    Arguments:
        partitions: of each topic with messages that wait.
    """
    counts = sorted(set(partitions.values()))
    told = ", ".join(f"{name}: {count}" for name, count in sorted(partitions.items()))
    why = "With order=key, a message that was delayed or returned can be worked on beside others of its key."
    fewer = [name for name, count in sorted(partitions.items()) if count < counts[-1]]
    alter = [f"kafka-topics --bootstrap-server {HERE} --alter --topic {name}" for name in fewer]
    mend = "; ".join(f"{one} --partitions {counts[-1]}" for one in alter) + ", while nothing waits"
    return [_judged(len(counts) > 1, "partitions", told if len(counts) > 1 else str(counts[0]), why, mend)]


def _replication(topic: TopicSettings) -> list[Finding]:
    synced, in_sync = topic.number("flush.messages") == 1, topic.number("min.insync.replicas")
    return [
        _judged(
            topic.replicas < 2,
            f"{topic.name}: replication",
            str(topic.replicas),
            "It is on one machine only"
            + (": with its disk, all is gone." if synced else ", and there in memory at first: a power cut takes it."),
            "move it to three brokers with kafka-reassign-partitions; where there is one only: "
            + _alter(topic, "flush.messages=1"),
            Severity.WARNS if synced else Severity.LOSES,
        ),
        _judged(
            in_sync < 2,
            f"{topic.name}: min.insync.replicas",
            str(in_sync),
            "A message is accepted when one broker has it, and lost with that broker.",
            _alter(topic, "min.insync.replicas=2"),
            Severity.WARNS if topic.replicas < 2 else Severity.LOSES,
        ),
    ]


def _unclean(topic: TopicSettings) -> Finding:
    value = topic.values.get("unclean.leader.election.enable")
    return _judged(
        value != "false",
        f"{topic.name}: unclean.leader.election.enable",
        value,
        "A broker that lags behind may become the leader, and what it does not have is gone.",
        _alter(topic, "unclean.leader.election.enable=false"),
        Severity.LOSES,
    )


def _limit(topic: TopicSettings) -> Finding:
    limit = topic.number("max.message.bytes")
    return _judged(
        limit < LARGEST,
        f"{topic.name}: max.message.bytes",
        str(limit),
        "Larger messages are refused; where only the topics of retries or dead letters do so, they stall the workers.",
        _alter(topic, f"max.message.bytes={LARGEST}"),
    )


def _retention(topic: TopicSettings, oldest_seconds: float) -> Finding:
    kept_seconds = topic.number("retention.ms") / 1000
    late = oldest_seconds >= kept_seconds
    return _judged(
        kept_seconds >= 0,
        f"{topic.name}: retention.ms",
        topic.values.get("retention.ms"),
        f"Messages older than {kept_seconds:g} s are dropped though nobody has worked them off"
        + (f", and the oldest has waited for {oldest_seconds:.0f} s." if late else "."),
        _alter(topic, "retention.ms=-1"),
        Severity.LOSES if late else Severity.WARNS,
    )


def _size(topic: TopicSettings) -> Finding:
    return _judged(
        topic.number("retention.bytes") >= 0,
        f"{topic.name}: retention.bytes",
        topic.values.get("retention.bytes"),
        "A partition that grows beyond it drops its oldest messages, worked off or not.",
        _alter(topic, "retention.bytes=-1"),
    )


def _compaction(topic: TopicSettings) -> Finding:
    policy = topic.values.get("cleanup.policy") or ""
    return _judged(
        "compact" in policy,
        f"{topic.name}: cleanup.policy",
        policy,
        "Of several messages with one key all but the last are dropped, worked off or not.",
        _alter(topic, "cleanup.policy=delete"),
        Severity.LOSES,
    )


def _dead_letters(topic: TopicSettings) -> Finding:
    policy = topic.values.get("cleanup.policy") or ""
    expire = "delete" in policy and (topic.number("retention.ms") >= 0 or topic.number("retention.bytes") >= 0)
    return _judged(
        expire,
        f"{topic.name}: cleanup.policy",
        policy,
        "Dead letters, and the books on what became of them, are dropped by their age or size.",
        _alter(topic, "cleanup.policy=compact"),
        Severity.LOSES,
    )


def _log_retention(broker: TopicSettings) -> tuple[int, str]:
    """Return after how many minutes topics drop messages that have no setting of their own, and which setting says it.

    The finest unit that is set counts; below 0 is never.
    """
    for unit, in_minutes in (("ms", 1 / 60_000), ("minutes", 1.0), ("hours", 60.0)):
        if broker.values.get(name := f"log.retention.{unit}"):
            return math.floor(broker.number(name) * in_minutes), name
    return -1, "log.retention.hours"


def _alter(topic: TopicSettings, setting: str) -> str:
    return f"kafka-configs --bootstrap-server {HERE} --alter --topic {topic.name} --add-config {setting}"


def _judged(
    bad: bool, setting: str, value: str | None, why: str, mend: str, severity: Severity = Severity.WARNS
) -> Finding:
    shown = "not set" if value is None else value
    if not bad:
        return fine(setting, shown)
    return Finding(severity=severity, setting=setting, value=shown, why=why, mend=mend)
