"""Ratings over every broker and every store: changing either is changing a URL, and the average is the same."""

from __future__ import annotations

import asyncio

import pytest

from asking import ask
from everywhere import BROKERS, PATIENT, STORES
from forebay.lab.servers import Redis
from forebay.message import Message, new_id
from forebay.running import settings_of
from forebay.services.ratings.app import ratings
from forebay.serving import serving


async def rates_come_and_are_averaged(queue, store):
    """Let two processes' worth of the service take in, work off and tell, with a stranger among the producers."""
    settings = {"queue": queue, "store": store, **PATIENT}
    async with (
        serving(ratings(window="100", range="0..10"), settings_of({**settings, "workers": 0})) as (intake, front),
        serving(ratings(window="100", range="0..10"), settings_of({**settings, "workers": 3})) as (worker, back),
    ):
        assert (await ask(front.port, "/total")).status == 503
        asked = [ask(front.port, f"/rate?rate={n % 11}", b"") for n in range(33)]
        assert {(heard.status, heard.body) for heard in await asyncio.gather(*asked)} == {(200, b"")}
        assert (await ask(front.port, "/rate?rate=11", b"")).status == 400
        for body in (b"7", b"seven"):
            await intake.topic("rates").publish(Message(new_id(), body))
        await worker.drained(60)
        expected = {"value": (3 * 55 + 7) / 34, "count": 34, "window": 100}
        for port in (front.port, back.port):
            assert (await ask(port, "/total", accept="application/json")).json == expected
            assert (await ask(port, "/total")).body == b"5.06"
        counts = await worker.topic("rates").counts()  # RabbitMQ counts what ended only where it did
        assert (counts.done, counts.dead) == (34, 1)
        assert await worker.store.count("rates") == 34
        assert (await ask(back.port, "/opened")).body == b"opened 35\nclosed 35\n"


@pytest.mark.parametrize("broker", BROKERS)
async def test_over_every_broker_into_redis(broker, queue_of, store_of, redis):
    await rates_come_and_are_averaged(queue_of(broker), store_of("redis"))


@pytest.mark.parametrize("store", STORES)
async def test_from_a_file_into_every_store(store, queue_of, store_of):
    await rates_come_and_are_averaged(queue_of("sqlite"), store_of(store))


@pytest.mark.server
async def test_from_kafka_into_postgresql(queue_of, store_of):
    await rates_come_and_are_averaged(queue_of("kafka"), store_of("postgresql"))


@pytest.mark.parametrize("store", STORES)
async def test_inside_the_request_into_every_store(store, store_of):
    settings = settings_of({"places": 0, "workers": 100_000, "store": store_of(store), **PATIENT})
    async with serving(ratings(window="100"), settings) as (_, server):
        asked = [ask(server.port, f"/rate?rate={n % 11}", b"") for n in range(33)]
        assert {(heard.status, heard.body) for heard in await asyncio.gather(*asked)} == {(200, b"")}
        assert (await ask(server.port, "/total")).body == b"5.00"
        assert (await ask(server.port, "/opened")).body == b"opened 33\nclosed 33\n"


@pytest.mark.parametrize("broker", ["memory", *BROKERS[2:]])
async def test_split_over_every_broker_that_serves_three_topics(broker, request, store_of):
    url = "memory://" if broker == "memory" else request.getfixturevalue(broker).url
    settings = settings_of({"queue": url, "store": store_of("memory"), "workers": 1, **PATIENT})
    async with serving(ratings(window="100", split="3"), settings) as (running, server):
        asked = [ask(server.port, f"/rate?rate={n % 11}", b"") for n in range(33)]
        assert {heard.status for heard in await asyncio.gather(*asked)} == {200}
        await running.drained(60)
        assert (await ask(server.port, "/total")).body == b"5.00"
        assert sum([(await topic.counts()).done for topic in running.topics.values()]) >= 33


@pytest.mark.server
async def test_a_redis_that_is_killed_and_comes_back_has_each_rate_once(queue_of, own_server):
    redis = own_server(Redis)
    settings = settings_of({"queue": queue_of("sqlite"), "store": redis.url, "attempts": 1, **PATIENT})
    async with serving(ratings(window="100"), settings) as (running, server):
        assert (await ask(server.port, "/rate?rate=1", b"")).status == 200
        await running.drained(60)
        await asyncio.to_thread(redis.kill)
        asked = [ask(server.port, f"/rate?rate={n % 11}", b"") for n in range(33)]
        assert {heard.status for heard in await asyncio.gather(*asked)} == {200}
        assert (await ask(server.port, "/total")).status == 503
        async with asyncio.timeout(30):
            while (await ask(server.port, "/readyz")).status != 503:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(redis.restart)
        await running.drained(60)
        expected = {"value": (3 * 55 + 1) / 34, "count": 34, "window": 100}
        assert (await ask(server.port, "/total", accept="application/json")).json == expected
        assert (await running.topic("rates").counts()).dead == 0
