"""From what an application declares and its settings to open topics, pools, and what works inside the request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from forebay.errors import Unavailable, UsageError
from forebay.queue.driver import Driver
from forebay.queue.opening import open_driver, queue_url
from forebay.queue.options import asked_of
from forebay.queue.request_reply import Replier
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.settings import Settings
from forebay.url import URL
from forebay.workers.direct import Direct
from forebay.workers.policies import RetryPolicy
from forebay.workers.pool import Pool

if TYPE_CHECKING:
    from forebay.declared import DeclaredHandler
    from forebay.running import Running

T = TypeVar("T")

LONGEST_PAUSE = 5.0

log = logging.getLogger("forebay.running")


async def reached(opening: Callable[[], Awaitable[T]], reconnects: int) -> T:
    """Open something, and try it so many times again while it cannot be reached.

    Raises:
        Unavailable: it could not be reached the last time either.
    """
    for attempt in range(reconnects):
        try:
            return await opening()
        except Unavailable as error:
            pause = min(0.5 * 2**attempt, LONGEST_PAUSE)
            log.warning("%s; trying again in %gs (%d of %d)", error, pause, attempt + 1, reconnects)
            await asyncio.sleep(pause)
    return await opening()


async def open_queues(running: Running, stack: AsyncExitStack) -> None:
    """Open the topics of an application, and make the pools that will work them off here."""
    settings = running.settings
    for name in running.app.topics:
        url = _queue_of(running, name)
        driver = await _driver(url, settings, stack)
        work = asked_of(url).work_on(name)
        topic = Topic(name, driver, places=settings.places, deadline=settings.deadline, owned=False, work_name=work)
        topic.listeners = running.listeners
        running.topics[name] = topic
        if settings.workers and name in running.app.handlers:
            running.pools[name] = await _pools(running, topic, url, driver, stack)


def start_pools(running: Running, stack: AsyncExitStack) -> None:
    """Start the pools; the end of the stack lets topics refuse first, then pools finish what is in hand."""
    for pools in running.pools.values():
        for pool in pools:
            pool.start()
    stack.push_async_callback(_stop_pools, running)
    for topic in running.topics.values():
        stack.push_async_callback(topic.close)


def direct(running: Running, topic: str) -> Direct:
    """Return what works off a topic inside its requests."""
    declared, settings = running.app.handlers[topic], running.settings
    return Direct(
        topic,
        declared.handler,
        workers=_workers(declared, settings),
        store=running.store if declared.results else None,
        timeout=declared.timeout or settings.timeout,
        listeners=running.listeners,
    )


async def _driver(url: URL, settings: Settings, stack: AsyncExitStack) -> Driver:
    driver = await reached(lambda: open_driver(url), settings.reconnects)
    stack.push_async_callback(driver.close)
    return driver


async def _stop_pools(running: Running) -> None:
    stops = [pool.stop(running.settings.drain) for pools in running.pools.values() for pool in pools]
    running.given_back += sum(await asyncio.gather(*stops))


def _queue_of(running: Running, topic: str) -> URL:
    """Return the address of a topic's queue; the URL may name another topic only where there is just one."""
    url = queue_url(running.settings.queue, topic)
    if len(running.app.topics) == 1:
        return url
    if url.options["topic"] != topic and url.scheme != "memory":
        what = f"{url} names one topic, but {running.app.name} has {', '.join(running.app.topics)}"
        raise UsageError(what, "leave the topic out of the URL: each gets the one that it is named after")
    return url.with_options(topic=topic)


async def _pools(running: Running, topic: Topic, url: URL, driver: Driver, stack: AsyncExitStack) -> list[Pool]:
    """Return a pool for each reader, with its share of the workers; the first reads by the connection of the topic."""
    settings, declared = running.settings, running.app.handlers[topic.name]
    workers = _workers(declared, settings)
    readers = min(settings.readers, workers)
    if readers > 1 and asked_of(url).ephemeral:
        raise UsageError("several readers of ?group=each would each get everything", "leave --readers out")
    topic.readers = [await _driver(url, settings, stack) for _ in range(readers - 1)]
    shares = [workers // readers + (one < workers % readers) for one in range(readers)]
    drivers = [driver, *topic.readers]
    return [_pool(running, declared, url, one, share) for one, share in zip(drivers, shares, strict=True)]


def _pool(running: Running, declared: DeclaredHandler, url: URL, driver: Driver, workers: int) -> Pool:
    settings, asked = running.settings, asked_of(url)
    subscription = Subscription(asked.work_on(declared.topic), driver, lease=asked.lease, owned=False)
    keeps = declared.results and not asked.ephemeral  # each subscriber does all of the work, and keeps none of it
    return Pool(
        subscription,
        declared.handler,
        workers=workers,
        policy=declared.retry or RetryPolicy(attempts=settings.attempts, first=settings.backoff),
        store=running.store if keeps else None,
        replier=Replier(url, driver),
        timeout=declared.timeout or settings.timeout,
        at_most_once=settings.guarantee == "at-most-once",
        listeners=running.listeners,
    )


def _workers(declared: DeclaredHandler, settings: Settings) -> int:
    """Return n: what the operator set, else what the program declared, else the default."""
    operators_word = settings.values["workers"].origin != "default"
    return int(settings.workers if operators_word or declared.workers is None else declared.workers)
