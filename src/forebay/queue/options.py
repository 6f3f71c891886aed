"""The options that the URL of every queue takes, read once for all drivers, strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import Unsupported, UsageError
from forebay.quantity import duration
from forebay.url import URL

E = TypeVar("E", bound=StrEnum)

OPTIONS: Mapping[str, str] = {
    "topic": "the name of the topic",
    "group": "the group of workers that share the messages; every group gets every message, and with `each` every "
    "subscriber by itself gets what comes while it listens",
    "discipline": "fifo, lifo, random or priority",
    "order": "what is worked off strictly one after the other: key (messages of one key), partition, or none",
    "lease": "how long a delivery belongs to its worker without a heartbeat, e.g. 15s",
    "durability": "memory, os, fsync or replicated: a broker that gives less is refused",
}
"""Options that every driver's URL takes."""

DEFAULT_LEASE = 15.0
"""Seconds, where the URL says nothing."""

EACH = "each"
"""The group of those who belong to none: each subscriber gets all that is published while it is open, and nothing is
kept for it."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What topics and groups may be called: some broker gives every other character a meaning."""

WHO_HAS: dict[Discipline | Order, tuple[str, ...]] = {
    Discipline.FIFO: ("memory", "sqlite", "redis", "nats", "amqp", "kafka"),
    Discipline.LIFO: ("memory", "sqlite", "redis"),
    Discipline.RANDOM: ("memory", "sqlite", "redis"),
    Discipline.PRIORITY: ("memory", "sqlite", "redis", "amqp"),
    Order.NONE: ("memory", "sqlite", "redis", "nats", "amqp", "kafka"),
    Order.KEY: ("memory", "sqlite", "redis", "nats", "amqp", "kafka"),
    Order.PARTITION: ("memory", "sqlite", "redis", "nats", "amqp", "kafka"),
}
"""The drivers that can give a discipline or an order; a test holds it against what each of them declares, and a driver
that is registered adds itself."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the URL of a queue asks of any driver.

    Arguments:
        topic: its name.
        group: of the workers; by default that of the topic itself, `EACH` for a subscriber of its own.
        discipline: None: as the topic has it, FIFO for a new one.
        order: what is worked off strictly in order; None: nothing is.
        lease: seconds without a heartbeat after which a delivery goes to another worker.
        durability: the least class that will do.
    """

    topic: str
    group: str
    discipline: Discipline | None = None
    order: Order = Order.NONE
    lease: float = DEFAULT_LEASE
    durability: Durability = Durability.MEMORY

    @property
    def ephemeral(self) -> bool:
        """Whether the subscriber belongs to no group."""
        return self.group == EACH

    def work_on(self, topic: str) -> str:
        """Return what this group's work on a topic is called in results, events and ledgers: orders, orders@audit.

        Two groups do different work on one message, and the inbox of a store must not take one for the other.
        """
        return topic if self.group == self.topic else f"{topic}@{self.group}"


def asked_of(url: URL) -> Asked:
    """Return what a queue's URL asks for; the driver checks the names of its own options.

    Raises:
        UsageError: a value cannot be read. Unsupported: this driver has no such discipline or order.
    """
    topic = url.options.get("topic", "messages")
    asked = Asked(
        topic=topic,
        group=url.option("group", _name, topic),
        discipline=url.option("discipline", lambda text: _member(Discipline, text), None),
        order=url.option("order", lambda text: _member(Order, text), Order.NONE),
        lease=lease_of(url),
        durability=url.option("durability", lambda text: _member(Durability, text), Durability.MEMORY),
    )
    for kind, wish in (("discipline", asked.discipline), ("order", asked.order)):
        if wish is not None and url.scheme.removesuffix("s") not in WHO_HAS[wish] and url.scheme not in WHO_HAS[wish]:
            able = ", ".join(f"{scheme}://" for scheme in WHO_HAS[wish])
            raise Unsupported(f"{url.scheme}:// has no {kind} {wish}", f"those that have it: {able}")
    if asked.order is not Order.NONE and asked.discipline not in {None, Discipline.FIFO}:
        raise UsageError(f"order={asked.order} and discipline={asked.discipline} exclude each other", "leave one out")
    return asked


def lease_of(url: URL) -> float:
    """Return the seconds of the lease that a queue's URL asks for.

    Raises:
        UsageError: it is not a duration, or no time at all, or it never ends.
    """
    return url.option("lease", _lease, DEFAULT_LEASE)


def _lease(text: str) -> float:
    seconds = duration(text)
    if not 0 < seconds < math.inf:
        raise UsageError("a lease is longer than nothing and ends some time", "write lease=15s")
    return seconds


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise UsageError("not a name of a group", "letters, digits, - and _, at most 100")
    return text


def _member(kind: type[E], text: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(f"no such {kind.__name__.lower()}", f"one of {', '.join(kind)}") from error
