"""What the poller of Kafka brings: whatever becomes of its partitions, and whatever others write into them."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import Producer

from driving import take, until_counts
from forebay.queue.driver import Settlement
from forebay.queue.drivers.kafka import poller
from kafka_drivers import opening


@pytest.fixture
async def opened(kafka):
    async with opening(kafka) as open_one:
        yield open_one


def write(kafka, topic: str, count: int, partitions: int = 1, **settings: str) -> None:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{kafka.port}", **settings})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=number % partitions)
    assert producer.flush(20) == 0


async def test_a_partition_that_was_held_back_when_it_left_brings_messages_when_it_returns(opened, kafka, monkeypatch):
    monkeypatch.setattr(poller, "WINDOW", 10)
    first = await opened(partitions=2)
    await asyncio.to_thread(write, kafka, opened.topic, 40, partitions=2)
    await take(first, 40)
    async with asyncio.timeout(20):
        while len(first._poller._paused) < 2:
            await first.receive(1, 0.05)
    second = await opened()
    await take(second, 20)
    await second.close()
    again = await take(first, 40)
    assert await first.settle([Settlement(one) for one in again]) == [True] * 40
    await until_counts(first, waiting=0, in_work=0, done=40)
