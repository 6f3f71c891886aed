import asyncio

import pytest

from forebay.message import Message
from forebay.queue.driver import Delivery
from forebay.workers import story
from forebay.workers.policies import RetryPolicy
from forebay.workers.suspects import Suspects


class Subscription:
    def __init__(self):
        self.calls = []
        self.held = asyncio.Event()
        self.held.set()

    async def hold(self):
        self.calls.append("hold")
        await self.held.wait()

    def go_on(self):
        self.calls.append("go on")


class Rig:
    def __init__(self):
        self.subscription, self.released = Subscription(), []
        self.suspects = Suspects(self.subscription, RetryPolicy(attempts=5), self.released.append)

    async def work(self):
        self.subscription.calls.append("work")


@pytest.fixture
def rig():
    return Rig()


def delivery(attempt=5, judged=None):
    headers = {} if judged is None else {story.ATTEMPTS: str(judged)}
    return Delivery(Message(f"attempt-{attempt}", b"", headers=headers), attempt, None)


async def test_suspect_is_the_last_attempt_after_one_that_nobody_judged(rig):
    assert delivery(5) in rig.suspects
    assert delivery(5, judged=3) in rig.suspects
    assert delivery(5, judged=4) not in rig.suspects  # its handler said what was wrong, so it did not kill
    assert delivery(4) not in rig.suspects
    assert delivery(1) not in Suspects(rig.subscription, RetryPolicy(attempts=1), rig.released.append)


async def test_a_suspect_is_tried_while_nothing_else_is_begun(rig):
    await rig.suspects.try_alone(delivery(), rig.work)
    assert rig.subscription.calls == ["hold", "work", "go on"]


async def test_a_second_suspect_is_given_back(rig):
    rig.subscription.held.clear()
    first = asyncio.ensure_future(rig.suspects.try_alone(delivery(), rig.work))
    await asyncio.sleep(0)
    second = delivery()
    await rig.suspects.try_alone(second, rig.work)
    rig.subscription.held.set()
    await first
    assert rig.released == [second]
    assert rig.subscription.calls == ["hold", "work", "go on"]


async def test_a_suspect_whose_worker_is_stopped_first_is_given_back(rig):
    rig.subscription.held.clear()
    suspect = delivery()
    trying = asyncio.ensure_future(rig.suspects.try_alone(suspect, rig.work))
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert rig.released == [suspect]
    assert rig.subscription.calls == ["hold", "go on"]


async def test_of_a_list_the_first_suspect_is_chosen_and_the_rest_given_back(rig):
    fresh, one, other = delivery(1), delivery(), delivery()
    assert rig.suspects.first_of([fresh, one, other]) is one
    assert rig.released == [fresh, other]
    assert rig.suspects.first_of([fresh]) is None
