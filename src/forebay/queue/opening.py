"""From a URL to a topic or a subscription; drivers are imported when asked for, so that none costs the others."""

from __future__ import annotations

import math

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import Unsupported, UsageError
from forebay.queue.admin import Admin
from forebay.queue.driver import Driver
from forebay.queue.go_cdk import BROKERS, with_brokers
from forebay.queue.options import EACH, NAME, asked_of
from forebay.queue.registry import DRIVERS as DRIVERS
from forebay.queue.registry import check_scheme
from forebay.queue.registry import driver_module as driver_module
from forebay.queue.registry import register as register
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.url import URL, parse

OF_ONE_TOPIC = frozenset({"topic", "group", "discipline", "order", "durability"})
"""Options that speak of one topic and its workers, not of the broker."""


def queue_url(text: str | URL, topic: str = "") -> URL:
    """Return the URL with its topic as an option: the one it names itself, else `topic`.

    Raises:
        UsageError: not a URL, an unknown scheme, no topic or one with characters that some broker gives a meaning.
    """
    url = parse(text) if isinstance(text, str) else text
    check_scheme(url.scheme)
    url = with_brokers(url)
    name = topic_of(url) or topic
    if not NAME.fullmatch(name):
        alone = f"; with {BROKERS} set, {url} is a topic" if url.scheme == "kafka" and not name else ""
        raise UsageError(
            f"{name!r} is not a name of a topic" if name else f"{url} names no topic",
            f"letters, digits, - and _, at most 100; a trailing ?topic=orders names it{alone}",
        )
    if name == EACH:  # its own group would be that of those who belong to none, and nobody would keep its messages
        raise UsageError(
            f"a topic cannot be called {EACH!r}", f"?group={EACH} has a meaning of its own; take another name"
        )
    return url.with_options(topic=name)


def topic_of(url: URL) -> str:
    """Return the topic that a URL names: by an option, or in its path (SQLite has its file there); or nothing.

    Where an option names the topic, the path keeps the meaning that it has for others: a database, a virtual host.
    """
    url = with_brokers(url)
    return url.options.get("topic") or {"memory": url.host, "sqlite": ""}.get(url.scheme, url.path)


def beside(url: URL, topic: str, **options: str) -> URL:
    """Return the address of another topic of the same broker, with these options.

    Arguments:
        url: of a topic, as `queue_url` returns it; what it asks of that topic alone is left behind.
        topic: the name of the other one.
    """
    kept = {name: text for name, text in url.options.items() if name not in OF_ONE_TOPIC}
    in_place = url.scheme not in {"memory", "sqlite"} and url.path == url.options.get("topic")
    path = "" if in_place else url.path
    return URL(url.scheme, url.host, path, url.user, url.password, {**kept, "topic": topic, **options})


async def open_driver(url: str | URL, topic: str = "", clock: Clock = SYSTEM_CLOCK) -> Driver:
    """Open one topic of a broker.

    Arguments:
        url: as in ``sqlite:///orders.db?topic=orders``.
        topic: its name where the URL has none.
        clock: for leases and delays; tests move it.

    Raises:
        UsageError: the URL is wrong. Unsupported: the broker cannot give what it asks for.
        Unavailable: the broker cannot be reached.
    """
    full = queue_url(url, topic)
    asked = asked_of(full).durability
    driver: Driver = await driver_module(full.scheme).connect(full, clock=clock)
    if not driver.durability.covers(asked):
        await driver.close()
        raise Unsupported(
            f"{full} gives the durability {driver.durability}, and {asked} is asked for",
            "forebay doctor says which settings are to blame",
        )
    return driver


async def open_admin(url: str | URL) -> Admin:
    """Open the operator's side of a broker; the URL need not name a topic.

    Raises:
        UsageError: the URL is wrong. Unavailable: the broker cannot be reached.
    """
    full = with_brokers(parse(url) if isinstance(url, str) else url)
    admin: Admin = await driver_module(full.scheme).administer(full)
    return admin


async def open_topic(url: str | URL, topic: str = "", *, places: float = math.inf, deadline: float = 5.0) -> Topic:
    """Open a topic for publishing.

    Arguments:
        url: as in ``kafka://localhost:9092/orders``.
        topic: its name where the URL has none.
        places: waiting messages allowed; inf: no limit.
        deadline: seconds after which a publish without an answer is `Unknown`.

    Raises:
        UsageError: the URL is wrong. Unavailable: the broker cannot be reached.
    """
    full = queue_url(url, topic)
    return Topic(full.options["topic"], await open_driver(full), places=places, deadline=deadline)


async def open_subscription(url: str | URL, topic: str = "") -> Subscription:
    """Open a topic for taking messages, and begin to fetch.

    Raises:
        UsageError: the URL is wrong. Unavailable: the broker cannot be reached.
    """
    full = queue_url(url, topic)
    asked = asked_of(full)
    subscription = Subscription(asked.work_on(asked.topic), await open_driver(full), lease=asked.lease)
    subscription.start()
    return subscription
