"""The order store as its users meet it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from forebay.errors import Unavailable, UsageError
from forebay.services.orderstore.app import orderstore
from forebay.services.orderstore.keeping import says_the_same
from orderstore_orders import POISON, an_order


class Flaky:
    """A store whose collection does nothing while it is told to fail, or to wait."""

    def __init__(self, store):
        self._store = store
        self.go, self.down, self.asked = asyncio.Event(), False, 0
        self.error = Unavailable("the store is down")
        self.go.set()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def collection(self, name):
        return _FlakyCollection(self, await self._store.collection(name))


class _FlakyCollection:
    def __init__(self, store, collection):
        self._store, self._collection = store, collection

    def __getattr__(self, name):
        async def call(*arguments):
            self._store.asked += 1
            if self._store.down:
                raise self._store.error
            await self._store.go.wait()
            return await getattr(self._collection, name)(*arguments)

        return call


def over_a_flaky_store(prepare=lambda store: None, **own):
    """Return the service over a store that can fail; the store is `running.store`."""
    app = orderstore(**own)
    lifespan = app.lifespan

    @asynccontextmanager
    async def flaky(running):
        running.store = Flaky(running.store)
        prepare(running.store)
        async with lifespan(running):
            yield

    app.lifespan = flaky
    return app


async def test_an_order_that_came_is_told_by_number_and_uid_as_it_came(serve):
    body = an_order("заказ 1", note="kept as it is")
    async with serve() as shop:
        await shop.send(body)
        (number,) = (await shop.kept())[1].values()
        for path in (f"/orders?id={number}", "/orders?order_uid=%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7+1"):
            heard = await shop.get(path)
            assert (heard.status, heard.body) == (200, body)
            assert heard.headers["content-type"] == "application/json"
        assert (await shop.get("/orders/%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7%201")).body == body
        assert (await shop.get(f"/orders?id={number + 1}")).status == 404
        assert (await shop.get("/orders")).status == 400
        assert (await shop.get("/orders/x", method="DELETE")).status == 405
        assert (await shop.get("/")).headers["content-type"].startswith("text/html")


async def test_by_a_setting_id_is_the_uid(serve):
    async with serve(by="uid", queue="memory://") as shop:
        await shop.send(an_order("a"), an_order("2"))
        assert (await shop.get("/orders?id=2")).json["order_uid"] == "2"
        assert (await shop.get("/orders?id=1")).status == 404


async def test_poison_is_a_dead_letter_with_its_reason_and_its_neighbours_are_kept(serve):
    good = [an_order(f"good-{n}") for n in range(len(POISON))]
    async with serve(queue="memory://") as shop:
        await shop.send(*[body for pair in zip(POISON.values(), good, strict=True) for body in pair])
        letters = await shop.dead_letters()
        assert letters.keys() == set(POISON.values())
        assert [body for body, reason in letters.items() if not reason] == []
        assert (await shop.kept())[0] == {f"good-{n}": body for n, body in enumerate(good)}
        (ledger,) = await shop.running.ledgers()
        assert (ledger.done, ledger.dead, ledger.lost) == (len(good), len(POISON), 0)
        assert ledger.balanced


async def test_an_order_that_comes_again_is_done_and_one_with_other_content_is_dead(serve):
    async with serve() as shop:
        await shop.send(an_order("a"))
        await shop.send(an_order("a"), an_order("a").replace(b", ", b","), an_order("a", locale="ru"))
        (ledger,) = await shop.running.ledgers()
        assert (ledger.done, ledger.dead) == (3, 1)
        assert await shop.dead_letters() == {
            an_order("a", locale="ru"): "the order 'a' is known with other content, as number 1"
        }
        assert (await shop.get("/orders/a")).body == an_order("a")


async def test_what_memory_has_let_go_comes_from_the_store(serve):
    async with serve(orders_limit="3") as shop:
        await shop.ready()  # nothing is restored meanwhile
        for n in range(1, 6):
            await shop.send(an_order(f"o{n}"))
        assert (await shop.stats())["orders"] == 3
        assert [(await shop.get(f"/orders?id={n}")).json["order_uid"] for n in range(1, 6)] == [
            f"o{n}" for n in range(1, 6)
        ]
        stats = await shop.stats()
        assert (stats["orders"], stats["evicted"], stats["from_store"], stats["from_memory"]) == (3, 2, 2, 3)


async def test_its_figures_are_metrics_too(serve):
    async with serve(orders_limit="3", queue="memory://") as shop:
        await shop.ready()
        await shop.send(*[an_order(f"o{n}") for n in range(5)])
        await shop.get("/orders/nobody")
        stats = await shop.stats()
        text = (await shop.get("/metrics")).body.decode().splitlines()
    assert (stats["orders"], stats["added"], stats["evicted"], stats["missing"]) == (3, 5, 2, 1)
    assert "forebay_orderstore_orders 3.0" in text
    assert "forebay_orderstore_evicted_total 2.0" in text
    told = {line.split()[2].removesuffix("_total") for line in text if line.startswith("# HELP forebay_orderstore_")}
    assert told == {f"forebay_orderstore_{name}" for name in stats}


async def test_memory_is_the_store_again_after_a_restart(serve):
    orders = [an_order(f"o{n}", note=n) for n in range(50)]
    async with serve() as shop:
        await shop.send(*orders)
        bodies, numbers = await shop.kept()
        assert len(bodies) == 50
    async with serve() as shop:
        await shop.ready()
        assert (await shop.stats())["restored"] == 50
        for uid, number in numbers.items():
            told = await shop.get(f"/orders?id={number}")
            assert told.json["order_uid"] == uid
            assert says_the_same(told.body, bodies[uid])
        stats = await shop.stats()
        assert (stats["from_memory"], stats["from_store"], stats["orders"]) == (50, 0, 50)
    async with serve(restore="no") as shop:
        assert (await shop.stats())["orders"] == 0
        assert (await shop.get("/orders/o7")).status == 200


async def test_while_it_restores_it_serves_and_says_that_it_is_not_ready(serve):
    async with serve() as shop:
        await shop.send(an_order("old"))
    stores = []
    app = over_a_flaky_store(lambda store: (stores.append(store), store.go.clear()))
    async with serve(app) as shop:
        assert list(shop.running.health.troubles()) == ["restore"]
        asked = asyncio.ensure_future(shop.get("/orders/old"))
        sent = asyncio.ensure_future(shop.send(an_order("new")))
        assert (await shop.get("/healthz")).status == 200
        stores[0].go.set()
        assert (await asked).status == 200
        await sent
        await shop.ready()
        assert (await shop.stats())["orders"] == 2


async def test_when_it_cannot_restore_the_store_answers_and_it_is_ready(serve, caplog):
    async with serve() as shop:
        await shop.send(an_order("old"))
    stores = []

    def prepare(store):
        stores.append(store)
        store.down, store.error = True, UsageError("what is there is no collection")

    async with serve(over_a_flaky_store(prepare)) as shop:
        await shop.ready()
        assert "what is there is no collection" in caplog.text
        stores[0].down = False
        assert (await shop.get("/orders/old")).status == 200
        assert (await shop.stats())["from_store"] == 1


async def test_it_stops_in_the_midst_of_restoring_and_of_waiting(serve):
    app = over_a_flaky_store(lambda store: store.go.clear())
    async with asyncio.timeout(20):
        async with serve(app) as shop:
            assert list(await shop.troubles()) == ["restore"]
    async with asyncio.timeout(15):  # less than a request may wait, and than a stop
        async with serve(drain="1m") as shop:
            asked = asyncio.ensure_future(shop.get("/orders/newest?after=0"))
            async with asyncio.timeout(10):
                while not (await shop.stats())["waiting"]:
                    await asyncio.sleep(0.01)
        assert (await asked).json == {"orders": [], "newest": 0}


async def test_with_the_store_down_orders_wait_and_none_is_given_up(serve):
    app = over_a_flaky_store()
    async with serve(app, queue="memory://", workers=1) as shop:
        await shop.ready()
        store = shop.running.store
        store.down, store.asked = True, 0
        await shop.running.publish("orders", an_order("a"))
        async with asyncio.timeout(20):
            while store.asked < 3:
                await asyncio.sleep(0.01)
        assert (await shop.troubles())["save"] == "the store is down"
        heard = await shop.get("/orders/a")
        assert (heard.status, heard.headers["retry-after"]) == (503, "1")
        store.down = False
        await shop.running.drained(20)
        assert (await shop.get("/orders/a")).status == 200
        assert await shop.dead_letters() == {}
        assert await shop.troubles() == {}


async def test_one_replica_tells_what_another_has_kept(serve):
    async with serve() as one, serve() as other:
        await one.ready()
        await other.ready()
        waiting = [asyncio.ensure_future(shop.get("/orders/newest?after=0")) for shop in (one, other)]
        await one.send(*[an_order(f"o{n}") for n in range(20)])
        assert {(await heard).status for heard in waiting} == {200}
        for shop in (one, other):
            assert {(await shop.get(f"/orders/o{n}")).status for n in range(20)} == {200}
            async with asyncio.timeout(20):
                while len(lines := (await shop.get("/orders/newest?limit=30")).json["orders"]) < 20:
                    await asyncio.sleep(0.1)
            assert {line["order_uid"] for line in lines} == {f"o{n}" for n in range(20)}


async def test_outdated_orders_leave_memory_and_stay_in_the_store(serve):
    async with serve(outdated="1h", cleanup="10ms") as shop:
        await shop.send(an_order("old"), an_order("new", date_created="9000-01-01T00:00:00Z"))
        async with asyncio.timeout(20):
            while (await shop.stats())["orders"] > 1:
                await asyncio.sleep(0.01)
        assert (await shop.get("/orders/old")).status == 200
        assert len((await shop.kept())[0]) == 2
    async with serve(outdated="1h") as shop:
        await shop.ready()
        assert (await shop.stats())["orders"] == 1


async def test_made_up_orders_come_by_themselves_on_request(serve):
    pytest.importorskip("mimesis")
    async with serve(queue="memory://", examples="yes", writers="2") as shop:
        async with asyncio.timeout(30):
            while (await shop.stats())["orders"] < 20:
                await asyncio.sleep(0.05)
        assert await shop.dead_letters() == {}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"by": "id"}, "by: 'id' is not one of number, uid"),
        ({"orders_limit": "0"}, "orders_limit: '0' is not a whole number of 1 to 1000000000"),
        ({"orders_limit": "9" * 5000}, f"orders_limit: '{'9' * 5000}' is not a whole number of 1 to 1000000000"),
        ({"bytes_limit": "much"}, "bytes_limit: 'much' is not a size"),
        ({"cleanup": "0"}, "cleanup: '0' is no span of time"),
        ({"cleanup": "inf"}, "cleanup: 'inf' is no span of time"),
        ({"outdated": "soon"}, "outdated: 'soon' is not a duration"),
        ({"restore": "1"}, "restore: '1' is not one of yes, no"),
        ({"largest": "-1"}, "largest: '-1' is not a size"),
        ({"examples": ""}, "examples: '' is not one of yes, no"),
        ({"writers": "0"}, "writers: '0' is not a whole number of 1 to 64"),
    ],
)
def test_settings_that_cannot_be_read_are_named(own, said):
    with pytest.raises(UsageError) as refused:
        orderstore(**own)
    assert str(refused.value) == said


async def test_without_a_queue_nobody_would_bring_an_order_and_it_does_not_begin():
    with pytest.raises(UsageError, match="there is no queue"):
        async with orderstore().running(store="memory://", places=0):
            pass


async def test_the_newest_are_told_as_json_with_a_number_each(serve):
    async with serve(queue="memory://") as shop:
        await shop.send(an_order("a"))
        heard = json.loads((await shop.get("/orders/newest?limit=1")).body)
        assert heard["newest"] == heard["orders"][0]["number"] == 1
