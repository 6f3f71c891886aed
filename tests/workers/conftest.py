"""A queue in memory, a store and the pools of a test: what every test of a pool begins with."""

import asyncio
import itertools

import pytest

from forebay.clock import ManualClock
from forebay.events import Finished
from forebay.message import Message
from forebay.queue.opening import open_driver
from forebay.queue.subscription import Subscription
from forebay.stores.opening import open_store
from forebay.workers.handler import Handler
from forebay.workers.policies import RetryPolicy
from forebay.workers.pool import Pool

names = (f"pool-{n}" for n in itertools.count())
AT_ONCE = RetryPolicy(attempts=3, first=0, jitter=0)


class Rig:
    """A queue in memory, a store, and the pools of a test."""

    def __init__(self, name):
        self.name = name
        self.clock = ManualClock()
        self.events = []
        self.pools = []

    async def open(self):
        self.driver = await open_driver(f"memory://{self.name}", clock=self.clock)
        self.store = await open_store(f"memory://{self.name}")
        return self

    async def put(self, *bodies):
        messages = [Message(f"id-{body.decode()}", body, accepted_at=self.clock.time()) for body in bodies]
        assert await self.driver.publish(messages, float("inf"))

    def pool(self, function, *, batch=None, store=None, **more):
        more.setdefault("policy", AT_ONCE)
        subscription = Subscription(self.name, self.driver, owned=False)
        handler = Handler(function, batch=batch)
        pool = Pool(subscription, handler, store=store, listeners=[self.events.append], clock=self.clock, **more)
        self.pools.append(pool)
        pool.start()
        return pool

    async def until(self, **wanted):
        async with asyncio.timeout(30):
            while True:
                counts = await self.driver.counts()
                assert counts.lost == 0
                if all(getattr(counts, name) == value for name, value in wanted.items()):
                    return counts
                await asyncio.sleep(0.002)

    def outcomes(self):
        return sorted((e.id, e.outcome) for e in self.events if isinstance(e, Finished))

    async def close(self):
        for pool in self.pools:
            await pool.stop(0.1)
        await self.store.close()
        await self.driver.close()


@pytest.fixture
async def rig():
    rig = await Rig(next(names)).open()
    yield rig
    await rig.close()
