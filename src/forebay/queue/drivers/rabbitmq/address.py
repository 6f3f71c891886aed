"""From a URL to the names and settings of the exchange and the queues of one topic and one group.

    exchange <topic>               every message is published to it
    queue    <topic>               the group of the topic; another group: <topic>:<group>
    queue    <queue>.dead          its dead letters
    queue    <queue>.retry.<n>     messages that try again later; each step waits twice as long as the one before
    queue    <topic>.later.<n>     messages that are not to be delivered yet, to any group
    queue    <...>.retry, .later   as many notes as there are steps
    queue    <topic>:each.<id>     a subscriber of its own

A dot and a colon cannot stand in the names of topics and groups, so none of these meets another.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.disciplines import Discipline, Order
from forebay.errors import UsageError
from forebay.queue.drivers.rabbitmq.connection import Account
from forebay.queue.drivers.rabbitmq.records import HIGHEST_PRIORITY
from forebay.queue.options import OPTIONS as COMMON
from forebay.queue.options import Asked, asked_of
from forebay.url import URL

OPTIONS: Mapping[str, str] = {
    **COMMON,
    "management": "where the HTTP API is, e.g. http://127.0.0.1:15672: the doctor and the lists of topics see more",
    "cafile": "with amqps: the certificates to trust, instead of the system's",
}

UNLIMITED = 2**31 - 1
"""Returns of a message before a quorum queue gives it up; without a limit of ours 4.0 does so after 20."""
EACH_EXPIRES = 60_000
"""Milliseconds after which the queue of a subscriber that is gone vanishes."""
STRICT_PRIORITIES = (4, 3)
"""The first version whose quorum queues have the 32 priorities; before, classic queues have them."""

QUORUM: Mapping[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}
CLASSIC_PRIORITY: Mapping[str, Any] = {"x-queue-type": "classic", "x-max-priority": HIGHEST_PRIORITY}

PORTS = {"amqp": 5672, "amqps": 5671}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL asks of RabbitMQ.

    Arguments:
        asked: of any driver.
        account: where, and as whom.
        management: the HTTP API; empty: not told.
        queue: the name of the group's queue.
    """

    asked: Asked
    account: Account
    management: str
    queue: str

    @property
    def topic(self) -> str:
        """The exchange, and the queue of the topic's own group."""
        return self.asked.topic

    @property
    def dead(self) -> str:
        """The queue of dead letters."""
        return f"{self.queue}.dead"

    @property
    def retry(self) -> str:
        """Where the names of the queues for later attempts begin."""
        return f"{self.queue}.retry"

    @property
    def later(self) -> str:
        """Where the names of the queues for delayed messages begin."""
        return f"{self.topic}.later"

    @property
    def own_group(self) -> bool:
        """Whether the group is that of the topic."""
        return self.queue == self.topic


def address_of(url: URL) -> Address:
    """Return what a URL asks for.

    Raises:
        UsageError: an option is unknown or cannot be read, or the broker cannot give it.
    """
    url.check_options(OPTIONS)
    asked = asked_of(url)
    queue = queue_of(asked.topic, asked.group)
    if asked.ephemeral:
        queue = f"{asked.topic}:each.{secrets.token_hex(8)}"
    return Address(asked=asked, account=account_of(url, asked.lease), management=management_of(url), queue=queue)


def queue_of(topic: str, group: str) -> str:
    """Return the name of a group's queue."""
    return topic if group == topic else f"{topic}:{group}"


def account_of(url: URL, lease: float) -> Account:
    """Return where the broker of a URL is; where no option names the topic, the path does, and the host is ``/``.

    Raises:
        UsageError: the host or its port cannot be read.
    """
    servers = url.servers(PORTS[url.scheme])
    if len(servers) != 1:
        raise UsageError(f"{url} does not name one broker", "write amqp://user:password@host:5672/orders")
    [(host, port)] = servers
    vhost = url.path if "topic" in url.options and url.path not in {"", url.options["topic"]} else "/"
    return Account(
        host=host,
        port=port,
        user=url.user or "guest",
        password=url.password or ("guest" if not url.user else ""),
        vhost=vhost,
        encryption=_encryption(url),
        heartbeat=max(1, int(lease / 2)),
    )


def _encryption(url: URL) -> ssl.SSLContext | None:
    if url.scheme != "amqps":
        return None
    try:
        return ssl.create_default_context(cafile=url.options.get("cafile"))
    except OSError as error:
        raise UsageError(f"cafile={url.options.get('cafile')!r}: {error}", "name a file of PEM certificates") from error


def management_of(url: URL) -> str:
    """Return where the HTTP API is.

    Raises:
        UsageError: that is no address of HTTP.
    """
    place = url.options.get("management", "").rstrip("/")
    if place and not place.startswith(("http://", "https://")):
        raise UsageError(f"management={place!r} is no address of HTTP", "write management=http://127.0.0.1:15672")
    return place


def arguments_of(discipline: Discipline, order: Order, version: tuple[int, ...]) -> Mapping[str, Any]:
    """Return the arguments of a group's queue on a broker of this version."""
    if discipline is Discipline.PRIORITY and version < STRICT_PRIORITIES:
        return CLASSIC_PRIORITY
    if order is not Order.NONE:
        return {**QUORUM, "x-single-active-consumer": True}
    return QUORUM


def version_of(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    parts = [part for part in text.split(".")[:2] if part.isascii() and part.isdigit()]
    return tuple(int(part) for part in parts)
