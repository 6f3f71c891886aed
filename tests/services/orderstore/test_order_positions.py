"""Why a pool on Kafka loses orders that commits each message as it ends, and that this service does not."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager

import pytest

from forebay.services.orderstore.app import orderstore
from orderstore_orders import an_order

GROUP = "go-orders-1"
UIDS = [f"order-{n}" for n in range(20)]
SLOW = UIDS[0]


def reader_of(kafka, topic, group=GROUP):
    from confluent_kafka import Consumer

    host = kafka.url.removeprefix("kafka://").rstrip("/")
    reader = Consumer(
        {
            "bootstrap.servers": host,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    reader.subscribe([topic])
    return reader


def committed(kafka, topic, group):
    from confluent_kafka import TopicPartition

    reader = reader_of(kafka, topic, group)
    (place,) = reader.committed([TopicPartition(topic, 0)], timeout=30)
    reader.close()
    return max(place.offset, 0)


def one_life_of_a_simple_pool(kafka, topic, slow):
    """Take all that comes, and commit each order as its handler ends; those of `slow` have not when it is killed."""
    from confluent_kafka import KafkaError

    reader, kept = reader_of(kafka, topic), set()
    while True:
        message = reader.poll(60)
        assert message is not None
        if (error := message.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # all that there is has come
                break
            assert error.retriable(), error
            continue
        if (uid := message.key().decode()) not in slow:
            kept.add(uid)
            reader.commit(message=message, asynchronous=False)
    reader.close()
    return kept


class Holding:
    """A store that lets one order wait."""

    def __init__(self, store):
        self._store = store
        self.begun = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def collection(self, name):
        collection = await self._store.collection(name)
        keep = collection.keep

        async def hold(documents):
            if SLOW in [document.key for document in documents]:
                self.begun.set()
                await asyncio.Event().wait()
            return await keep(documents)

        collection.keep = hold
        return collection


def with_one_order_that_waits():
    app = orderstore()
    lifespan = app.lifespan

    @asynccontextmanager
    async def holding(running):
        running.store = Holding(running.store)
        async with lifespan(running):
            yield

    app.lifespan = holding
    return app


async def write(shop, uids):
    await asyncio.gather(*[shop.running.publish("orders", an_order(uid), key=uid) for uid in uids])


@pytest.fixture
def topic():
    return f"go-orders-{uuid.uuid4().hex}"


@pytest.fixture
def queue(kafka, topic):
    return f"{kafka.url.rstrip('/')}/{topic}?group={GROUP}&partitions=1"


async def test_a_pool_that_commits_what_ends_loses_what_has_not(serve, kafka, topic, queue):
    async with serve(queue=queue, workers=0) as shop:
        await write(shop, UIDS)
    first = await asyncio.to_thread(one_life_of_a_simple_pool, kafka, topic, {SLOW})
    assert await asyncio.to_thread(committed, kafka, topic, GROUP) == 20  # past the order that is still in work
    second = await asyncio.to_thread(one_life_of_a_simple_pool, kafka, topic, set())
    assert {*UIDS} - first - second == {SLOW}


async def test_this_one_commits_up_to_the_lowest_that_has_not_ended(serve, kafka, topic, queue):
    async with serve(with_one_order_that_waits(), queue=queue, drain="100ms") as shop:
        await write(shop, [SLOW])
        await asyncio.wait_for(shop.running.store.begun.wait(), 60)
        await write(shop, UIDS[1:])
        async with asyncio.timeout(60):
            while (await shop.stats())["orders"] < 19:
                await asyncio.sleep(0.05)
    assert await asyncio.to_thread(committed, kafka, topic, f"{topic}.{GROUP}") == 0
    async with serve(queue=queue) as shop:
        await shop.running.drained(60)
        assert (await shop.kept())[0].keys() == {*UIDS}
        (ledger,) = await shop.running.ledgers()
        assert (ledger.accepted, ledger.done, ledger.dead, ledger.lost) == (20, 20, 0, 0)
    assert await asyncio.to_thread(committed, kafka, topic, f"{topic}.{GROUP}") == 20
