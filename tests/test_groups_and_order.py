"""Groups, order and delay as an application has them: intake, pool, store and ledger together."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from functools import partial

import pytest

from forebay import App, QueueFull, RetryPolicy, Work, wiring
from forebay.clock import ManualClock
from forebay.intake.http import Request
from forebay.queue.opening import open_driver
from forebay.site import site_of

names = (f"shared-{n}" for n in itertools.count())
AT_ONCE = RetryPolicy(attempts=3, first=0, jitter=0)


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    name = next(names)
    return {"memory": f"memory://{name}?topic=orders&", "sqlite": f"sqlite:///{tmp_path}/q.db?topic=orders&"}[
        request.param
    ]


def shop(work, **more):
    app = App("shop")
    app.intake("/orders", topic="orders")
    app.handler("orders", **more)(work)
    return app


async def answer_of(running, path):
    heard = asyncio.get_running_loop().create_future()
    site_of(running).handle(Request("GET", path, "", {}, b""), heard.set_result)
    return (await heard).body


async def test_two_groups_do_each_their_own_work_on_one_message_into_one_store(url, tmp_path):
    async def pack(order: int, work: Work) -> str:
        return f"packed {order} for {work.topic}"

    async def bill(order: int, work: Work) -> str:
        return f"billed {order} for {work.topic}"

    store = f"sqlite:///{tmp_path}/results.db"
    async with (
        shop(pack).running(queue=url.rstrip("&"), store=store) as packing,
        shop(bill).running(queue=f"{url}group=billing", store=store) as billing,
    ):
        for n in range(20):
            await packing.publish("orders", n)
        await packing.drained(30)
        await billing.drained(30)
        (packed,), (billed,) = await packing.ledgers(), await billing.ledgers()
        results = {name: await packing.store.results(name) for name in ("orders", "orders@billing")}
    assert (packed.topic, packed.done, packed.stored, packed.balanced) == ("orders", 20, 20, True)
    assert (billed.topic, billed.done, billed.stored, billed.balanced) == ("orders@billing", 20, 20, True)
    values = {name: {json.loads(result.value) for result in kept} for name, kept in results.items()}
    assert values["orders"] == {f"packed {n} for orders" for n in range(20)}
    assert values["orders@billing"] == {f"billed {n} for orders@billing" for n in range(20)}


async def test_effects_of_two_groups_do_not_exclude_each_other(url, tmp_path):
    done = []

    def effect(app_of):
        async def work(order: int, work: Work) -> None:
            async with app_of[0].store.once(work.message.id, work.topic) as first:
                if first is not None:
                    done.append(work.topic)

        return work

    store = f"sqlite:///{tmp_path}/results.db"
    one, other = [], []
    async with (
        shop(effect(one)).running(queue=url.rstrip("&"), store=store) as packing,
        shop(effect(other)).running(queue=f"{url}group=billing", store=store) as billing,
    ):
        one.append(packing)
        other.append(billing)
        await packing.publish("orders", 1)
        await packing.drained(30)
        await billing.drained(30)
    assert sorted(done) == ["orders", "orders@billing"]


async def test_dead_letters_are_those_of_the_group_that_gave_up(url):
    async def fine(order: int) -> None: ...

    async def broken(order: int) -> None:
        raise ValueError("broken")

    async with (
        shop(fine).running(queue=url.rstrip("&"), store="memory://") as packing,
        shop(broken, retry=AT_ONCE).running(queue=f"{url}group=billing", store="memory://") as billing,
    ):
        await packing.publish("orders", 1)
        await packing.drained(30)
        await billing.drained(30)
        (letter,) = await billing.topic("orders").dead_letters()
        assert letter.message.headers["forebay-origin"] == "orders@billing"
        assert await packing.topic("orders").dead_letters() == []


async def test_the_endpoints_show_the_group_of_the_worker(url):
    async def bill(order: int) -> str:
        return "billed"

    async with shop(bill).running(queue=f"{url}group=billing", store="memory://") as running:
        reference = await running.publish("orders", 1)
        await running.drained(30)
        ledger = json.loads(await answer_of(running, "/ledger"))
        status = json.loads(await answer_of(running, f"/orders/{reference}"))
        metrics = (await answer_of(running, "/metrics")).decode()
    assert [book["topic"] for book in ledger["topics"]] == ["orders@billing"]
    assert (status["state"], status["value"]) == ("done", "billed")
    assert 'topic="orders@billing"' in metrics


async def test_each_subscriber_of_its_own_does_all_of_the_work_and_keeps_no_results(url):
    seen = [[], []]

    def noting(n):
        async def work(order: int) -> None:
            seen[n].append(order)

        return work

    each = f"{url}group=each"
    async with (
        shop(noting(0)).running(queue=each, store="memory://") as one,
        shop(noting(1)).running(queue=each, store="memory://") as other,
    ):
        for n in range(10):
            await one.publish("orders", n)
        await one.drained(30)
        await other.drained(30)
        (ledger,) = await one.ledgers()
    assert seen == [list(range(10)), list(range(10))]
    assert (ledger.topic, ledger.stored) == ("orders@each", None)


async def test_the_fullest_group_decides_whether_there_is_room(url):
    async def work(order: int) -> None: ...

    idle = shop(work).running(queue=f"{url}group=slow", store="memory://", workers=0)
    async with idle, shop(work).running(queue=url.rstrip("&"), store="memory://", places=3) as running:
        for n in range(3):
            await running.publish("orders", n)
        await running.drained(30)
        with pytest.raises(QueueFull):
            await running.publish("orders", 3)


async def test_messages_of_one_key_are_worked_off_one_after_the_other_with_their_retries(url):
    at_work, ended, chance = set(), {}, random.Random(7)

    async def work(order: list, work: Work) -> None:
        key, n = order
        assert key not in at_work, "two messages of one key at once"
        at_work.add(key)
        try:
            await asyncio.sleep(0.001 * chance.random())
            if n % 7 == 3 and work.attempt == 1:
                raise ValueError("tried again")
            ended.setdefault(key, []).append(n)
        finally:
            at_work.discard(key)

    app = shop(work, workers=8, retry=AT_ONCE)
    async with app.running(queue=f"{url}order=key", store="memory://") as running:
        await asyncio.gather(*[running.publish("orders", [f"k{n % 5}", n // 5], key=f"k{n % 5}") for n in range(100)])
        await running.drained(30)
        (ledger,) = await running.ledgers()
    assert ended == {f"k{k}": list(range(20)) for k in range(5)}
    assert (ledger.done, ledger.dead, ledger.balanced) == (100, 0, True)


async def test_a_batch_holds_at_most_one_message_of_a_key_and_keys_stay_in_order(url):
    ended = {}

    async def work(orders: list[list]) -> None:
        keys = [key for key, _ in orders]
        assert len(keys) == len(set(keys)), keys
        for key, n in orders:
            ended.setdefault(key, []).append(n)

    app = shop(work, workers=3, batch=10)
    async with app.running(queue=f"{url}order=key", store="memory://") as running:
        for n in range(60):
            await running.publish("orders", [f"k{n % 6}", n // 6], key=f"k{n % 6}")
        await running.drained(30)
    assert ended == {f"k{k}": list(range(10)) for k in range(6)}


async def test_a_message_that_is_given_up_lets_its_key_go_on(url):
    ended = []

    async def work(order: int) -> None:
        if order == 1:
            raise ValueError("never")
        ended.append(order)

    app = shop(work, workers=4, retry=AT_ONCE)
    async with app.running(queue=f"{url}order=key", store="memory://") as running:
        for n in range(5):
            await running.publish("orders", n, key="k")
        await running.drained(30)
        (ledger,) = await running.ledgers()
    assert ended == [0, 2, 3, 4]
    assert (ledger.done, ledger.dead) == (4, 1)


async def test_with_order_by_partition_a_queue_without_partitions_is_one_line(url):
    ended = []

    async def work(order: int, work: Work) -> None:
        await asyncio.sleep(0)
        if order == 2 and work.attempt == 1:
            raise ValueError("once more")
        ended.append(order)

    app = shop(work, workers=4, retry=AT_ONCE)
    async with app.running(queue=f"{url}order=partition", store="memory://") as running:
        for n in range(10):
            await running.publish("orders", n)
        await running.drained(30)
    assert ended == list(range(10))


async def test_a_delayed_message_is_handled_when_it_is_due_and_not_before(url, monkeypatch):
    clock, handled = ManualClock(time.time()), []
    monkeypatch.setattr(wiring, "open_driver", partial(open_driver, clock=clock))

    async def work(order: str) -> None:
        handled.append(order)

    async with shop(work).running(queue=url.rstrip("&"), store="memory://") as running:
        await running.publish("orders", "later", delay=3600)
        for order in ("now", "half an hour later"):
            await running.publish("orders", order)
            async with asyncio.timeout(30):
                while (counts := (await running.counts())["orders"]).unfinished > 1:
                    await asyncio.sleep(0.01)
            assert (handled.pop(), counts.retrying) == (order, 1)
            clock.advance(1800)
        clock.advance(60)  # what this machine has needed meanwhile
        await running.drained(30)
    assert handled == ["later"]
