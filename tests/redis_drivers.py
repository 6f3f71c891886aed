"""Drivers of Redis for tests: opened as processes of their own, on servers with other settings, and insistent."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator

import redis.asyncio as client

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import ForebayError
from forebay.lab.proxy import Proxy
from forebay.lab.servers import Redis
from forebay.message import Message, new_id
from forebay.queue.driver import Driver
from forebay.queue.drivers import redis as driver_of_redis
from forebay.queue.drivers.redis.scripts import key_of
from forebay.url import parse
from insistent import insist as insist


@contextlib.asynccontextmanager
async def opening(redis: Redis) -> AsyncIterator:
    """Yield what opens a topic, which is its attribute `topic`, as a process of its own would; and a patient one."""
    topic, drivers = f"t{new_id()}", []

    async def open_one(base: str = "", clock: Clock = SYSTEM_CLOCK, **options: str) -> Driver:
        url = parse(f"{base or redis.url}/{topic}").with_options(**{"timeout": "60s", **options})
        drivers.append(await driver_of_redis.connect(url, clock=clock))
        return drivers[-1]

    open_one.topic = topic
    yield open_one
    for driver in drivers:
        await driver.close()


async def published(driver: Driver, batch: list[Message]) -> list[str]:
    """Publish; raise the error that befell a message."""
    results = await driver.publish(batch, math.inf)
    for result in results:
        if isinstance(result, ForebayError):
            raise result
    return list(results)


async def remove_all(raw: client.Redis, topic: str) -> None:
    """Do what a FLUSHALL does, to one topic."""
    keys = [key async for key in raw.scan_iter(f"{key_of(topic)}*")]
    await raw.delete(*keys)
    await raw.script_flush()


def by_way_of(proxy: Proxy, server: Redis) -> str:
    return server.url.replace(f":{server.port}", f":{proxy.port}")


def server_with(**settings: str) -> type[Redis]:
    """Return a server with other settings; underscores stand for the hyphens of their names."""
    lines = {name.replace("_", "-"): value for name, value in settings.items()}
    return type("Other", (Redis,), {"settings": lines})
