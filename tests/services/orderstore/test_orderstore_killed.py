"""Processes of the order store killed in the midst of their work: no order is lost, and none is there twice."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from asking import ask
from forebay.lab.programs import Intake
from forebay.message import Message, new_id
from forebay.queue.opening import open_topic
from forebay.stores.opening import open_store
from orderstore_orders import POISON, an_order

LIVES = 5
AT_LEAST = 60
"""Messages that come to their end in each life before it is ended."""
AHEAD = 600
"""Messages that wait, at most: a life is ended long before it is through."""


class Shops:
    """Those who write orders as long as they are let: good ones and poison, some of them twice."""

    def __init__(self, topic):
        self.topic, self.good, self.poison, self.sent, self.closed = topic, [], [], 0, False

    async def write(self):
        chance, kinds = random.Random(5), [*POISON.values()]
        while not self.closed:
            if self.sent - await self.ended() < AHEAD:
                n = len(self.good)
                self.good += [an_order(f"order-{n + k}", note=n) for k in range(20)]
                self.poison.append(chance.choice(kinds) + b" " * n)
                await self.publish(*self.good[-20:], self.poison[-1], chance.choice(self.good))
            else:
                await asyncio.sleep(0.01)

    async def publish(self, *bodies):
        await asyncio.gather(*[self.topic.publish(Message(new_id(), body)) for body in bodies])
        self.sent += len(bodies)

    async def ended(self):
        counts = await self.topic.counts()
        return counts.done + counts.dead

    async def until_ended(self, number):
        async with asyncio.timeout(60):
            while await self.ended() < number:
                await asyncio.sleep(0.01)


@pytest.fixture
def process(tmp_path):
    """Start order stores as processes of their own."""
    started = []

    def start():
        options = "--queue sqlite:///orders.db?lease=1s --workers 4 --attempts 1000 --orders-limit 1000"
        started.append(Intake(["orderstore", *options.split()], tmp_path))
        return started[-1].start()

    yield start
    for one in started:
        one.stop()


async def test_what_was_accepted_is_kept_once_whatever_is_killed(process, tmp_path):
    shops = Shops(await open_topic(f"sqlite:///{tmp_path}/orders.db?topic=orders", deadline=60.0))
    writing = asyncio.ensure_future(shops.write())
    for _ in range(LIVES):
        before = await shops.ended()
        life = await asyncio.to_thread(process)
        await shops.until_ended(before + AT_LEAST)
        life.kill()
    shops.closed = True
    await writing
    last = await asyncio.to_thread(process)
    await shops.until_ended(shops.sent)

    (book,) = (await ask(last.port, "/ledger")).json["topics"]
    done = shops.sent - len(shops.poison)
    assert (book["accepted"], book["done"], book["dead"], book["lost"]) == (shops.sent, done, len(shops.poison), 0)
    letters = await shops.topic._driver.dead_letters(100_000)
    await shops.topic.close()
    assert sorted(letter.message.body for letter in letters) == sorted(shops.poison)
    store = await open_store(f"sqlite:///{tmp_path}/orders-results.db")
    documents = await (await store.collection("orders")).newest(1_000_000)
    await store.close()
    assert {one.key: one.value for one in documents} == {json.loads(body)["order_uid"]: body for body in shops.good}
    assert len(documents) == len(shops.good)
