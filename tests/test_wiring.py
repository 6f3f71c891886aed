"""Queues and pools from what was declared: tried again at the start, and closed whatever fails."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from forebay import App, Unavailable, wiring
from forebay.queue.opening import open_driver

MEMORY = {"queue": "memory://", "store": "memory://"}


@pytest.fixture
def opened(monkeypatch):
    """Return what was opened, each with whether it is closed by now, and let pauses be none."""
    opened = []

    async def opening(url):
        driver = await open_driver(url)
        entry = [url.options["topic"], False]
        close = driver.close

        async def closed():
            entry[1] = True
            await close()

        driver.close = closed
        opened.append(entry)
        return driver

    monkeypatch.setattr(wiring, "open_driver", opening)
    monkeypatch.setattr(wiring, "LONGEST_PAUSE", 0.0)
    return opened


def shop(*topics, lifespan=None, **handling):
    app = App("shop", lifespan=lifespan)

    async def handler(body: bytes) -> None: ...

    for topic in topics:
        app.handler(topic, **handling)(handler)
    return app


def fail_for(monkeypatch, topic, times):
    """Let the first openings of a topic fail; return how often it was tried."""
    tried, opening = [], wiring.open_driver

    async def opening_or_not(url):
        if url.options["topic"] == topic:
            tried.append(topic)
            if len(tried) <= times:
                raise Unavailable("nobody is there")
        return await opening(url)

    monkeypatch.setattr(wiring, "open_driver", opening_or_not)
    return tried


async def test_what_cannot_be_reached_is_tried_again_and_only_that(opened, monkeypatch):
    tried = fail_for(monkeypatch, "b", 2)
    async with shop("a", "b").running(**MEMORY, reconnects=2) as running:
        assert sorted(running.pools) == ["a", "b"]
    assert len(tried) == 3
    assert opened == [["a", True], ["b", True]]


async def test_a_later_topic_that_cannot_be_reached_at_all_leaves_nothing_open(opened, monkeypatch):
    tried = fail_for(monkeypatch, "b", 100)
    with pytest.raises(Unavailable, match="nobody"):
        async with shop("a", "b").running(**MEMORY, reconnects=2):
            pass
    assert len(tried) == 3
    assert opened == [["a", True]]


async def test_what_is_refused_for_another_reason_is_not_tried_again():
    tried = []

    async def opening():
        tried.append(True)
        raise ValueError("a wrong address")

    with pytest.raises(ValueError, match="wrong"):
        await wiring.reached(opening, 5)
    assert len(tried) == 1


async def test_a_store_that_cannot_be_opened_ends_the_lifespan_too():
    lived = []

    @asynccontextmanager
    async def lifespan():
        try:
            yield
        finally:
            lived.append("ended")

    with pytest.raises(Unavailable):
        async with shop("a", lifespan=lifespan).running(queue="sqlite:////nowhere/at/all/shop.db", store="memory://"):
            pass
    assert lived == ["ended"]


async def test_a_lifespan_that_fails_with_what_runs_leaves_nothing_open(opened):
    @asynccontextmanager
    async def lifespan(running):
        await running.publish("a", b"nobody works this off")
        raise ValueError("the restore failed")
        yield

    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="restore"):
        async with shop("a", "b", lifespan=lifespan, workers=4).running(**MEMORY, readers=2):
            pass
    assert opened == [["a", True]] * 2 + [["b", True]] * 2
    assert asyncio.all_tasks() == before


async def test_a_lifespan_is_left_after_the_last_handler_and_before_queues_and_store_close(opened):
    at_its_end = []

    @asynccontextmanager
    async def lifespan(running):
        yield
        at_its_end.extend([len(handled), any(closed for _, closed in opened), await running.store.count("a")])

    handled = []
    app = App("shop", lifespan=lifespan)

    @app.handler("a")
    async def handler(body: bytes) -> None:
        await begun.wait()
        handled.append(body)

    begun = asyncio.Event()
    async with app.running(**MEMORY) as running:
        await running.publish("a", b"x")
        while not (await running.topic("a").counts()).in_work:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(begun.set)
    assert at_its_end == [1, False, 1]


async def test_a_stop_gives_all_pools_the_same_time_and_counts_what_each_gives_back():
    begun = []
    app = App("shop")

    @app.handler("a", workers=4)
    async def handler(body: bytes) -> None:
        begun.append(body)
        await asyncio.Event().wait()

    async with app.running(**MEMORY, readers=2, drain=0.1) as running:
        for n in range(4):
            await running.publish("a", b"%d" % n)
        while len(begun) < 4:
            await asyncio.sleep(0)
    assert running.given_back == 4


async def test_readers_beyond_the_workers_are_not_opened(opened):
    async with shop("a", workers=2).running(**MEMORY, readers=8) as running:
        assert [pool.workers for pool in running.pools["a"]] == [1, 1]
    assert len(opened) == 2
