"""The order store served over real HTTP, in one process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from asking import ask
from everywhere import PATIENT
from forebay.running import settings_of
from forebay.services.orderstore.app import orderstore
from forebay.serving import serving


class Shop:
    """A served order store: what the tests ask of it."""

    def __init__(self, running, port):
        self.running, self.port = running, port
        self.topic = running.topics["orders"]

    async def send(self, *bodies):
        """Put bodies into the queue, and wait until each has come to its end."""
        await asyncio.gather(*[self.running.publish("orders", body) for body in bodies])
        await self.running.drained(60)

    async def get(self, path, **headers):
        return await ask(self.port, path, **headers)

    async def stats(self):
        return (await self.get("/stats")).json

    async def troubles(self):
        return (await self.get("/readyz")).json["troubles"]

    async def ready(self):
        async with asyncio.timeout(30):
            while (await self.get("/readyz")).status != 200:
                await asyncio.sleep(0.01)

    async def dead_letters(self):
        """Return reason by body."""
        letters = await self.topic._driver.dead_letters(1_000)
        return {letter.message.body: letter.message.headers["forebay-reason"] for letter in letters}

    async def kept(self):
        """Return what the store has: body by uid, and number by uid."""
        documents = await (await self.running.store.collection("orders")).newest(10_000)
        return {one.key: one.value for one in documents}, {one.key: one.number for one in documents}


@pytest.fixture
def serve(tmp_path):
    """Serve the order store: ``serve(orders_limit="3", queue="memory://")``; queue and store are this test's files."""

    @asynccontextmanager
    async def serve(app=None, *, queue=f"sqlite:///{tmp_path}/orders.db", store=None, workers=4, drain="5s", **own):
        settings = {"queue": queue, "workers": workers, "drain": drain, **PATIENT}
        if store is None and not queue.startswith(("memory:", "sqlite:")):
            store = f"sqlite:///{tmp_path}/results.db"  # beside a broker it would be one file for all tests and runs
        settings |= {} if store is None else {"store": store}
        async with serving(app or orderstore(**own), settings_of(settings)) as (running, server):
            yield Shop(running, server.port)

    return serve
