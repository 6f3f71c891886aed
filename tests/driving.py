"""What tests do with a driver: publish to it, take from it, wait for its counts, and let it work under load."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence

from forebay.errors import ForebayError, Unknown
from forebay.message import Message, new_id
from forebay.queue.driver import Counts, Delivery, Driver, Settlement


def messages(count: int, **fields: object) -> list[Message]:
    """Return new messages, numbered in their bodies, with these fields."""
    return [Message(new_id(), b"%d" % n).replace(**fields) for n in range(count)]


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    """Return the ids of what was delivered, in its order."""
    return [delivery.message.id for delivery in deliveries]


async def take(driver: Driver, count: int) -> list[Delivery]:
    """Receive until there are as many."""
    taken: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            taken += await driver.receive(count - len(taken), 1.0)
    return taken


async def finish(driver: Driver, delivery: Delivery) -> None:
    """End a message well; should we have stood still beyond its short lease, when it has come again."""
    while not all(await driver.settle([Settlement(delivery)])):
        [again] = await take(driver, 1)
        assert again.message.id == delivery.message.id
        delivery = again


async def until_counts(driver: Driver, **expected: int) -> Counts:
    """Return the counts once these are as expected; a broker that has just come back may not answer at first."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ForebayError):
                counts = await driver.counts()
                if all(getattr(counts, name) == value for name, value in expected.items()):
                    return counts
            await asyncio.sleep(0.05)


class Worker:
    """Takes and settles until it is told to stop, whatever befalls the broker.

    Attributes:
        driver: that it works with.
        ended: how often each message has ended here.
        unknown: messages of which the broker may have heard that they have ended.
        heard: what the driver has raised meanwhile.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.ended: Counter[str] = Counter()
        self.unknown: set[str] = set()
        self.heard: list[str] = []
        self._stopped = False
        self._task = asyncio.create_task(self._work())

    async def until_ended(self, wanted: Iterable[str]) -> None:
        """Return once all these messages have ended here, as far as this worker can know."""
        left = set(wanted)
        async with asyncio.timeout(60):
            while left := left - self.ended.keys() - self.unknown:
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Take no more."""
        self._stopped = True
        await self._task

    async def _work(self) -> None:
        while not self._stopped:
            taken: Sequence[Delivery] = []
            try:
                taken = await self.driver.receive(50, 0.2)
                await asyncio.sleep(0.002)  # of work
                held = await self.driver.settle([Settlement(one) for one in taken])
            except ForebayError as error:
                self.heard.append(str(error))
                self.unknown.update(ids(taken) if isinstance(error, Unknown) else ())
                await asyncio.sleep(0.05)
                continue
            self.ended.update(one.message.id for one, ours in zip(taken, held, strict=True) if ours)
