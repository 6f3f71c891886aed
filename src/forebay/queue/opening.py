"""From a URL to a topic or a subscription; drivers are imported when asked for, so that none costs the others."""

from __future__ import annotations

import importlib
import math
import re
from types import ModuleType

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import UsageError
from forebay.queue.driver import Driver
from forebay.queue.lease import lease_of
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.url import URL, parse

DRIVERS = {
    "memory": ("forebay.queue.drivers.memory", ""),
    "sqlite": ("forebay.queue.drivers.sqlite", ""),
    "kafka": ("forebay.queue.drivers.kafka", "kafka"),
}
"""Scheme of the URL: the module of its driver, and the extra that installs what it needs."""

TOPIC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def queue_url(text: str | URL, topic: str = "") -> URL:
    """Return the URL with its topic as an option: the one it names itself, else `topic`.

    Raises:
        UsageError: not a URL, an unknown scheme, no topic or one with characters that some broker gives a meaning.
    """
    url = parse(text) if isinstance(text, str) else text
    if url.scheme not in DRIVERS:
        raise UsageError(f"there is no driver for {url.scheme}://", f"known: {', '.join(sorted(DRIVERS))}")
    name = url.options.get("topic") or _topic_in_place(url) or topic
    if not TOPIC_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name of a topic" if name else f"{url} names no topic",
            "letters, digits, - and _, at most 100; a trailing ?topic=orders names it",
        )
    return url.with_options(topic=name)


def _topic_in_place(url: URL) -> str:
    """Return the topic that stands in the URL proper: where SQLite has its file, others have the topic."""
    return {"memory": url.host, "sqlite": ""}.get(url.scheme, url.path)


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
    driver: Driver = await _module(full.scheme).connect(full, clock=clock)
    return driver


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
    subscription = Subscription(full.options["topic"], await open_driver(full), lease=lease_of(full))
    subscription.start()
    return subscription


def _module(scheme: str) -> ModuleType:
    name, extra = DRIVERS[scheme]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("forebay"):
            raise
        raise UsageError(
            f"{scheme}:// needs the package {error.name}", f"install it: pip install 'forebay[{extra}]'"
        ) from error
