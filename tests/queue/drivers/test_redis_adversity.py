"""What befalls a driver of Redis at the worst moment: its master is another, a call is cancelled, half of it fails."""

from __future__ import annotations

import asyncio
import contextlib
import math

import pytest
import redis.asyncio as client

from driving import messages, take
from forebay.errors import ForebayError, Unavailable, Unknown
from forebay.lab.proxy import Proxy
from forebay.lab.servers import Redis
from forebay.message import new_id
from forebay.queue.driver import Driver, Ending, Settlement
from forebay.queue.drivers import redis as driver_of_redis
from forebay.queue.drivers.redis import driver as driver_module
from forebay.queue.drivers.redis import scripts
from forebay.url import parse
from redis_drivers import insist


@pytest.fixture
async def driver(redis):
    one = await driver_of_redis.connect(parse(f"{redis.url}/t{new_id()}?timeout=60s"))
    yield one
    await one.close()


async def demote(server: Redis, master: Redis) -> None:
    """Make a server the replica of another, as a failover does; its connections stay."""
    async with client.Redis(port=server.port) as connection:
        await connection.replicaof("127.0.0.1", str(master.port))


@contextlib.asynccontextmanager
async def opened(url: str):
    driver: Driver = await driver_of_redis.connect(parse(url).with_options(timeout="60s"))
    yield driver
    await driver.close()


async def test_a_master_that_became_a_replica_is_left_for_the_new_one(own_server):
    old, new = own_server(Redis), own_server(Redis)
    topic = f"t{new_id()}"
    async with (
        Proxy(old.port) as proxy,
        opened(f"{old.url}/{topic}".replace(f":{old.port}", f":{proxy.port}")) as driver,
        opened(f"{new.url}/{topic}") as publisher,
    ):
        assert list(await driver.receive(1, 0.1)) == []  # it listens to the bell of the old one now
        proxy.upstream = new.port
        await demote(old, new)
        assert list(await insist(lambda: driver.receive(1, 0.1))) == []
        receiving = asyncio.create_task(driver.receive(1, 90.0))
        while not await _listeners(new):
            await asyncio.sleep(0.01)
        [sent] = messages(1)
        await publisher.publish([sent], math.inf)
        async with asyncio.timeout(30):  # the bell of the new one
            [delivery] = await receiving
        assert delivery.message.id == sent.id
        [first] = messages(1)
        assert await insist(lambda: _accepted(driver, first)) == first.id


async def _listeners(server: Redis) -> int:
    async with client.Redis(port=server.port) as connection:
        return len(await connection.pubsub_channels())


async def _accepted(driver, message) -> str:
    [answer] = await driver.publish([message], math.inf)
    if isinstance(answer, ForebayError):
        raise answer
    return answer


async def test_a_pause_that_is_no_number_loses_no_message(driver):
    await driver.publish(messages(1), math.inf)
    [delivery] = await take(driver, 1)
    assert await driver.settle([Settlement(delivery, Ending.RETRY, math.nan)]) == [True]
    assert (await driver.counts()).lost == 0
    assert [one.attempt for one in await take(driver, 1)] == [2]


async def test_a_purge_that_stops_in_its_middle_does_not_say_that_nothing_happened(driver, monkeypatch):
    await driver.publish(messages(5), math.inf)
    monkeypatch.setattr(driver_module, "PURGED_AT_ONCE", 2)
    run, calls = scripts.PURGE.run, []

    async def run_once(*words):
        calls.append(words)
        if len(calls) == 2:
            raise Unavailable("the server is gone")
        return await run(*words)

    monkeypatch.setattr(scripts.PURGE, "run", run_once)
    with pytest.raises(Unknown, match="2 messages were removed"):
        await driver.purge()
    assert await driver.purge() == 3


async def test_a_close_that_is_cancelled_leaves_no_connection(redis):
    driver = await driver_of_redis.connect(parse(f"{redis.url}/t{new_id()}"))
    await driver.publish(messages(1), math.inf)
    await take(driver, 1)
    closing = asyncio.create_task(driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert driver._writing.current == driver._reading.current == 0
