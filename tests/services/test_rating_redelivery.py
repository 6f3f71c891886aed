"""The moving average against a model, while workers die between the window and the broker: the law of the last n."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.errors import Unavailable, Unknown
from forebay.message import Message, new_id
from forebay.queue.driver import Ending, Settlement
from forebay.services.ratings.app import ratings
from forebay.services.ratings.average import average
from forebay.workers import insisting

TOPIC = "rates"


@asynccontextmanager
async def working_badly(driver, window, chance, loss):
    """Let workers die before they settle (`loss` of all times), and the store fail before and after it has put.

    Yields what was put, in its order, as often as it was.
    """
    settle, kind, put, order = driver.settle, type(window), type(window).put, []

    async def forgetful(settlements):
        return await settle(
            [Settlement(one.delivery, Ending.RELEASE) if chance.random() < loss else one for one in settlements]
        )

    async def faulty(self, entries):
        if chance.random() < loss / 2:
            raise Unavailable("the store is away")
        told = await put(self, entries)
        order.extend((entry.id, entry.value) for entry in entries)
        if chance.random() < loss / 2:
            raise Unknown("no answer in time")
        return told

    driver.settle, kind.put = forgetful, faulty
    try:
        yield order
    finally:
        driver.settle, kind.put = settle, put


@pytest.mark.parametrize(("store", "workers"), [("memory", 3), ("sqlite", 1)])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    values=st.lists(st.integers(0, 10), min_size=1, max_size=30),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.3, 0.6]),
)
async def test_the_average_is_of_exactly_the_last_n_distinct_messages(
    tmp_path, monkeypatch, store, workers, values, size, seed, loss
):
    monkeypatch.setattr(insisting, "pauses", lambda: lambda: 0)
    name, chance = new_id(), random.Random(seed)
    place = f"memory://{name}" if store == "memory" else f"sqlite:///{tmp_path}/{name}.db"
    app = ratings(window=str(size))
    async with app.running(queue=f"memory://{name}", store=place, workers=workers, attempts=1000) as running:
        topic, window = running.topic(TOPIC), await running.store.window("rates", size)
        async with working_badly(topic._driver, window, chance, loss) as order:
            for value in values:
                await topic.publish(Message(new_id(), b"%d" % value))
            await running.drained(30)
        counted = list(dict(order).items())  # a message at the time it was first put in
        model = [value for _, value in reversed(counted)][:size]
        assert len(counted) == len(values)
        assert list(await window.values()) == model
        assert average(await window.values(), size) == average(model, size)
        assert await running.store.count(TOPIC) == len(values)
        assert (await topic.counts()).dead == 0
