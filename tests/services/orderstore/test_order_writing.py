"""Writers of made-up orders: each order once, at its time, and every answer counted."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from forebay.errors import Unavailable, Unknown
from forebay.load.profiles.notation import parse
from forebay.queue.opening import open_topic
from forebay.services.orderstore.generating import writing
from forebay.services.orderstore.generating.orders import Orders
from forebay.services.orderstore.generating.writing import Writing

ROW = Orders(7, share_broken=0.1)


class Answering:
    """A topic that answers as it is told, in turn, and keeps what it was given and when."""

    def __init__(self, *answers):
        self._answers = itertools.cycle(answers)
        self.messages = []
        self.instants = []

    def publish_soon(self, message, done):
        self.messages.append(message)
        self.instants.append(time.perf_counter())
        asyncio.get_running_loop().call_soon(done, next(self._answers))


def keys(*topics):
    return [message.key for topic in topics for message in topic.messages]


@pytest.mark.parametrize("writers", [1, 2, 7])
@pytest.mark.parametrize("profile", [None, parse("const(5000)"), parse("once(60) unlimited(10s)")])
async def test_each_order_is_written_once_by_the_one_whose_turn_it_is(writers, profile):
    topics = [Answering("ok") for _ in range(writers)]
    figures = await Writing(ROW, topics, profile, seconds=20, count=205).run()
    assert (figures.written, figures.refused, figures.unknown, figures.error) == (205, 0, 0, None)
    for part, topic in enumerate(topics):
        assert keys(topic) == [ROW.uid(i) for i in range(part, 205, writers)]
        assert [message.body for message in topic.messages] == [ROW.body(i) for i in range(part, 205, writers)]
    assert figures.broken == sum(ROW.flaw(i) is not None for i in range(205))


async def test_all_may_write_to_one_topic():
    topic = Answering("ok")
    assert (await Writing(ROW, [topic] * 3, count=100).run()).written == 100
    assert sorted(keys(topic)) == sorted(ROW.uid(i) for i in range(100))


async def test_no_order_is_written_before_its_instant():
    topics = [Answering("ok"), Answering("ok")]
    began = time.perf_counter()
    figures = await Writing(ROW, topics, parse("const(100)"), seconds=0.5).run()
    assert figures.written == 50
    instants = sorted(topics[0].instants + topics[1].instants)
    assert all(instant - began >= i / 100 for i, instant in enumerate(instants))
    assert figures.late >= 0


async def test_every_answer_is_counted_and_the_first_error_is_kept():
    down, silent = Unavailable("down"), Unknown("silent")
    topic = Answering("ok", silent, down, down)
    figures = await Writing(ROW, [topic], parse("const(10000)"), count=400).run()
    assert (figures.written, figures.refused, figures.unknown) == (100, 200, 100)
    assert figures.error is silent


async def test_one_that_hurries_rests_while_the_queue_refuses(monkeypatch):
    monkeypatch.setattr(writing, "IN_FLIGHT", 10)
    topic = Answering(Unavailable("down"))
    figures = await Writing(ROW, [topic], seconds=0.55).run()
    assert figures.written == 0
    assert figures.refused == len(topic.messages) <= 6 * 64


async def test_stop_begins_no_further_order_and_waits_for_the_answers():
    held = []

    class Holding:
        def publish_soon(self, message, done):
            held.append(done)
            if len(held) == 5:
                writing_.stop()
                asyncio.get_running_loop().call_later(0.05, lambda: [answer("ok") for answer in held])

    writing_ = Writing(ROW, [Holding()])
    figures = await writing_.run()
    assert len(held) == figures.written == 5


async def test_stop_ends_the_wait_for_an_instant_far_away():
    writing_ = Writing(ROW, [Answering("ok")], parse("const(0.001)"))
    run = asyncio.create_task(writing_.run())
    while not writing_.figures.written:
        await asyncio.sleep(0)
    writing_.stop()
    assert (await asyncio.wait_for(run, 10)).written == 1


async def test_so_many_are_in_flight_at_most(monkeypatch):
    monkeypatch.setattr(writing, "IN_FLIGHT", 8)
    open_, most = [], 0

    class Slow:
        def publish_soon(self, message, done):
            nonlocal most
            open_.append(done)
            most = max(most, len(open_))
            if len(open_) == 1:
                asyncio.get_running_loop().call_later(0.001, self.answer)

        def answer(self):
            answers, open_[:] = list(open_), []
            for done in answers:
                done("ok")

    assert (await Writing(ROW, [Slow()], count=100).run()).written == 100
    assert most == 8


async def test_a_real_queue_has_them_with_their_keys():
    topics = [await open_topic("memory://generated?topic=orders") for _ in range(3)]
    assert (await Writing(ROW, topics, count=300).run()).written == 300
    assert (await topics[0].counts()).waiting == 300
    for topic in topics:
        await topic.close()
