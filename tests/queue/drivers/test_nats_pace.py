"""Which way of storing is taken: it is learned from what both have cost."""

from __future__ import annotations

import math

import pytest

from forebay.message import Message, new_id
from forebay.queue.drivers import nats as driver_of_nats
from forebay.queue.drivers.nats.pace import AGAIN, Pace
from forebay.url import parse


def serve(pace, counts, *, single, batch):
    """Let batches be stored by a server of which one message costs `single` seconds, and a batch `batch`."""
    ways = []
    for count in counts:
        as_one = pace.prefers_one(count)
        pace.note(count, as_one, batch + 0.02e-3 * count if as_one else single * count)
        ways.append(as_one)
    return ways


def test_a_server_that_syncs_each_message_soon_gets_many_as_one_and_few_by_themselves():
    pace = Pace()
    ways = serve(pace, [64] * 10, single=0.24e-3, batch=3.7e-3)
    assert ways[0] is False
    assert all(ways[2:])
    assert serve(pace, [8, 500, 8], single=0.24e-3, batch=3.7e-3) == [False, True, False]


def test_a_server_that_does_not_sync_gets_each_by_itself():
    assert not any(serve(Pace(), [64, 150, 8, 300] * 20, single=0.02e-3, batch=4e-3))


def test_one_bad_moment_does_not_decide_for_ever():
    pace = Pace()
    pace.note(10, False, 2.0)
    ways = serve(pace, [64] * (AGAIN + 20), single=0.02e-3, batch=4e-3)
    assert ways[0] is True
    assert not any(ways[AGAIN + 5 :])


def test_one_message_tells_nothing_of_many():
    pace = Pace()
    pace.note(1, False, 5.0)
    assert pace.prefers_one(64) is False


@pytest.mark.server
async def test_both_ways_keep_the_order_and_the_places(nats, monkeypatch):
    driver = await driver_of_nats.connect(parse(f"{nats.url}/pace{new_id()}"))
    for as_one in (True, False, True):
        monkeypatch.setattr(Pace, "prefers_one", lambda pace, count, as_one=as_one: as_one)
        answers = await driver.publish([Message(new_id(), b"%d" % n) for n in range(20)], math.inf)
        places = [int(answer.rpartition("-")[2]) for answer in answers]
        assert places == list(range(places[0], places[0] + 20))
    await driver.close()
