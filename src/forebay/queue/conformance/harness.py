"""What a driver's test file must say, and the words that the tests are written in."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from forebay.clock import SYSTEM_CLOCK, ManualClock
from forebay.message import Message, new_id
from forebay.queue.admin import Admin
from forebay.queue.driver import Delivery, Driver, Ending, Features, Settlement, State
from forebay.queue.opening import driver_module
from forebay.url import URL

INF = math.inf
OF_ONE_PROCESS = {"accepted", "done", "in_work"}
"""The counts that each process may know for itself alone, where a driver declares no totals."""


class Harness:
    """The behaviour of a driver; subclass it in a test file.

    Attributes:
        features: what the driver declares.
        clock: the clock that the opened drivers read, when tests can move it; None: time passes by itself.
        lease: seconds of a lease that ends in a test, or is renewed; where time passes by itself, they last as long.
        long_lease: seconds of all other leases: no machine stands still for so long.
        leases_end_by_time: whether a lease can end while its process lives; else it ends with the connection.
        patience: seconds within which whatever must happen, happens.
        soon: seconds of the delays in these tests, enough for some calls meanwhile; with a clock they pass at once.
        moment: seconds after which what has not happened, does not happen.
        first_death_counts: whether the first death of a worker counts as an attempt, or only those that follow it.
        too_large: bytes of a body that the broker refuses; None: there is no such limit within reach.
    """

    features: Features
    clock: ManualClock | None = None
    lease = 10.0
    long_lease = 60.0
    leases_end_by_time = True
    patience = 30.0
    soon = 1.0
    moment = 0.05
    first_death_counts = True
    too_large: int | None = None

    topic: str
    drivers: list[Driver]

    def url(self, topic: str, **options: str) -> URL:
        """Return where a topic is; `open` and `administer` ask the module of its scheme, unless they are overridden."""
        raise TypeError("a driver's test file says where its broker is: define url(), or open() and administer()")

    async def open(self, topic: str, **options: str) -> Driver:
        """Open a topic as a process of its own would; a second time for the same topic: as another process."""
        url = self.url(topic, **options)
        driver: Driver = await driver_module(url.scheme).connect(url, clock=self.clock or SYSTEM_CLOCK)
        return driver

    async def administer(self, **options: str) -> Admin:
        """Open the operator's side of the same broker."""
        url = self.url(self.topic, **options)
        admin: Admin = await driver_module(url.scheme).administer(url)
        return admin

    async def die(self, driver: Driver) -> None:
        """Let the process that holds this driver die with its leases; by default they end by time."""
        await self.pass_time(self.lease + 0.001)

    async def joined(self, *drivers: Driver) -> None:
        """Return when all these take part; for brokers that hand messages out anew whenever a worker comes."""

    @asynccontextmanager
    async def topic_of_its_own(self) -> AsyncIterator[None]:
        """Have a topic for one test; what it opened is closed at the end."""
        self.topic, self.drivers = f"t{new_id()}", []
        try:
            yield
        finally:
            for driver in self.drivers:
                await driver.close()

    @pytest.fixture(autouse=True)
    async def _a_topic_of_its_own(self) -> AsyncIterator[None]:
        async with self.topic_of_its_own():
            yield

    async def opened(self, suffix: str = "", /, *, lease: float | None = None, **options: str) -> Driver:
        """Open the topic of this test, or with a suffix another one; it is closed at the end of the test."""
        driver = await self.open(self.topic + suffix, lease=f"{lease or self.long_lease:g}s", **options)
        self.drivers.append(driver)
        return driver

    def now(self) -> float:
        """Return the time that the drivers read, in seconds since the epoch."""
        return time.time() if self.clock is None else self.clock.time()

    async def pass_time(self, seconds: float) -> None:
        """Let time go by for the drivers."""
        if self.clock is None:
            await asyncio.sleep(seconds)
        else:
            self.clock.advance(seconds)

    async def take(self, driver: Driver, count: int) -> list[Delivery]:
        """Receive exactly so many messages."""
        taken: list[Delivery] = []
        end = asyncio.get_running_loop().time() + self.patience
        while len(taken) < count:
            left = end - asyncio.get_running_loop().time()
            assert left > 0, f"{len(taken)} of {count} messages came within {self.patience} s"
            taken += await driver.receive(count - len(taken), min(left, 1.0))
        return taken

    async def assert_nothing_comes(self, driver: Driver) -> None:
        """Receive nothing for a moment."""
        assert list(await driver.receive(10, self.moment)) == []

    async def assert_comes_when_due(self, driver: Driver, due: float) -> Delivery:
        """Receive one message, and not before its time."""
        if self.clock is not None:
            await self.assert_nothing_comes(driver)
            self.clock.advance(max(0.0, due - self.clock.time()))
        [delivery] = await self.take(driver, 1)
        assert self.now() >= due
        return delivery

    async def first_to_get(self, *drivers: Driver) -> tuple[Driver, Delivery]:
        """Return the driver to which the one message comes, with its delivery; which it is, the broker says."""
        async with asyncio.timeout(self.patience):
            while True:
                for driver in drivers:
                    if got := await driver.receive(1, self.moment):
                        return driver, got[0]

    async def assert_counts(self, driver: Driver, **expected: int) -> None:
        """Wait until the broker counts as expected; nothing may be lost at any time."""
        whole = self.features.totals or len(self.drivers) == 1
        expected = {name: count for name, count in expected.items() if whole or name not in OF_ONE_PROCESS}
        end = asyncio.get_running_loop().time() + self.patience
        while True:
            counts = await driver.counts()
            assert counts.lost == 0 or not whole, counts
            found = {name: getattr(counts, name) for name in expected}
            if found == expected:
                return
            assert asyncio.get_running_loop().time() < end, f"{found}, not {expected}"
            await asyncio.sleep(0.02)

    def need(self, declared: bool, what: str) -> None:
        """Skip a test of what the driver does not declare."""
        if not declared:
            pytest.skip(f"the driver does not declare: {what}")

    async def bury(self, driver: Driver, headers: dict[str, str], count: int = 1) -> None:
        """Let messages become dead letters."""
        taken = await self.take(driver, count)
        await driver.settle([Settlement(delivery, Ending.DEAD, headers=headers) for delivery in taken])

    async def where(self, driver: Driver, reference: str) -> tuple[State, int]:
        """Return the state and the attempts of a message."""
        found = await driver.find(reference)
        assert found is not None
        return found.state, found.attempts


def message(**fields: object) -> Message:
    """Return a new message; its body tells it from others."""
    id = new_id()
    return Message(id, b"body of " + id.encode(), accepted_at=time.time()).replace(**fields)


def done(delivery: Delivery) -> Settlement:
    """Return the settlement of a delivery that ended well."""
    return Settlement(delivery, Ending.DONE)


def assert_same(deliveries: Iterable[Delivery], messages: Iterable[Message]) -> None:
    """Assert that each of these messages was delivered once, and nothing else."""
    assert Counter(delivery.message.id for delivery in deliveries) == Counter(message.id for message in messages)


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    """Return the ids of the messages."""
    return [delivery.message.id for delivery in deliveries]


async def accepted(driver: Driver, messages: Sequence[Message], places: float = INF) -> Sequence[Message]:
    """Publish messages, all of which must be accepted; return them as a receiver should see them."""
    results = await driver.publish(messages, places)
    assert len(results) == len(messages)
    assert all(isinstance(result, str) and result for result in results), results
    return messages
