"""Applications at work: handlers, intakes, topics, their start and their end."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import msgspec
import pytest

from forebay import App, Missing, RetryPolicy, Unavailable, UsageError, Work, open_topic
from forebay.events import Finished
from forebay.message import Message


class Order(msgspec.Struct):
    n: int


def app_with(handler, **more):
    app = App("shop")
    app.post("/orders", **more)(handler)
    return app


async def test_what_is_published_is_worked_off_and_waited_for():
    handled = []

    async def handler(order: Order) -> dict:
        handled.append(order.n)
        return {"twice": order.n * 2}

    async with app_with(handler).running(queue="memory://", workers=2) as running:
        references = [await running.publish("orders", {"n": n}) for n in range(20)]
        await running.drained(30)
        assert sorted(handled) == list(range(20))
        assert msgspec.json.decode((await running.store.get(references[3])).value) == {"twice": 6}
        assert str((await running.ledgers())[0]).startswith("orders")


@pytest.mark.parametrize("queue", ["memory://orders", "memory://orders?group=audit"])
async def test_a_store_that_did_not_answer_a_handler_is_forgotten_when_a_message_is_done(queue):
    async def handler(order: Order) -> None: ...

    async with app_with(handler).running(queue=queue) as running:
        running.stalled("orders", Unavailable("the store is away"))
        assert running.health.troubles() == {"save": "the store is away"}
        await running.publish("orders", {"n": 1})
        await running.drained(30)
        assert running.health.troubles() == {}


async def test_bytes_are_published_as_they_are():
    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    async with app_with(handler).running(queue="memory://") as running:
        await running.publish("orders", b"\x00\xff")
        await running.drained(30)
    assert handled == [b"\x00\xff"]


async def test_a_sync_handler_works_in_threads():
    seen = set()

    def handler(body: bytes) -> None:
        seen.add(threading.get_ident())

    async with app_with(handler).running(queue="memory://") as running:
        await running.publish("orders", b"")
        await running.drained(30)
    assert seen
    assert threading.get_ident() not in seen


async def test_a_batch_handler_settles_each_by_itself():
    sizes = []

    async def handler(bodies: list[int]) -> list:
        sizes.append(len(bodies))
        return [ValueError("odd") if n % 2 else n for n in bodies]

    app = app_with(handler, batch=500, workers=1, retry=RetryPolicy(attempts=1))
    async with app.running(queue="memory://") as running:
        await asyncio.gather(*[running.publish("orders", n) for n in range(40)])
        await running.drained(30)
        (counts,) = (await running.counts()).values()
    assert (counts.done, counts.dead, sum(sizes)) == (20, 20, 40)
    assert max(sizes) > 1


async def test_settings_decide_what_a_handler_leaves_open():
    attempts = []

    async def handler(body: bytes, work: Work) -> None:
        attempts.append(work.attempt)
        raise ValueError("never")

    async with app_with(handler).running(queue="memory://", attempts=3, backoff="1ms") as running:
        await running.publish("orders", b"")
        await running.drained(20)
        assert (await running.topic("orders").counts()).dead == 1
    assert attempts == [1, 2, 3]


async def test_several_topics_in_one_application_do_not_mix(tmp_path):
    app, handled = App("shop"), []

    @app.post("/orders")
    async def order(body: int) -> None:
        handled.append(("orders", body))

    @app.post("/ratings", workers=1)
    async def rating(body: int) -> None:
        handled.append(("ratings", body))

    async with app.running(queue=f"sqlite:///{tmp_path}/shop.db") as running:
        await asyncio.gather(*[running.publish(topic, n) for n in range(5) for topic in app.topics])
        await running.drained(30)
        assert {name: counts.done for name, counts in (await running.counts()).items()} == {"orders": 5, "ratings": 5}
        assert [ledger.stored for ledger in await running.ledgers()] == [5, 5]
    assert sorted(handled) == [(topic, n) for topic in ("orders", "ratings") for n in range(5)]


async def test_two_topics_in_memory_do_not_mix_either():
    app, handled = App("shop"), []

    @app.handler("a")
    async def a(body: bytes) -> None:
        handled.append("a")

    @app.handler("b")
    async def b(body: bytes) -> None:
        handled.append("b")

    async with app.running(queue="memory://") as running:
        await running.publish("a", b"")
        await running.drained(30)
    assert handled == ["a"]


async def test_a_handler_needs_no_intake_and_an_intake_no_handler(tmp_path):
    taking, working = App("taking"), App("working")
    taking.intake("/orders", Order)
    handled = asyncio.Event()

    @working.handler("orders")
    async def work_off(order: Order) -> None:
        handled.set()

    queue = f"sqlite:///{tmp_path}/shop.db"
    async with taking.running(queue=queue) as taken, working.running(queue=queue):
        assert taken.pools == {}
        await taken.publish("orders", {"n": 1})
        await taken.drained(30)  # by the other application
        assert handled.is_set()


async def test_no_workers_means_nothing_is_worked_off_here():
    async def handler(body: bytes) -> None: ...

    async with app_with(handler).running(queue="memory://", workers=0) as running:
        await running.publish("orders", b"")
        with pytest.raises(TimeoutError):
            await running.drained(0.05)
        assert (await running.topic("orders").counts()).waiting == 1


async def test_the_lifespan_holds_from_before_the_first_handler_until_after_the_last():
    story, go = [], asyncio.Event()

    @asynccontextmanager
    async def lifespan():
        story.append("open")
        yield
        story.append("close")

    app = App("shop", lifespan=lifespan)

    @app.handler("orders")
    async def work_off(body: bytes) -> None:
        story.append("begin")
        await go.wait()
        story.append("end")

    async with app.running(queue="memory://") as running:
        await running.publish("orders", b"")
        while "begin" not in story:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.02, go.set)
    assert story == ["open", "begin", "end", "close"]


async def test_the_end_gives_back_what_does_not_finish_in_time(tmp_path):
    queue, began = f"sqlite:///{tmp_path}/shop.db", asyncio.Event()

    async def slow(body: bytes) -> None:
        began.set()
        await asyncio.Event().wait()

    async with app_with(slow).running(queue=queue, workers=1, drain="10ms") as running:
        await running.publish("orders", b"")
        await running.publish("orders", b"")
        await began.wait()
    assert running.given_back == 1
    attempts = []

    async def quick(body: bytes, work: Work) -> None:
        attempts.append(work.attempt)

    async with app_with(quick).running(queue=queue) as running:
        await running.drained(30)
    assert attempts == [1, 1]


async def test_nothing_is_accepted_any_more_once_it_has_ended():
    async def handler(body: bytes) -> None: ...

    async with app_with(handler).running(queue="memory://") as running:
        topic = running.topic("orders")
    with pytest.raises(Unavailable):
        await topic.publish(Message("late", b""))


async def test_an_error_inside_still_ends_all_in_order():
    closed = []

    @asynccontextmanager
    async def lifespan():
        try:
            yield
        finally:
            closed.append(True)

    app = App("shop", lifespan=lifespan)
    app.intake("/orders", bytes)
    with pytest.raises(KeyError):
        async with app.running(queue="memory://"):
            raise KeyError
    assert closed == [True]


async def test_a_listener_that_comes_later_hears_of_what_happens_from_then_on():
    async def handler(body: bytes) -> None: ...

    heard = []
    async with app_with(handler).running(queue="memory://") as running:
        running.listen(heard.append)
        await running.publish("orders", b"")
        await running.drained(30)
    assert [event.outcome for event in heard if isinstance(event, Finished)] == ["done"]


async def test_a_topic_that_the_application_does_not_have_is_missing():
    app = App("shop")
    app.intake("/orders", bytes)
    async with app.running(queue="memory://") as running:
        with pytest.raises(Missing, match="ratings"):
            await running.publish("ratings", b"")


async def test_the_url_may_name_the_only_topic_but_not_one_of_several(tmp_path):
    async def handler(body: bytes) -> None: ...

    one = app_with(handler)
    two = app_with(handler)
    two.intake("/ratings", bytes)
    queue = f"sqlite:///{tmp_path}/shop.db?topic=mine"
    async with one.running(queue=queue) as running:
        await running.publish("orders", b"")
        await running.drained(30)
    topic = await open_topic(queue)
    assert (await topic.counts()).done == 1
    await topic.close()
    with pytest.raises(UsageError, match="names one topic") as refused:
        async with two.running(queue=queue):
            pass
    assert "leave the topic out" in refused.value.hint


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"queue": "nowhere"}, "URL"),
        ({"queue": "redsi://localhost"}, "driver"),
        ({"queue": "memory://?dicipline=fifo"}, "dicipline"),
        ({"queue": "memory://", "store": "nowhere"}, "URL"),
        ({"queue": "memory://", "store": "mysql://x/y"}, "mysql"),
        ({"queue": "memory://", "places": 0, "workers": 0}, "places 0"),
        ({"queue": "memory://", "workers": "many"}, "workers"),
        ({"queue": "sqlite:///"}, "sqlite"),
    ],
)
async def test_settings_that_do_not_fit_are_refused_before_anything_runs(settings, said):
    async def handler(body: bytes) -> None: ...

    with pytest.raises(UsageError, match=said):
        async with app_with(handler).running(**settings):
            pass


async def test_a_queue_that_names_no_file_leaves_none_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="names no file"):
        async with app_with(lambda order: None).running(queue="sqlite://"):
            pass
    assert list(tmp_path.iterdir()) == []


async def test_an_application_that_declares_nothing_does_not_run():
    with pytest.raises(UsageError, match="neither"):
        async with App("empty").running(queue="memory://"):
            pass


async def test_work_inside_the_request_needs_a_handler_for_each_intake():
    app = App("shop")
    app.intake("/orders", bytes)
    with pytest.raises(UsageError, match="no handler"):
        async with app.running(queue="memory://", places=0):
            pass


async def test_two_applications_in_memory_share_a_queue_by_its_name():
    handled = asyncio.Event()

    async def handler(body: bytes) -> None:
        handled.set()

    taking = App("taking")
    taking.intake("/orders", bytes)
    async with taking.running(queue="memory://shared") as taken, app_with(handler).running(queue="memory://shared"):
        await taken.publish("orders", b"")
        await taken.drained(30)
        assert handled.is_set()


async def test_at_most_once_a_failing_message_is_over_and_not_tried_again():
    attempts = asyncio.Queue()

    async def handler(body: bytes, work: Work) -> None:
        attempts.put_nowait(work.attempt)
        raise ValueError("this is lost")

    async with app_with(handler).running(queue="memory://", guarantee="at-most-once", backoff=0) as running:
        await running.publish("orders", b"")
        await running.drained(30)
        assert (await running.topic("orders").counts()).done == 1
        assert await attempts.get() == 1
    assert attempts.empty()


async def test_a_slow_batch_handler_still_gets_batches(tmp_path):
    sizes, go = [], asyncio.Event()

    async def handler(bodies: list[int]) -> None:
        sizes.append(len(bodies))
        await go.wait()

    app = app_with(handler, batch=50, workers=1)
    async with app.running(queue=f"sqlite:///{tmp_path}/shop.db") as running:
        await running.publish("orders", 0)
        while not sizes:
            await asyncio.sleep(0)
        await asyncio.gather(*[running.publish("orders", n) for n in range(100)])
        go.set()
        await running.drained(30)
    assert sizes == [1, 50, 50]


async def test_a_listener_that_fails_is_logged_and_harms_nobody(caplog):
    app = App("deaf")

    @app.handler("things")
    async def work_off(body: bytes) -> None: ...

    def fail(event):
        raise ValueError("a listener's bug")

    async with app.running(queue="memory://deaf") as running:
        running.listen(fail)
        await running.publish("things", b"x")
        await running.drained(timeout=30)
        (ledger,) = await running.ledgers()
    assert (ledger.done, ledger.dead) == (1, 0)
    assert "a listener's bug" in caplog.text
