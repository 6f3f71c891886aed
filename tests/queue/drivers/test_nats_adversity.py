"""NATS where several things go wrong at once: order with retries, streams that come again, words that come late."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import time
from itertools import chain
from pathlib import Path

import pytest

from driving import finish, take
from forebay.errors import ForebayError, TooLarge, Unavailable, Unknown, UsageError
from forebay.lab.servers import NATS
from forebay.message import Message, new_id
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers import nats as driver_of_nats
from forebay.queue.drivers.nats import storing
from forebay.queue.drivers.nats.api import Api
from forebay.queue.drivers.nats.pace import Pace
from forebay.url import parse
from nats_drivers import opening


@pytest.fixture
async def opened(monkeypatch):
    """What opens drivers that store whatever is more than one message as one, however long that takes."""
    monkeypatch.setattr(Pace, "prefers_one", lambda pace, count: True)
    async with opening() as open_one:
        yield open_one


def keyed(count: int, key: str = "k") -> list[Message]:
    return [Message(new_id(), b"%d" % n, key) for n in range(count)]


async def test_the_first_of_a_key_comes_again_though_hands_are_full_of_those_behind_it(opened, nats):
    driver = await opened(nats, order="key")
    batch = keyed(1_300)
    assert all(isinstance(one, str) for one in await driver.publish(batch, math.inf))
    [first] = await take(driver, 1)
    for _ in range(8):
        assert await driver.receive(200, 0.3) == []
    assert await driver.settle([Settlement(first, Ending.RETRY, 0.1)]) == [True]
    [again] = await take(driver, 1)
    assert (again.message.id, again.attempt) == (batch[0].id, 2)


async def test_two_receives_at_once_never_hand_out_one_message_twice(opened, nats):
    driver, _ = await opened(nats, order="key"), await opened(nats, order="key")
    await driver.publish(keyed(2), math.inf)
    [first] = await take(driver, 1)
    assert await driver.receive(10, 0.2) == []
    assert await driver.settle([Settlement(first)]) == [True]
    taken: list[Delivery] = []
    async with asyncio.timeout(30):
        while not taken:
            taken = list(chain(*await asyncio.gather(*(driver.receive(10, 0.2) for _ in range(4)))))
    assert len(taken) == 1


async def test_marks_of_a_stream_that_was_removed_hide_nothing_of_the_one_that_follows(opened, nats):
    driver, publisher = await opened(nats, order="key"), await opened(nats, order="key")
    await driver.publish(keyed(5), math.inf)
    for _ in range(5):
        [one] = await take(driver, 1)
        await driver.settle([Settlement(one)])
    await Api(publisher._wire).ask(f"STREAM.DELETE.{opened.topic}")
    batch = keyed(5)
    async with asyncio.timeout(30):
        while not all(isinstance(one, str) for one in await publisher.publish(batch, math.inf)):
            pass
    got = []
    async with asyncio.timeout(30):
        while len(got) < 5:
            with contextlib.suppress(ForebayError):
                taken = await driver.receive(10, 0.5)
                got += [one.message.id for one in taken]
                await driver.settle([Settlement(one) for one in taken])
    assert got == [one.id for one in batch]


async def test_a_group_made_after_dead_letters_were_returned_counts_from_its_beginning(opened, nats):
    driver = await opened(nats)
    batch = keyed(3)
    await driver.publish(batch, math.inf)
    taken = await take(driver, 3)
    await driver.settle([Settlement(one, Ending.DEAD) for one in taken])
    assert await driver.return_dead([one.id for one in batch]) == 3
    late = await opened(nats, group="audit")
    await driver.publish(keyed(2), math.inf)
    await late.settle([Settlement(one) for one in await take(late, 2)])
    counts = await late.counts()
    assert (counts.accepted, counts.done, counts.waiting) == (2, 2, 0)


async def test_a_server_that_turns_us_away_for_a_while_finds_us_back(opened, required):
    required(NATS)
    with NATS(settings="authorization { user: me, password: one }") as broker:
        driver = await driver_of_nats.connect(parse(f"nats://me:one@127.0.0.1:{broker.port}/orders?lease=2s"))
        path = Path(broker.folder) / "nats.conf"
        right = path.read_text()
        path.write_text(right.replace("password: one", "password: two"))
        pid = broker.pid
        os.kill(pid, signal.SIGHUP)
        async with asyncio.timeout(30):
            while isinstance((await driver.publish(keyed(1), math.inf))[0], str):
                await asyncio.sleep(0.05)
        path.write_text(right)
        os.kill(pid, signal.SIGHUP)
        async with asyncio.timeout(30):
            while not isinstance((await driver.publish(keyed(1), math.inf))[0], str):
                await asyncio.sleep(0.05)
        await driver.close()


async def test_a_topic_is_not_taken_for_the_stream_beside_another(opened, nats):
    await (await driver_of_nats.connect(parse(f"{nats.url}/{opened.topic}-notes"))).close()
    with pytest.raises(UsageError, match="is a topic"):
        await opened(nats)


async def test_a_refused_half_does_not_make_the_stored_half_refused(opened, nats, monkeypatch):
    driver = await opened(nats)
    batch = keyed(4)
    monkeypatch.setattr(storing, "LARGEST_BATCH", 2)
    stored = storing._stored_as_one

    async def half(wire, frames, what):
        places = await stored(wire, frames, what)
        if frames[0].data == b"2":
            raise Unavailable("the connection went when it was said again, one by one")
        return places

    monkeypatch.setattr(storing, "_stored_as_one", half)
    answers = await driver.publish(batch, math.inf)
    assert [isinstance(one, str) for one in answers] == [True, True, False, False]


async def test_a_server_that_stood_still_while_it_was_asked_takes_no_attempt_for_it(opened, own_server):
    broker = own_server(NATS)
    driver, publisher = await opened(broker, lease="20s"), await opened(broker, lease="20s")
    await publisher.publish(keyed(1), math.inf)
    broker.pause()
    with pytest.raises(Unknown):
        await driver.receive(1, 0.2)
    broker.resume()
    [one] = await take(driver, 1)
    assert one.attempt == 1


async def test_what_a_paused_worker_holds_back_goes_to_others(opened, nats):
    paused, busy = [await opened(nats, order="key", lease="3s") for _ in range(2)]
    first, second = keyed(2)
    await busy.publish([first, second], math.inf)
    [one] = await take(busy, 1)
    assert await paused.receive(10, 0.2) == []  # the second is in its hands, and it does not ask again
    await finish(busy, one)
    [two] = await take(busy, 1)
    assert (two.message.id, two.attempt) == (second.id, 1)


async def test_a_connection_that_the_server_ends_with_an_error_is_made_anew(opened, nats):
    driver, lost = await opened(nats), asyncio.Event()
    driver._wire.on_change = lost.set
    driver._wire.send([b"NONSENSE\r\n"])
    async with asyncio.timeout(30):
        await lost.wait()
        while not isinstance((await driver.publish(keyed(1), math.inf))[0], str):
            await asyncio.sleep(0.05)


async def test_no_consumer_is_passed_over_when_another_goes_between_two_pages(opened, nats, monkeypatch):
    driver = await opened(nats)
    api = Api(driver._wire)
    names = [f"a{n:03}" for n in range(300)]
    made = [
        {"stream_name": opened.topic, "config": {"durable_name": name, "ack_policy": "explicit", "mem_storage": True}}
        for name in names
    ]
    await api.ask_all(
        [(f"CONSUMER.DURABLE.CREATE.{opened.topic}.{name}", one) for name, one in zip(names, made, strict=True)]
    )
    listed, pages = api.info, 0

    async def info(subject, request=None):
        nonlocal pages
        answer = await listed(subject, request)
        pages += 1
        if pages == 1:
            await api.ask(f"CONSUMER.DELETE.{opened.topic}.a000")
        return answer

    monkeypatch.setattr(api, "info", info)
    assert set(names[1:]) <= {one["name"] for one in await api.consumers(opened.topic)}


async def test_nothing_is_trimmed_while_the_consumer_of_a_known_group_is_missing(opened, nats, monkeypatch):
    monkeypatch.setattr("forebay.queue.drivers.nats.trimming.TRIM_SECONDS", 0.0)
    owner, audit = await opened(nats), await opened(nats, group="audit")
    batch = keyed(5)
    await owner.publish(batch, math.inf)
    await Api(owner._wire).ask(f"CONSUMER.DELETE.{opened.topic}.{opened.topic}")
    await audit.settle([Settlement(one) for one in await take(audit, 5)])
    await audit._group.trimmer.trim()
    with contextlib.suppress(Unavailable):
        await owner.receive(5, 0.1)
    assert [one.message.id for one in await take(owner, 5)] == [one.id for one in batch]


@contextlib.asynccontextmanager
async def some_given_back(opened, nats):
    """Yield three messages that stand in line, before which two were done, and a worker that has ended those."""
    first, second = await opened(nats, lease="60s"), await opened(nats, lease="60s")
    batch = [Message(new_id(), b"") for _ in range(5)]
    await first.publish(batch, math.inf)
    looked_at = await take(first, 5)
    await first.settle([Settlement(one, Ending.RELEASE) for one in looked_at])
    await second.settle([Settlement(one) for one in await take(second, 2)])
    yield {one.id for one in batch[2:]}, second


async def held_in_stream(driver, topic: str) -> int:
    return (await Api(driver._wire).ask(f"STREAM.INFO.{topic}"))["state"]["messages"]


async def test_what_was_given_back_comes_at_once_though_another_process_trims_as_it_closes(opened, nats):
    async with some_given_back(opened, nats) as (left, second):
        await second.close()
        again = await take(await opened(nats, lease="60s"), 3)
        assert ({one.message.id for one in again}, {one.attempt for one in again}) == (left, {1})


async def test_what_is_done_is_trimmed_once_nothing_stands_in_line(opened, nats):
    async with some_given_back(opened, nats) as (_, second):
        last = await opened(nats, lease="60s")
        await last.settle([Settlement(one) for one in await take(last, 3)])
        async with asyncio.timeout(30):
            while await held_in_stream(last, opened.topic):
                await second._group.trimmer.trim()


async def test_what_is_given_back_while_it_is_looked_what_is_done_comes_at_once(opened, nats, monkeypatch):
    driver = await opened(nats, lease="60s")
    api, trimmer = driver._group.trimmer._api, driver._group.trimmer
    trimmer._next = math.inf
    await driver.publish(keyed(1), math.inf)
    await driver.settle([Settlement(one) for one in await take(driver, 1)])
    listed = api.consumers

    async def consumers(stream):
        answer = await listed(stream)
        await driver.publish(keyed(1), math.inf)
        await driver.settle([Settlement(one, Ending.RELEASE) for one in await take(driver, 1)])
        return answer

    monkeypatch.setattr(api, "consumers", consumers)
    await trimmer.trim()
    [again] = await take(driver, 1)
    assert again.attempt == 1
    await driver.settle([Settlement(again)])
    monkeypatch.undo()
    async with asyncio.timeout(30):
        while await held_in_stream(driver, opened.topic):
            await trimmer.trim()


@pytest.mark.parametrize("most", ["MOST_MESSAGES", "MOST_BYTES"])
async def test_what_is_done_is_trimmed_in_spite_of_a_line_when_it_is_too_much(opened, nats, monkeypatch, most):
    async with some_given_back(opened, nats) as (_, second):
        second._group.trimmer._due = True
        await second._group.trimmer.trim()
        assert await held_in_stream(second, opened.topic) == 5
        monkeypatch.setattr(f"forebay.queue.drivers.nats.trimming.{most}", 1)
        await second._group.trimmer.trim()
        assert await held_in_stream(second, opened.topic) == 3


async def test_a_group_finds_all_that_a_stream_made_anew_holds(opened, nats):
    driver, audit = await opened(nats), await opened(nats, group="audit")
    await driver.publish(keyed(5), math.inf)
    await audit.settle([Settlement(one) for one in await take(audit, 5)])
    await Api(driver._wire).ask(f"STREAM.DELETE.{opened.topic}")
    batch = keyed(3)
    await driver.publish(batch, math.inf)
    got = []
    async with asyncio.timeout(30):
        while len(got) < 3:
            with contextlib.suppress(ForebayError):
                got += await audit.receive(5, 0.2)
    assert [one.message.id for one in got] == [one.id for one in batch]
    await audit.settle([Settlement(one) for one in got])
    counts = await audit.counts()
    assert (counts.accepted, counts.done) == (3, 3)


async def test_a_lease_that_ends_while_the_server_is_silent_is_not_renewed_by_a_late_answer(opened, own_server):
    broker = own_server(NATS)
    driver = await opened(broker, lease="2s")
    await driver.publish(keyed(1), math.inf)
    [held] = await take(driver, 1)
    broker.pause()
    renewing = asyncio.create_task(driver.extend([held]))
    await asyncio.sleep(2.2)
    broker.resume()
    with contextlib.suppress(ForebayError):
        await renewing
    assert await driver.settle([Settlement(held)]) == [False]


async def test_a_dead_letter_whose_headers_find_no_room_is_kept_without_the_longest(opened, nats):
    driver = await opened(nats)
    await driver.publish([Message("large", b"x" * (driver._wire.largest - 5_000)), Message("many", b"")], math.inf)
    taken = await take(driver, 2)
    story = {"reason": "r", "trace": "t" * 70_000}
    assert await driver.settle([Settlement(one, Ending.DEAD, 0.0, story) for one in taken]) == [True, True]
    letters = await driver.dead_letters()
    assert [(one.message.id, one.message.headers) for one in letters] == [
        ("large", {"reason": "r"}),
        ("many", {"reason": "r"}),
    ]


async def test_headers_beyond_the_limit_of_the_server_are_too_large_for_ever(opened, nats):
    driver = await opened(nats)
    [answer] = await driver.publish([Message(new_id(), b"", None, {"h": "x" * 70_000})], math.inf)
    assert isinstance(answer, TooLarge)


async def test_a_subscriber_of_its_own_gets_back_the_one_consumer_that_the_server_removed(opened, nats):
    publisher, own = await opened(nats), await opened(nats, group="each")
    await publisher.publish(keyed(1), math.inf)
    later = own._each[1]
    await Api(own._wire).ask(f"CONSUMER.DELETE.{later.stream}.{later.consumer}")
    with pytest.raises(Unavailable, match="made anew"):
        await take(own, 2)
    delayed = Message(new_id(), b"", not_before=time.time() + 0.3)
    await publisher.publish([delayed], math.inf)
    async with asyncio.timeout(30):
        while delayed.id not in [one.message.id for one in await own.receive(5, 0.5)]:
            pass
