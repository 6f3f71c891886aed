"""Drivers of Kafka for tests: opened as processes of their own, worked with, and left without a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import ForebayError, Unavailable
from forebay.message import Message, new_id
from forebay.queue.driver import Driver, Settlement
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


async def leave_without_a_word(driver: Driver) -> None:
    """Let go of the broker as a process that was killed, but for the wait until the group has noticed it."""
    if (poller := driver._poller) is not None:
        poller.holdings.end(poller.holdings.assignments())
    await driver.close()


def messages(count: int, **fields: object) -> list[Message]:
    return [Message(new_id(), b"%d" % n).replace(**fields) for n in range(count)]


async def take(driver: Driver, count: int) -> list:
    taken: list = []
    async with asyncio.timeout(20):
        while len(taken) < count:
            taken += await driver.receive(count - len(taken), 1.0)
    return taken


async def until_counts(driver: Driver, **expected: int):
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(Unavailable):  # a broker that has just come back
                counts = await driver.counts()
                if all(getattr(counts, name) == value for name, value in expected.items()):
                    return counts
            await asyncio.sleep(0.05)


class Worker:
    """Takes and settles until it is told to stop; remembers what it has ended."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.ended: list[str] = []
        self.stopped = False
        self.task = asyncio.create_task(self.work())

    async def work(self) -> None:
        while not self.stopped:
            try:
                taken = await self.driver.receive(50, 0.1)
                await asyncio.sleep(0.002)
                kept = await self.driver.settle([Settlement(one) for one in taken])
            except ForebayError:
                await asyncio.sleep(0.05)
                continue
            self.ended += [one.message.id for one, held in zip(taken, kept, strict=True) if held]

    async def stop(self) -> None:
        self.stopped = True
        await self.task
