import asyncio

import pytest

from forebay.errors import Unavailable
from forebay.queue.batching import LONGEST_PAUSE, Gatherer, pauses

pytestmark = pytest.mark.usefixtures("own_time")


async def test_items_that_come_while_a_call_is_under_way_share_the_next_one():
    calls, gate = [], asyncio.Event()

    async def send(items):
        calls.append(items)
        await gate.wait()

    gatherer = Gatherer(send, lambda error: None)
    gatherer.add(1)
    gatherer.add(2)
    await asyncio.sleep(0.01)
    gatherer.add(3)
    gatherer.add(4)
    gate.set()
    assert await gatherer.drain(30) == 0
    assert calls == [[1, 2], [3, 4]]


async def test_a_call_that_fails_is_repeated_with_the_same_items():
    calls, troubles = [], []

    async def send(items):
        calls.append(items)
        if len(calls) < 3:
            raise Unavailable("down")

    gatherer = Gatherer(send, troubles.append)
    gatherer.add(1)
    assert await gatherer.drain(30) == 0
    assert calls == [[1]] * 3
    assert [str(trouble) for trouble in troubles] == ["down", "down"]


async def test_draining_gives_up_after_its_budget_and_says_what_is_left():
    async def send(items):
        await asyncio.Event().wait()

    gatherer = Gatherer(send, lambda error: None)
    for item in range(3):
        gatherer.add(item)
    assert await gatherer.drain(0.05) == 3


async def test_who_adds_can_wait_for_room():
    gate = asyncio.Event()

    async def send(items):
        await gate.wait()

    gatherer = Gatherer(send, lambda error: None, bound=2)
    gatherer.add(1)
    gatherer.add(2)
    waiting = asyncio.ensure_future(gatherer.wait_for_room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    gate.set()
    await asyncio.wait_for(waiting, 30)


def test_pauses_grow_with_jitter_up_to_a_longest():
    next_pause = pauses()
    drawn = [next_pause() for _ in range(20)]
    assert drawn[0] <= 0.05
    assert all(pause <= LONGEST_PAUSE for pause in drawn)
    assert all(pause >= LONGEST_PAUSE / 2 for pause in drawn[-5:])


async def test_an_error_that_nobody_expected_forgets_nothing_and_holds_up_nobody():
    sent, troubles = [], []

    async def send(items):
        if 3 in items:
            raise ValueError("a bug that one item meets")
        sent.extend(items)

    gatherer = Gatherer(send, troubles.append)
    for item in range(8):
        gatherer.add(item)
    async with asyncio.timeout(30):
        while len(sent) < 7:
            await asyncio.sleep(0.005)
    assert sorted(sent) == [0, 1, 2, 4, 5, 6, 7]
    assert gatherer.unsent == 1
    assert "a bug that one item meets" in str(troubles[0])
    assert await gatherer.drain(0.05) == 1
