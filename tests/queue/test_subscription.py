"""Deliveries under leases: credit, heartbeats, outages, cancellation, the end in two phases."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest

from forebay.clock import ManualClock
from forebay.errors import Unavailable
from forebay.events import LeaseLost, Stalled
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers import memory
from forebay.queue.opening import open_driver
from forebay.queue.subscription import MOST_FETCHED, Subscription


class Broker:
    """A driver with an endless queue, that notes what it is asked and fails when it is told to."""

    features = memory.FEATURES

    def __init__(self):
        self.numbers = itertools.count()
        self.most = math.inf
        self.asked: list[int] = []
        self.settled: list[tuple[str, Ending]] = []
        self.extended: list[set[str]] = []
        self.failures: list[str] = []
        self.error: Exception | None = None
        self.lost: set[str] = set()
        self.closed = False
        self.something = asyncio.Event()

    def _may(self, step):
        if step in self.failures:
            self.failures.remove(step)
            raise self.error or Unavailable(f"{step} failed")

    async def receive(self, limit, wait):
        self._may("receive")
        assert limit >= 1
        self.asked.append(limit)
        count = int(min(limit, self.most))
        self.most -= count
        if not count:
            await asyncio.sleep(0.01)
        return [Delivery(Message(str(next(self.numbers)), b""), 1, None) for _ in range(count)]

    async def settle(self, settlements):
        self._may("settle")
        self.settled += [(settlement.delivery.message.id, settlement.ending) for settlement in settlements]
        return [settlement.delivery.message.id not in self.lost for settlement in settlements]

    async def extend(self, deliveries):
        self._may("extend")
        self.extended.append({delivery.message.id for delivery in deliveries})
        self.something.set()

    async def close(self):
        self.closed = True


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
async def subscription(broker):
    subscription = Subscription("orders", broker)
    subscription.heard = []
    subscription.listeners = [subscription.heard.append]
    subscription.start()
    yield subscription
    await subscription.close(1)


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_nothing_is_fetched_before_somebody_takes(subscription, broker):
    await turns()
    assert broker.asked == []


async def test_no_more_is_fetched_than_is_wanted(subscription, broker):
    takers = [asyncio.ensure_future(subscription.take()) for _ in range(3)]
    deliveries = await asyncio.gather(*takers)
    await turns()
    assert sum(broker.asked) == 3
    assert [delivery.message.id for delivery in deliveries] == ["0", "1", "2"]
    assert subscription.in_hand == 3


async def test_a_taker_that_wishes_many_gets_one_and_finds_the_rest_ready(subscription, broker):
    subscription.wished_by_each = 10
    first = await subscription.take()
    ready = list(iter(subscription.take_now, None))
    assert [delivery.message.id for delivery in (first, *ready)] == [str(n) for n in range(10)]
    await turns()
    assert broker.asked == [10]


async def test_no_wish_is_large_enough_to_hoard_without_bound(subscription, broker):
    subscription.wished_by_each = 10**9
    await subscription.take()
    assert broker.asked == [MOST_FETCHED]


async def test_with_quick_takers_what_they_need_next_is_fetched_ahead(subscription, broker):
    async with asyncio.timeout(30):
        while max(broker.asked, default=0) <= 1:
            subscription.settle(Settlement(subscription.take_now() or await subscription.take()))


async def test_deliveries_are_handed_out_in_their_order(subscription, broker):
    got = [int((await subscription.take()).message.id) for _ in range(500)]
    assert got == list(range(500))


async def test_a_broker_that_fails_to_deliver_is_asked_again_and_it_is_told(subscription, broker):
    broker.failures = ["receive", "receive"]
    assert (await subscription.take()).message.id == "0"
    assert [(event.where, event.reason) for event in subscription.heard] == [("receive", "receive failed")] * 2
    assert all(isinstance(event, Stalled) for event in subscription.heard)


async def test_a_settlement_is_repeated_until_the_broker_has_heard_it(subscription, broker):
    broker.failures = ["settle", "settle"]
    subscription.settle(Settlement(await subscription.take()))
    assert subscription.in_hand == 1
    async with asyncio.timeout(30):
        while not broker.settled:
            await asyncio.sleep(0.005)
    assert broker.settled == [("0", Ending.DONE)]
    assert subscription.in_hand == 0


async def test_a_lease_that_was_lost_is_told(subscription, broker):
    broker.lost = {"0"}
    subscription.settle(Settlement(await subscription.take()))
    subscription.settle(Settlement(await subscription.take()))
    await turns()
    assert subscription.heard == [LeaseLost("orders", "0")]


async def test_a_taker_that_is_cancelled_while_it_waits_wants_nothing_any_more(subscription, broker):
    broker.most = 0
    taker = asyncio.ensure_future(subscription.take())
    await turns()
    taker.cancel()
    await asyncio.wait({taker})
    broker.most = math.inf
    await asyncio.sleep(0.05)  # the request that is under way may still bring one
    assert subscription.in_hand <= 1
    assert (await subscription.take()).message.id == "0"


async def test_a_taker_that_is_cancelled_with_a_delivery_loses_nothing(subscription, broker):
    taker = asyncio.ensure_future(subscription.take())
    await turns(1)
    while not subscription.in_hand:
        await asyncio.sleep(0)
        if subscription.in_hand:
            taker.cancel()  # it has been given one, and does not know it yet
    with pytest.raises(asyncio.CancelledError):
        await taker
    assert (await subscription.take()).message.id == "0"


async def test_takers_that_come_and_go_lose_nothing():
    driver = await open_driver("memory://cancelled")
    subscription = Subscription("cancelled", driver)
    subscription.start()
    await driver.publish([Message(f"{n:03}", b"") for n in range(200)], math.inf)
    got = []

    async def take(n):
        try:
            async with asyncio.timeout(0.0001 * (n % 7)):
                delivery = await subscription.take()
        except TimeoutError:
            return
        got.append(delivery.message.id)
        subscription.settle(Settlement(delivery))

    async with asyncio.timeout(30):
        while len(got) < 200:
            await asyncio.gather(*[take(n) for n in range(50)])
    await subscription.stop()
    counts = await driver.counts()
    assert sorted(got) == [f"{n:03}" for n in range(200)]
    await subscription.close()
    assert counts.lost == 0


async def test_a_stop_gives_back_what_nobody_has_begun(subscription, broker):
    subscription.wished_by_each = 4
    await subscription.take()
    await turns()
    await subscription.stop()
    assert await subscription.take() is None
    await subscription.close(1)
    assert broker.settled == [(str(n), Ending.RELEASE) for n in (1, 2, 3)]
    assert subscription.in_hand == 1  # the one that was taken is its taker's to end
    assert broker.closed


async def test_a_stop_wakes_who_waits_with_nothing_and_fetches_no_more(subscription, broker):
    broker.most = 0
    waiting = [asyncio.ensure_future(subscription.take()) for _ in range(3)]
    await turns()
    await subscription.stop()
    assert await asyncio.gather(*waiting) == [None, None, None]
    asked = len(broker.asked)
    await asyncio.sleep(0.03)
    assert len(broker.asked) == asked


async def test_the_close_tells_the_broker_all_that_has_ended(subscription, broker):
    broker.failures = ["settle"]
    subscription.settle(Settlement(await subscription.take()))
    assert await subscription.close(30) == 0
    assert broker.settled == [("0", Ending.DONE)]


async def test_the_close_gives_up_after_its_budget_and_says_how_many_endings_are_untold(subscription, broker):
    broker.failures = ["settle"] * 1000
    subscription.settle(Settlement(await subscription.take()))
    assert await subscription.close(0.05) == 1
    assert broker.closed


async def test_what_is_in_hand_keeps_its_lease_and_what_has_ended_does_not(broker):
    subscription = Subscription("orders", broker, lease=0.03)
    subscription.start()
    first, second = await subscription.take(), await subscription.take()
    subscription.settle(Settlement(first))
    async with asyncio.timeout(30):
        while not broker.settled:
            await asyncio.sleep(0)
    broker.extended.clear()  # a heartbeat from before: until the broker had heard of its end the first was in hand, too
    broker.something.clear()
    broker.failures = ["extend"]
    subscription.heard = []
    subscription.listeners = [subscription.heard.append]
    async with asyncio.timeout(30):
        await broker.something.wait()
    await subscription.close(1)
    assert all(extended == {second.message.id} for extended in broker.extended)
    assert [event.where for event in subscription.heard] == ["extend"]


async def test_heartbeats_keep_a_message_from_others_far_beyond_its_lease(tmp_path):
    """Leases end by a clock that the test moves, heartbeats come by that of the loop: a slow machine ends no lease."""
    url, clock = f"sqlite:///{tmp_path}/q.db?topic=t&lease=15s", ManualClock()
    one, other = await open_driver(url, clock=clock), await open_driver(url, clock=clock)
    renewed, renew = asyncio.Event(), one.extend

    async def extend(deliveries):
        await renew(deliveries)
        renewed.set()

    one.extend = extend
    await one.publish([Message("long", b"")], math.inf)
    subscription = Subscription("t", one, lease=0.03)
    subscription.start()
    delivery = await subscription.take()
    for _ in range(4):
        clock.advance(10)
        for _ in range(2):  # the first may have begun before the clock was moved
            renewed.clear()
            async with asyncio.timeout(30):
                await renewed.wait()
        assert await other.receive(1, 0) == []
    subscription.settle(Settlement(delivery))
    assert await subscription.close(30) == 0
    counts = await other.counts()
    await other.close()
    assert (counts.done, counts.in_work) == (1, 0)


async def test_without_heartbeats_a_message_goes_to_others_when_its_lease_ends(tmp_path):
    url = f"sqlite:///{tmp_path}/q.db?topic=t&lease=300ms"
    one, other = await open_driver(url), await open_driver(url)
    await one.publish([Message("long", b"")], math.inf)
    await one.receive(1, 30.0)
    (again,) = await other.receive(1, 30.0)
    assert (again.message.id, again.attempt) == ("long", 2)
    await one.close()
    await other.close()


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_a_retry_comes_to_a_receiver_that_waited_before_it_was_asked_for(tmp_path, scheme):
    driver = await open_driver("memory://again" if scheme == "memory" else f"sqlite:///{tmp_path}/q.db?topic=t")
    await driver.publish([Message("x", b"")], math.inf)
    (first,) = await driver.receive(1, 30)
    waiting = asyncio.ensure_future(driver.receive(1, 60))
    await asyncio.sleep(0.05)
    await driver.settle([Settlement(first, Ending.RETRY, 0.01)])
    async with asyncio.timeout(30):
        (second,) = await waiting
    assert second.attempt == 2
    await driver.close()


async def test_a_message_that_has_ended_keeps_its_lease_until_the_broker_has_heard_it(broker):
    subscription = Subscription("orders", broker, lease=0.03)
    broker.failures = ["settle"] * 1000
    subscription.start()
    subscription.settle(Settlement(await subscription.take()))
    async with asyncio.timeout(30):
        await broker.something.wait()
    broker.failures.clear()
    await subscription.close(30)
    assert broker.extended[0] == {"0"}
    assert broker.settled == [("0", Ending.DONE)]


async def test_an_error_of_a_driver_that_nobody_expected_ends_neither_fetching_nor_heartbeats(broker):
    subscription = Subscription("orders", broker, lease=0.03)
    subscription.heard = []
    subscription.listeners = [subscription.heard.append]
    broker.error = KeyError("a bug")
    broker.failures = ["receive", "extend"]
    subscription.start()
    await subscription.take()
    async with asyncio.timeout(30):
        await broker.something.wait()
    await subscription.close(1)
    assert [(event.where, event.reason) for event in subscription.heard] == [
        ("receive", "KeyError('a bug')"),
        ("extend", "KeyError('a bug')"),
    ]


async def test_while_it_is_held_nothing_is_fetched_and_what_nobody_began_is_given_back(subscription, broker):
    subscription.wished_by_each = 4
    await subscription.take()
    await turns()
    await subscription.hold()
    assert broker.settled == [(str(n), Ending.RELEASE) for n in (1, 2, 3)]
    waiting = asyncio.ensure_future(subscription.take())
    await asyncio.sleep(0.03)
    assert not waiting.done()
    subscription.go_on()
    assert (await waiting).message.id == "4"
