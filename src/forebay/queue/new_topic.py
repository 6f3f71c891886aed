"""What a new topic is asked to be: options that are read only where it is made, in the same words everywhere.

The settings of Kafka that mean the same are known by their own names too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from forebay.errors import Unsupported, UsageError
from forebay.quantity import duration, size
from forebay.url import URL

NEW_TOPIC: Mapping[str, str] = {
    "partitions": "of a new topic: into how many parts it is divided, so many processes can share the work; 8",
    "replication": "of a new topic: on how many brokers each message is; Kafka: 3, or as many as there are; NATS: 1, 3 "
    "or 5",
    "retention": "of a new topic: the age at which a message is dropped, worked off or not, e.g. 7d; inf: never",
    "retention-bytes": "of a new topic: how much it keeps, e.g. 1GiB, or inf; when that is full, each partition of "
    "Kafka drops its oldest messages, worked off or not, and NATS refuses new ones",
    "largest": "of a new topic: the largest message that it takes, with its headers, e.g. 1MiB",
    "in-sync": "of a new topic: how many brokers must have a message before it is accepted",
}
"""Options of a URL that are read where a topic is made; one that is there stays as it is."""

WHO_SETS: Mapping[str, tuple[str, ...]] = {
    "partitions": ("kafka",),
    "replication": ("nats", "kafka"),
    "retention": ("nats", "kafka"),
    "retention-bytes": ("nats", "kafka"),
    "largest": ("nats", "kafka"),
    "in-sync": ("kafka",),
}
"""The drivers that can set each; a test holds it against the options that each of them declares."""

OF_KAFKA: Mapping[str, tuple[str, str]] = {
    "num.partitions": ("partitions", ""),
    "replication.factor": ("replication", ""),
    "retention.ms": ("retention", "ms"),
    "retention.bytes": ("retention-bytes", ""),
    "max.message.bytes": ("largest", ""),
    "min.insync.replicas": ("in-sync", ""),
}
"""Kafka's names of the same settings, each with our word and the unit in which Kafka tells it."""

NEVER = "-1"
"""In Kafka's words: without a limit."""

SHORTEST = 1.0
"""Seconds that a message is kept at least."""


class NewTopic(msgspec.Struct, frozen=True, kw_only=True):
    """What a new topic is asked to be; None: as its driver makes it, which drops nothing.

    Arguments:
        retention: seconds after which a message is dropped, worked off or not.
        retention_bytes: how much is kept.
        largest: bytes of a message with its headers.
        in_sync: brokers that must have a message before it is accepted.
    """

    retention: float | None = None
    retention_bytes: int | None = None
    largest: int | None = None
    in_sync: int | None = None


def new_topic_of(url: URL) -> NewTopic:
    """Return what a URL asks of a new topic, as far as the drivers that can set it read it alike.

    Raises:
        UsageError: a value cannot be read.
    """
    return NewTopic(
        retention=url.option("retention", _retention, None),
        retention_bytes=url.option("retention-bytes", _bytes, None),
        largest=url.option("largest", _bytes, None),
        in_sync=url.option("in-sync", _in_sync, None),
    )


def in_our_words(setting: str) -> tuple[str, str]:
    """Return the option, and its text, that ``retention.ms=604800000`` stands for.

    Raises:
        UsageError: it is no setting with a value, or one that is not known.
    """
    name, given, value = setting.partition("=")
    if not given or not value:
        raise UsageError(f"{setting!r} is not a setting with a value", "write --set retention.ms=604800000")
    if name not in OF_KAFKA:
        known = f"known: {', '.join(OF_KAFKA)}; others are set with the broker's own tools"
        raise UsageError(f"there is no setting {name!r} of a new topic", known)
    option, unit = OF_KAFKA[name]
    return option, "inf" if value == NEVER else f"{value}{unit}"


def asking(url: URL, wishes: Mapping[str, str], known: Mapping[str, str]) -> URL:
    """Return the URL of a topic with what is asked of it when it is made.

    Arguments:
        wishes: options of a new topic.
        known: the options that the driver of the URL has.

    Raises:
        Unsupported: the driver cannot set one of them. UsageError: the URL says it already.
    """
    for name in wishes:
        if name not in known:
            able = ", ".join(f"{scheme}://" for scheme in WHO_SETS[name])
            raise Unsupported(f"{url.scheme}:// cannot set the {name} of a topic", f"those that can: {able}")
        if name in url.options:
            raise UsageError(f"{name} is said twice", f"leave it out of the URL, or leave out --{name}")
    return url.with_options(**wishes)


def _retention(text: str) -> float | None:
    seconds = duration(text)
    if seconds < SHORTEST:
        raise UsageError("a topic keeps its messages for a second at least", "write retention=7d")
    return None if math.isinf(seconds) else seconds


def _bytes(text: str) -> int | None:
    if text == "inf":
        return None
    if (number := size(text)) < 1:
        raise UsageError("it would take nothing", "write it as 1MiB")
    return number


def _in_sync(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100):
        raise UsageError("not a number of brokers", "write in-sync=2")
    return int(text)
