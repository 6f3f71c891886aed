"""What is answered for one order: from memory at once, else from the store."""

from __future__ import annotations

import inspect
import json

import pytest

from forebay.errors import UsageError
from forebay.intake.http import Request, Response
from forebay.services.orderstore.lookup import Lookup
from forebay.services.orderstore.memory import Memory
from forebay.stores.collection import Document
from orderstore_orders import DictCollection, an_order


class Desk:
    """A lookup with all that it asks."""

    def __init__(self, by_number=True):
        self.collection, self.memory = DictCollection(), Memory(100, 10**9)
        self.lookup = Lookup(self.memory, self.collection, by_number)

    async def put(self, uid, into_memory=True):
        (kept,) = await self.collection.keep([Document(uid, an_order(uid))])
        self.collection.calls.clear()
        if into_memory:
            self.memory.add(kept, 1.0)

    async def ask(self, target):
        path, _, query = target.partition("?")
        request = Request("GET", path, query, {}, b"")
        made = self.lookup.by_parameter(request) if path == "/orders" else self.lookup.by_path(request)
        return await made if inspect.isawaitable(made) else made

    async def told(self, target):
        response = await self.ask(target)
        return response.status, json.loads(response.body).get("detail") or json.loads(response.body)["order_uid"]


@pytest.mark.parametrize(
    "target", ["/orders?id=1", "/orders?number=1", "/orders?order_uid=a", "/orders/a", "/orders?x=y&id=1"]
)
async def test_an_order_in_memory_is_answered_at_once_by_its_bytes(target):
    desk = Desk()
    await desk.put("a")
    path, _, query = target.partition("?")
    ask = desk.lookup.by_parameter if query else desk.lookup.by_path
    answer = ask(Request("GET", path, query, {}, b""))
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, an_order("a"))
    assert answer.headers == ((b"content-type", b"application/json"),)
    assert desk.collection.calls == []


@pytest.mark.parametrize("target", ["/orders?id=1", "/orders?order_uid=a", "/orders/a"])
async def test_what_memory_does_not_have_comes_from_the_store_and_stays(target):
    desk = Desk()
    await desk.put("a", into_memory=False)
    for _ in range(3):
        answer = await desk.ask(target)
        assert (answer.status, answer.body) == (200, an_order("a"))
    assert len(desk.collection.calls) == 1
    assert (desk.lookup.from_memory, desk.lookup.from_store, desk.lookup.missing) == (2, 1, 0)


async def test_by_a_setting_id_means_the_uid():
    desk = Desk(by_number=False)
    await desk.put("1", into_memory=False)
    await desk.put("b")
    assert await desk.told("/orders?id=1") == (200, "1")
    assert await desk.told("/orders?id=b") == (200, "b")
    assert await desk.told("/orders?id=2") == (404, "there is no such order")
    assert await desk.told("/orders?number=2") == (200, "b")


async def test_a_uid_may_have_any_characters_in_a_query():
    desk = Desk()
    await desk.put("№ 1/2&x")
    assert await desk.told("/orders?order_uid=%E2%84%96+1/2%26x") == (200, "№ 1/2&x")


@pytest.mark.parametrize("target", ["/orders?id=2", "/orders?order_uid=b", "/orders/b", f"/orders?id={'9' * 18}"])
async def test_what_the_store_does_not_have_is_404(target):
    desk = Desk()
    await desk.put("a")
    assert await desk.told(target) == (404, "there is no such order")
    assert desk.lookup.missing == 1


ASK_FOR_ONE = "ask for one order: by id, number or order_uid"
NUMBER = "the number of an order is 1, 2, 3 ..."
UID = "an order_uid has 1 to 200 characters"
WRONG = {
    "/orders": ASK_FOR_ONE,
    "/orders?": ASK_FOR_ONE,
    "/orders?uid=a": ASK_FOR_ONE,
    "/orders?id=1&order_uid=a": ASK_FOR_ONE,
    "/orders?order_uid=a&id=1": ASK_FOR_ONE,
    "/orders?number=1&id=1": ASK_FOR_ONE,
    "/orders?number=a": NUMBER,
    "/orders?id=": NUMBER,
    "/orders?id=0": NUMBER,
    "/orders?id=-1": NUMBER,
    "/orders?id=1.0": NUMBER,
    "/orders?id=1_0": NUMBER,
    "/orders?id=+1": NUMBER,
    "/orders?id=%D9%A3": NUMBER,
    "/orders?id=%C2%B2": NUMBER,
    "/orders?id=a": NUMBER,
    f"/orders?id={'1' * 19}": NUMBER,
    f"/orders?id={'1' * 8_000}": NUMBER,
    "/orders?order_uid=": UID,
    f"/orders?order_uid={'x' * 201}": UID,
    f"/orders/{'x' * 201}": UID,
    "/orders?order_uid=%FF": "parameters that are not UTF-8, or too many",
}


@pytest.mark.parametrize(("target", "detail"), WRONG.items(), ids=[target[:40] for target in WRONG])
async def test_what_asks_for_no_order_is_400_and_says_why(target, detail):
    desk = Desk()
    await desk.put("a")
    assert await desk.told(target) == (400, detail)
    assert desk.collection.calls == []


@pytest.mark.parametrize("target", ["/orders?id=1", "/orders?order_uid=a", "/orders/a"])
async def test_without_the_store_what_is_in_memory_is_answered_and_the_rest_later(target):
    desk = Desk()
    await desk.put("a", into_memory=False)
    desk.collection.down = 1
    answer = await desk.ask(target)
    assert answer.status == 503
    assert (b"retry-after", b"1") in answer.headers
    assert (await desk.ask(target)).status == 200
    desk.collection.down = 1
    assert (await desk.ask(target)).status == 200


async def test_an_error_that_is_no_trouble_of_the_store_is_not_hidden():
    desk = Desk()

    async def broken(key):
        raise UsageError("what is this")

    desk.collection.get = broken
    with pytest.raises(UsageError):
        await desk.ask("/orders/a")


async def test_an_order_that_is_too_old_for_a_full_memory_is_answered_all_the_same():
    desk = Desk()
    desk.memory.most_orders = 1
    await desk.put("old", into_memory=False)
    await desk.put("new")
    for _ in range(2):
        assert await desk.told("/orders?id=1") == (200, "old")
    assert sorted(desk.memory.by_uid) == ["new"]
    assert desk.lookup.from_store == 2
