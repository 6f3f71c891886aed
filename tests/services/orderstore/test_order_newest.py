"""The newest orders in short, and how one waits for them."""

from __future__ import annotations

import asyncio
import inspect
import json

import pytest

from forebay.intake.http import Request
from forebay.services.orderstore import newest
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.newest import Newest
from forebay.stores.collection import Document
from orderstore_orders import DictCollection, an_order


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(newest, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(newest, "LOOK_SECONDS", 0.05)


class Desk:
    """The newest orders with all that they come from."""

    def __init__(self):
        self.collection, self.memory, self.stopping = DictCollection(), Memory(100, 10**9), False
        self.newest = Newest(self.memory, self.collection, lambda: self.stopping)

    async def put(self, *uids, into_memory=True):
        for kept in await self.collection.keep([Document(uid, an_order(uid)) for uid in uids]):
            if into_memory:
                self.memory.add(kept, 1.0)
        self.newest.tell()

    async def ask(self, query=""):
        made = self.newest.answer(Request("GET", "/orders/newest", query, {}, b""))
        return await made if inspect.isawaitable(made) else made

    async def told(self, query=""):
        response = await self.ask(query)
        assert response.status == 200
        heard = json.loads(response.body)
        return [(line["number"], line["order_uid"]) for line in heard["orders"]], heard["newest"]

    async def waiting(self, count=1):
        async with asyncio.timeout(10):
            while self.newest.waiting != count:
                await asyncio.sleep(0)


async def test_an_order_in_short():
    desk = Desk()
    await desk.put("a")
    assert json.loads((await desk.ask()).body) == {
        "orders": [
            {
                "number": 1,
                "order_uid": "a",
                "date_created": "2021-11-26T06:22:19Z",
                "customer_id": "test",
                "amount": 1817,
                "currency": "USD",
                "items": 1,
                "city": "Kiryat Mozkin",
            }
        ],
        "newest": 1,
    }


async def test_the_newest_come_first_as_many_as_are_asked_for():
    desk = Desk()
    await desk.put(*"abcde")
    assert await desk.told("limit=2") == ([(5, "e"), (4, "d")], 5)
    assert await desk.told("limit=3&after=4") == ([(5, "e"), (4, "d"), (3, "c")], 5)
    assert await desk.told("after=0") == ([(5, "e"), (4, "d"), (3, "c"), (2, "b"), (1, "a")], 5)


async def test_without_orders_there_is_an_empty_list():
    assert await Desk().told() == ([], 0)


async def test_who_waits_hears_of_a_new_order():
    desk = Desk()
    await desk.put("a")
    asked = [asyncio.ensure_future(desk.told("after=1")) for _ in range(3)]
    await desk.waiting(3)
    await desk.put("b", "c")
    assert await asyncio.gather(*asked) == [([(3, "c"), (2, "b"), (1, "a")], 3)] * 3
    assert desk.newest.waiting == 0


async def test_an_order_that_comes_after_one_of_a_higher_number_is_not_missed():
    desk = Desk()
    low, high, higher = await desk.collection.keep([Document(uid, an_order(uid)) for uid in "abc"])
    desk.memory.add(high, 1.0)
    assert await desk.told("after=0") == ([(2, "b")], 2)
    desk.memory.add(low, 1.0)  # another process kept it, or a commit took longer
    desk.memory.add(higher, 1.0)
    assert await desk.told("after=2") == ([(3, "c"), (2, "b"), (1, "a")], 3)


async def test_an_order_that_left_memory_is_not_told_from_an_earlier_answer(monkeypatch):
    monkeypatch.setattr(newest, "LOOK_SECONDS", 60.0)
    desk = Desk()
    await desk.put("a", "b")
    assert await desk.told() == ([(2, "b"), (1, "a")], 2)
    desk.memory.remove([1])
    assert await desk.told() == ([(2, "b")], 2)


async def test_an_order_that_another_process_kept_is_heard_of_too():
    desk = Desk()
    asked = asyncio.ensure_future(desk.told("after=0"))
    await desk.waiting()
    await desk.collection.keep([Document("a", an_order("a"))])
    assert await asyncio.wait_for(asked, 10) == ([(1, "a")], 1)
    await desk.collection.keep([Document("b", an_order("b"))])
    await asyncio.sleep(0.06)
    assert await desk.told() == ([(2, "b"), (1, "a")], 2)


async def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(newest, "WAIT_SECONDS", 0.1)
    desk = Desk()
    await desk.put("a")
    assert await asyncio.wait_for(desk.told("after=1"), 10) == ([(1, "a")], 1)
    assert await asyncio.wait_for(desk.told("after=7"), 10) == ([(1, "a")], 1)


async def test_nobody_is_kept_waiting_by_a_program_that_stops():
    desk = Desk()
    asked = asyncio.ensure_future(desk.told("after=0"))
    await desk.waiting()
    desk.stopping = True
    assert await asyncio.wait_for(asked, 10) == ([], 0)


async def test_only_so_many_may_wait(monkeypatch):
    monkeypatch.setattr(newest, "MOST_WAITING", 2)
    desk = Desk()
    asked = [asyncio.ensure_future(desk.told("after=0")) for _ in range(2)]
    await desk.waiting(2)
    refused = await desk.ask("after=0")
    assert refused.status == 503
    assert desk.newest.waiting == 2
    assert (b"retry-after", b"5") in refused.headers
    assert await desk.told() == ([], 0)
    await desk.put("a")
    assert await asyncio.gather(*asked) == [([(1, "a")], 1)] * 2
    assert await desk.told("after=0") == ([(1, "a")], 1)


async def test_without_the_store_memory_tells_what_it_has():
    desk = Desk()
    await desk.put("a")
    desk.collection.down = 10**9
    assert await desk.told() == ([(1, "a")], 1)


async def test_the_store_is_not_asked_oftener_for_more_who_ask(monkeypatch):
    monkeypatch.setattr(newest, "LOOK_SECONDS", 60.0)
    desk = Desk()
    for _ in range(5):
        await desk.told()
    assert desk.collection.calls == ["newest"]


async def test_what_is_no_order_is_left_out():
    desk = Desk()
    await desk.put("a")
    desk.memory.add(Document("b", b'{"somebody": "else"}', 2), 1.0)
    assert await desk.told() == ([(1, "a")], 2)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=-1", "limit=a", "limit=%FF"),
        *("after=", "after=x", "after=-1", "after=1e3", f"after={2**63}", f"after={'1' * 5_000}"),
    ],
)
async def test_what_is_asked_wrongly_is_400(query):
    answer = await Desk().ask(query)
    assert answer.status == 400
    assert json.loads(answer.body)["detail"] == "limit is 1 to 100, after the number of an order"
