"""What the poller of Kafka brings: whatever becomes of its partitions, and whatever others write into them."""

from __future__ import annotations

import asyncio
import math

import pytest
from confluent_kafka import Producer, admin

from driving import messages, take, until_counts
from forebay.errors import Unavailable
from forebay.queue.driver import Settlement, State
from forebay.queue.drivers.kafka import poller, surveyor
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
    async with asyncio.timeout(60):
        while len(first._poller._paused) < 2:
            await first.receive(1, 0.05)
    second = await opened()
    await take(second, 20)
    await second.close()
    again = await take(first, 40)
    assert await first.settle([Settlement(one) for one in again]) == [True] * 40
    await until_counts(first, waiting=0, in_work=0, done=40)


async def test_purge_counts_only_what_had_not_ended(opened):
    first = await opened(partitions=1)
    await first.publish(messages(4), math.inf)
    _, *others = await take(first, 4)
    await first.settle([Settlement(one) for one in others[:2]])
    await first.close()
    second = await opened()
    assert await second.purge() == 2
    counts = await until_counts(second, done=2, discarded=2, waiting=0)
    assert counts.lost == 0


async def test_purge_of_who_consumes_counts_only_what_had_not_ended(opened):
    first = await opened(partitions=1)
    await first.publish(messages(4), math.inf)
    _, *others = await take(first, 4)
    await first.settle([Settlement(one) for one in others[:2]])
    await first.close()
    second = await opened()
    [held] = await take(second, 1)
    assert await second.purge() == 1
    assert await second.settle([Settlement(held)]) == [True]
    await until_counts(second, done=3, discarded=1, waiting=0)


async def test_purge_is_answered_by_a_poller_that_has_failed(opened):
    subscriber = await opened(group="each")
    await subscriber.publish(messages(2), math.inf)
    await take(subscriber, 1)
    failed = subscriber._poller

    def fail(now):
        raise KeyError("a bug")

    failed.holdings.wake_due = fail
    async with asyncio.timeout(60):
        while not failed.is_broken:
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="a bug"):
            await subscriber.purge()


async def test_what_a_transaction_leaves_behind_does_not_wait_for_ever(opened, kafka):
    driver, subscriber = await opened(partitions=1), await opened(group="each")
    await asyncio.to_thread(write_in_transactions, kafka, opened.topic)
    for reader in (driver, subscriber):
        taken = await take(reader, 3)
        assert await reader.settle([Settlement(one) for one in taken]) == [True] * 3
        await until_counts(reader, waiting=0, in_work=0)
        assert await reader.receive(1, 0.1) == []
    await driver.close()
    await until_counts(await opened(), waiting=0, in_work=0)


def write_in_transactions(kafka, topic: str) -> None:
    settings = {"bootstrap.servers": f"127.0.0.1:{kafka.port}", "transactional.id": topic}
    producer = Producer(settings)
    producer.init_transactions(20)
    for count, end in ((3, producer.commit_transaction), (5, producer.abort_transaction)):
        producer.begin_transaction()
        for _ in range(count):
            producer.produce(topic, b"", partition=0)
        producer.flush(20)
        end(20)


async def test_partitions_that_are_added_meanwhile_are_heard_counted_and_found(opened, kafka, monkeypatch):
    monkeypatch.setattr(surveyor, "LOOK_SECONDS", 0.2)
    subscriber, driver = await opened(partitions=1, group="each"), await opened()
    await driver.publish(messages(1), math.inf)
    first = await take(subscriber, 1)
    client = admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})
    await asyncio.to_thread(client.create_partitions([admin.NewPartitions(opened.topic, 3)])[opened.topic].result, 20)
    await asyncio.to_thread(write, kafka, opened.topic, 3, partitions=3)
    heard = await take(subscriber, 3)
    assert {one.message.body for one in heard} == {b"0", b"1", b"2"}
    assert await subscriber.settle([Settlement(one) for one in [*first, *heard]]) == [True] * 4
    await until_counts(subscriber, accepted=4, done=4, waiting=0)
    await until_counts(driver, accepted=4, waiting=4)
    assert (await driver.find(f"{opened.topic}-2-0.2.0")).state is State.WAITING
