"""The order store over every broker and every store: whatever comes, the rows are the good orders, each once."""

from __future__ import annotations

import asyncio

import pytest

from everywhere import BROKERS, STORES
from forebay.services.orderstore.keeping import says_the_same
from orderstore_orders import POISON, an_order


async def orders_come_and_are_told(serve, queue, store):
    """Send good, bad and repeated orders through two replicas; restart; compare queue, store, memory and answers."""
    poison = [body for body in POISON.values() if body]  # not every broker carries nothing at all
    good = {f"order-{n}": an_order(f"order-{n}", note=[n, n / 7, "ё"]) for n in range(60)}
    again = [body.replace(b", ", b",") for body in list(good.values())[:10]]
    other = an_order("order-0", locale="ru")
    async with serve(queue=queue, store=store) as one, serve(queue=queue, store=store) as two:
        half = len(poison) // 2
        await asyncio.gather(
            one.send(*list(good.values())[:30], *poison[:half]), two.send(*list(good.values())[30:], *poison[half:])
        )
        await one.send(*again, other)
        await two.running.drained(60)  # which may have been given some of these, and not every broker tells `one` so
        bodies, numbers = await one.kept()
        assert bodies.keys() == good.keys()
        assert [uid for uid, body in good.items() if not says_the_same(body, bodies[uid])] == []
        letters = await one.dead_letters()
        assert letters.keys() == {*poison, other}
        assert all(letters.values())
        (ledger,) = await one.running.ledgers()
        assert (ledger.waiting, ledger.in_work, ledger.dead, ledger.lost) == (0, 0, len(poison) + 1, 0)
        for shop in (one, two):
            for uid in list(good)[::7]:
                assert says_the_same((await shop.get(f"/orders?id={numbers[uid]}")).body, good[uid])
    return bodies, numbers


async def memory_is_the_store(serve, queue, store, bodies, numbers):
    """Start again over the same store, and find every order in memory, as it is in the store."""
    async with serve(queue=queue, store=store, workers=1) as shop:
        await shop.ready()
        assert (await shop.kept()) == (bodies, numbers)
        for uid, number in numbers.items():
            told = (await shop.get(f"/orders?id={number}")).body
            assert told == (await shop.get(f"/orders/{uid}")).body == bodies[uid]
        stats = await shop.stats()
        assert (stats["orders"], stats["restored"], stats["from_store"]) == (len(bodies), len(bodies), 0)


@pytest.mark.server
async def test_from_kafka_into_postgresql(serve, queue_of, store_of, kafka, postgres):
    queue, store = queue_of("kafka", group="go-orders-1"), store_of("postgresql")
    bodies, numbers = await orders_come_and_are_told(serve, queue, store)
    await memory_is_the_store(serve, queue, store, bodies, numbers)


@pytest.mark.server
@pytest.mark.parametrize("broker", BROKERS)
async def test_over_every_broker_into_redis(serve, broker, queue_of, store_of, redis):
    await orders_come_and_are_told(serve, queue_of(broker), store_of("redis"))


@pytest.mark.parametrize("kind", STORES)
async def test_from_memory_into_every_store(serve, kind, queue_of, store_of):
    queue, store = queue_of("memory"), store_of(kind)
    bodies, numbers = await orders_come_and_are_told(serve, queue, store)
    if kind != "memory":  # which is forgotten with those who had it open
        await memory_is_the_store(serve, queue, store, bodies, numbers)
