"""Drivers of Kafka for tests: opened as processes of their own, worked with, and left without a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from confluent_kafka import admin

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.message import new_id
from forebay.queue.driver import Driver
from forebay.queue.drivers import kafka as driver_of_kafka
from forebay.url import parse


@contextlib.asynccontextmanager
async def opening(kafka) -> AsyncIterator:
    """Yield what opens a topic, which is its attribute `topic`, as a process of its own would."""
    topic, drivers = f"t{new_id()}", []

    async def open_one(broker=kafka, partitions: int = 4, clock: Clock = SYSTEM_CLOCK, **options: str) -> Driver:
        url = parse(f"{broker.url}/{topic}?partitions={partitions}&lease=6s").with_options(**options)
        drivers.append(await driver_of_kafka.connect(url, clock=clock))
        return drivers[-1]

    open_one.topic = topic
    yield open_one
    await asyncio.gather(*(driver.close() for driver in drivers))


async def until_told(client: admin.AdminClient, topic: str, partitions: int) -> None:
    """Return once the broker tells of a topic with so many partitions: the controller knows it a little earlier."""
    async with asyncio.timeout(30):
        while True:
            known = (await asyncio.to_thread(client.list_topics, timeout=20)).topics.get(topic)
            if known is not None and len(known.partitions) == partitions:
                return
            await asyncio.sleep(0.05)


async def leave_without_a_word(driver: Driver) -> None:
    """Let go of the broker as a process that was killed, but for the wait until the group has noticed it."""
    if (poller := driver._poller) is not None:
        poller.holdings.end(poller.holdings.assignments())
    await driver.close()
