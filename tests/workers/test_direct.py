import asyncio

import msgspec
import pytest

from forebay.clock import ManualClock
from forebay.errors import Dead, Drop, Unavailable
from forebay.events import Accepted, Finished, Started
from forebay.message import Message
from forebay.stores.opening import open_store
from forebay.workers.direct import Direct
from forebay.workers.handler import Handler, Work


@pytest.fixture
async def store():
    store = await open_store("memory://direct")
    yield store
    await store.close()


def message(id="x"):
    return Message(id, b"1", accepted_at=10.0)


def direct(function, **more):
    batch = more.pop("batch", None)
    return Direct("orders", Handler(function, batch=batch), workers=more.pop("workers", 2), **more)


async def test_the_work_is_done_and_its_result_kept_before_it_returns(store):
    clock, events = ManualClock(10.5), []

    async def handler(n: int, work: Work) -> dict:
        clock.advance(2)
        return {"n": n, "attempt": work.attempt}

    one = direct(handler, store=store, clock=clock, listeners=[events.append])
    await one.work(message(), 1)
    result = await store.get("x")
    assert msgspec.json.decode(result.value) == {"n": 1, "attempt": 1}
    assert (result.accepted_at, result.started_at, result.done_at) == (10.0, 10.5, 12.5)
    assert events == [
        Started("orders", "x", 1, 0.5, accepted_at=10.0),
        Accepted("orders", 1, 0.0),
        Finished("orders", "x", 1, "done", 2.0, 2.5),
    ]
    assert (one.done, one.failed, one.busy) == (1, 0, 0)


async def test_there_is_room_for_n_and_not_for_one_more():
    go = asyncio.Event()

    async def handler(n: int) -> None:
        await go.wait()

    one = direct(handler, workers=2)
    tasks = [asyncio.ensure_future(one.work(message(), 1)) for _ in range(2)]
    assert one.has_room
    await asyncio.sleep(0)
    assert not one.has_room
    go.set()
    await asyncio.gather(*tasks)
    assert one.has_room


@pytest.mark.parametrize("error", [ValueError("no"), Dead("no")])
async def test_a_failure_is_the_clients_to_hear_and_leaves_no_result(store, error):
    events = []

    async def handler(n: int) -> None:
        raise error

    one = direct(handler, store=store, listeners=[events.append])
    with pytest.raises(type(error)):
        await one.work(message(), 1)
    assert (await store.get("x"), one.failed, one.busy) == (None, 1, 0)
    assert [type(event) for event in events] == [Started, Finished]
    assert events[-1].outcome == "dead"


async def test_what_is_dropped_is_done_without_a_value(store):
    async def handler(n: int) -> None:
        raise Drop

    one = direct(handler, store=store)
    await one.work(message(), 1)
    assert (await store.get("x")).value == b"null"
    assert one.done == 1


async def test_a_handler_may_take_so_long_and_not_longer():
    async def handler(n: int) -> None:
        await asyncio.Event().wait()

    one = direct(handler, timeout=0.01)
    with pytest.raises(TimeoutError):
        await one.work(message(), 1)
    assert one.busy == 0


async def test_a_store_that_is_down_fails_the_request():
    class Down:
        async def save(self, results):
            raise Unavailable("the store is down")

    async def handler(n: int) -> None: ...

    one = direct(handler, store=Down())
    with pytest.raises(Unavailable):
        await one.work(message(), 1)
    assert (one.done, one.failed) == (0, 1)


async def test_a_batch_handler_gets_a_list_of_one(store):
    async def handler(numbers: list[int], works: list[Work]) -> list:
        assert [work.message.id for work in works] == [works[0].message.id]
        return [Dead("negative") if n < 0 else n for n in numbers]

    one = direct(handler, batch=100, store=store)
    await one.work(message(), 7)
    assert (await store.get("x")).value == b"7"
    with pytest.raises(Dead):
        await one.work(message("y"), -1)


async def test_a_sync_handler_works_in_a_thread(store):
    def handler(n: int) -> int:
        return n + 1

    await direct(handler, store=store).work(message(), 1)
    assert (await store.get("x")).value == b"2"
