"""What the URL of a Kafka topic says, read strictly: ``kafka://host:9092/orders?group=workers&partitions=8``."""

from __future__ import annotations

from typing import Any

import msgspec

from forebay.disciplines import Order
from forebay.durability import Durability
from forebay.errors import UsageError
from forebay.queue.new_topic import NEW_TOPIC, NewTopic, new_topic_of
from forebay.queue.options import OPTIONS as COMMON_OPTIONS
from forebay.queue.options import asked_of
from forebay.url import URL, with_port

OPTIONS = {
    **COMMON_OPTIONS,
    **NEW_TOPIC,
    "security": "plaintext, ssl, sasl_plaintext or sasl_ssl",
    "mechanism": "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; with user and password in the URL",
    "cafile": "certificates to trust, as a PEM file",
}
SECURITY = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

DELIVERY_SECONDS = 4.0
"""How long the client tries to publish: below the deadline of a topic, so that callers hear its answer."""

LARGEST = 8 * 2**20
"""Bytes of a message, at most."""

BATCH = 1_000_000
"""Bytes of a batch of records, at most."""

LATER, RETRY, DEAD = ".later", ".retry", ".dead"
"""What the names of the topics beside the main one end with."""

DELAYED = "later-"
"""What stands before the partition in the reference of a delayed message."""

DEAD_SETTINGS = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    "max.message.bytes": str(LARGEST),
    # What a dead letter became must be known for as long as messages are counted: a hundred years.
    "delete.retention.ms": str(100 * 365 * 24 * 3600 * 1000),
}
WAITING_SETTINGS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",  # nothing that waits is ever dropped by its age
    "max.message.bytes": str(LARGEST),
}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a topic is, and what it shall be.

    Arguments:
        topic: messages that wait for their first attempt; `later`, `retry` and `dead` lie beside it.
        group: of the consumers; that of the topic for a subscriber of its own.
        ephemeral: whether the subscriber belongs to no group.
        order: what is worked off strictly one after the other.
        lease: seconds without a sign of life after which a worker's messages go to others.
        partitions, replication: for topics that must be created; replication None: 3, or all brokers.
        new: what else is asked of a topic that must be created.
        synced: whether topics that must be created, and are not replicated, are written through to the disk.
        client: settings that every client needs: brokers, security.
    """

    topic: str
    group: str
    ephemeral: bool = False
    order: Order = Order.NONE
    lease: float
    partitions: int
    replication: int | None
    new: NewTopic = NewTopic()
    synced: bool = False
    client: dict[str, Any]

    @property
    def servers(self) -> str:
        """The addresses of the brokers; without account or password."""
        return str(self.client["bootstrap.servers"])

    @property
    def later(self) -> str:
        """The topic of messages that wait for the time of their first attempt, for all groups."""
        return f"{self.topic}{LATER}"

    @property
    def retry(self) -> str:
        """The topic of the group's messages that wait for another attempt."""
        return f"{self.members}{RETRY}"

    @property
    def dead(self) -> str:
        """The topic of the group's dead letters, by message id."""
        return f"{self.members}{DEAD}"

    @property
    def members(self) -> str:
        """What the group is called at the broker; groups of one name that work on different topics are different."""
        return self.topic if self.group == self.topic else f"{self.topic}.{self.group}"

    @property
    def working(self) -> tuple[str, str, str]:
        """The topics that a member of the group reads."""
        return self.topic, self.later, self.retry

    @property
    def topics(self) -> dict[str, dict[str, str]]:
        """All topics that must be there, each with the settings that it is created with.

        What waits for another attempt and the dead letters are never dropped, whatever is asked of the topic: they are
        few, and they grow, for each attempt adds to the story of a message.
        """
        limited = WAITING_SETTINGS | _largest(self.new)
        return {
            self.topic: limited | _retention(self.new),
            self.later: limited,
            f"{self.topic}{RETRY}": WAITING_SETTINGS,  # the group of the topic's name exists with the topic
            f"{self.topic}{DEAD}": DEAD_SETTINGS,
            self.retry: WAITING_SETTINGS,
            self.dead: DEAD_SETTINGS,
        }

    def of_group(self, group: str) -> Address:
        """Return the address of another group of the same topic."""
        return msgspec.structs.replace(self, group=group, ephemeral=False)

    def producer(self, largest: int = LARGEST) -> dict[str, Any]:
        """Return the settings of the producer: nothing counts as sent before all replicas in sync have it.

        Arguments:
            largest: what the topics take at most; a batch beyond it would be refused with all that it holds.
        """
        return {
            **self.client,
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
            "message.max.bytes": LARGEST,
            "batch.size": min(BATCH, largest),
            "partitioner": "murmur2_random",  # a key has one partition, the empty one too, as with Java's producers
            "linger.ms": 0.5,  # 512 in flight go in fewer requests: one to two times as many a second (measured)
            "sticky.partitioning.linger.ms": 50,  # without a key, one partition for a while: fewer, larger writes
        }

    @property
    def reader(self) -> dict[str, Any]:
        """The settings of a consumer that reads without being a member of a group."""
        unused = f"forebay-reader-{self.group}-{self.topic}"
        return {
            **self.client,
            "group.id": unused,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
        }

    @property
    def listener(self) -> dict[str, Any]:
        """The settings of a consumer that is told what to read, and keeps no positions at the broker."""
        return {
            **self.client,
            "group.id": f"forebay-listener-{self.topic}",  # the client wants one; without commits it makes no group
            "auto.offset.reset": "earliest",  # where records were deleted meanwhile: the first that are left
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 20,
        }

    @property
    def consumer(self) -> dict[str, Any]:
        """The settings of a member of the group; positions are committed by us alone."""
        session = int(self.lease * 1000)
        return {
            **self.client,
            "group.id": self.members,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            # With an order, the partitions of one number go to one member, whichever of our topics they are of.
            "partition.assignment.strategy": "cooperative-sticky" if self.order is Order.NONE else "range",
            "session.timeout.ms": session,
            "heartbeat.interval.ms": max(session // 5, 100),
            "max.poll.interval.ms": max(session, 60_000),
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 20,
        }


def read_address(url: URL) -> Address:
    """Return what a URL says.

    Raises:
        UsageError: an option is unknown, or its value is not one. Unsupported: Kafka cannot give it.
    """
    url.check_options(OPTIONS)
    if not url.host:
        raise UsageError(f"{url} names no broker", "write it as kafka://localhost:9092/orders, or set KAFKA_BROKERS")
    asked = asked_of(url if "topic" in url.options else url.with_options(topic=url.path))
    if not 1.0 <= asked.lease <= 1800.0:
        raise UsageError(f"a lease of {asked.lease:g} s is not possible on Kafka", "write 1s to 30m")
    return Address(
        topic=asked.topic,
        group=asked.topic if asked.ephemeral else asked.group,
        ephemeral=asked.ephemeral,
        order=asked.order,
        lease=asked.lease,
        partitions=url.option("partitions", _positive, 8),
        replication=url.option("replication", _positive, None),
        new=_possible(new_topic_of(url)),
        synced=asked.durability is Durability.FSYNC,
        client=_client(url),
    )


def _possible(new: NewTopic) -> NewTopic:
    if new.largest is not None and new.largest > LARGEST:
        raise UsageError(f"messages of {new.largest} bytes are not possible", f"at most {LARGEST}: write largest=8MiB")
    return new


def _retention(new: NewTopic) -> dict[str, str]:
    settings = {}
    if new.retention is not None:
        settings["retention.ms"] = str(round(new.retention * 1000))
    if new.retention_bytes is not None:
        settings["retention.bytes"] = str(new.retention_bytes)
    return settings


def _largest(new: NewTopic) -> dict[str, str]:
    return {} if new.largest is None else {"max.message.bytes": str(new.largest)}


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000):
        raise UsageError("not a number above 0")
    return int(text)


def _client(url: URL) -> dict[str, Any]:
    brokers = ",".join(with_port(*server) for server in url.servers(9092))
    settings: dict[str, Any] = {
        "bootstrap.servers": brokers,
        "log_level": 0,  # what the client has to say comes as errors; its log would go to our standard error
        "allow.auto.create.topics": False,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
    security = _one_of(url, "security", SECURITY) or ("sasl_plaintext" if url.user else "plaintext")
    mechanism = _one_of(url, "mechanism", MECHANISMS)
    if "sasl" in security:
        if not url.user:
            raise UsageError(f"security={security} needs an account", "write kafka://user:password@host/orders")
        account = {"sasl.username": url.user, "sasl.password": url.password}
        settings |= {"sasl.mechanism": mechanism or "SCRAM-SHA-512", **account}
    elif url.user or mechanism:
        raise UsageError(f"security={security} has no accounts", "use security=sasl_ssl or sasl_plaintext")
    if cafile := url.options.get("cafile"):
        if "ssl" not in security:
            raise UsageError(f"security={security} has no certificates", "use security=ssl or sasl_ssl")
        settings["ssl.ca.location"] = cafile
    return {**settings, "security.protocol": security}


def _one_of(url: URL, name: str, known: tuple[str, ...]) -> str | None:
    value = url.options.get(name)
    if value is not None and value not in known:
        raise UsageError(f"{name}={value!r} is not known", f"one of {', '.join(known)}")
    return value
