"""Drivers of NATS for tests: opened as processes of their own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from forebay.lab.servers import NATS
from forebay.message import new_id
from forebay.queue.driver import Driver
from forebay.queue.drivers import nats as driver_of_nats
from forebay.url import parse


@contextlib.asynccontextmanager
async def opening() -> AsyncIterator:
    """Yield what opens a topic, which is its attribute `topic`, as often as it is called.

    Its leases outlast a machine that stands still; who waits for their end asks for shorter ones, of all who open it.
    """
    topic, drivers = f"t{new_id()}", []

    async def open_one(broker: NATS, **options: str) -> Driver:
        url = parse(f"{broker.url}/{topic}").with_options(**{"lease": "60s", **options})
        drivers.append(await driver_of_nats.connect(url))
        return drivers[-1]

    open_one.topic = topic
    yield open_one
    for driver in drivers:
        await driver.close()
