"""What comes next on Redis: orders that change, disciplines, priorities; and messages of every size."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from driving import ids, messages, take
from forebay.errors import UsageError
from forebay.queue.driver import Ending, Settlement, State
from redis_drivers import opening


@pytest.fixture
async def opened(redis):
    async with opening(redis) as open_one:
        yield open_one


async def test_the_order_of_a_group_holds_whoever_publishes_and_can_be_changed_while_messages_wait(opened):
    publisher, plain = await opened(), await opened()
    sent = messages(4, key="k")
    await publisher.publish(sent, math.inf)
    [before] = await take(plain, 1)
    strict = await opened(order="key")
    assert list(await strict.receive(10, 0)) == []  # the first one is still out
    await plain.settle([Settlement(before, Ending.RETRY, 0.0)])
    for message in sent[:2]:
        taken = await strict.receive(10, 1.0)
        assert ids(taken) == [message.id]
        await strict.settle([Settlement(one) for one in taken])
    assert (await strict.counts()).waiting == 2
    free = await opened(order="none")
    assert ids(await free.receive(10, 1.0)) == [message.id for message in sent[2:]]


async def test_a_delay_outlives_a_change_of_the_order(opened):
    driver = await opened()
    [sent] = messages(1, key="k")
    await driver.publish([sent], math.inf)
    [delivery] = await take(driver, 1)
    await driver.settle([Settlement(delivery, Ending.RETRY, 60.0)])
    for order in ("key", "partition", "none"):
        await opened(order=order)
        assert (await driver.counts()).retrying == 1
        found = await driver.find(sent.id)
        assert found is not None
        assert found.state is State.RETRYING


async def test_large_messages_go_and_come_in_parts(opened):
    driver = await opened()
    sent = messages(20, body=b"x" * 2**20)
    assert list(await driver.publish(sent, math.inf)) == [message.id for message in sent]
    taken = await driver.receive(20, 1.0)
    assert 0 < len(taken) < 20
    assert ids([*taken, *await take(driver, 20 - len(taken))]) == [message.id for message in sent]


async def test_a_message_that_cannot_be_written_is_refused_and_the_others_are_accepted(opened):
    driver = await opened()
    good, huge, bad, worse = messages(4)
    batch = [huge.replace(priority=2**63), good, bad.replace(key="\ud800"), worse.replace(id="\ud800")]
    results = await driver.publish(batch, math.inf)
    assert [isinstance(result, UsageError) for result in results] == [True, False, True, True]
    [delivery] = await take(driver, 1)
    assert delivery.message.id == good.id
    assert list(await driver.settle([Settlement(delivery, Ending.DEAD, headers={"why": "\ud800"})])) == [True]
    assert [letter.message.headers for letter in await driver.dead_letters()] == [{"why": "\\ud800"}]


async def test_an_extreme_priority_is_sorted_with_the_most_extreme(opened):
    driver = await opened(discipline="priority")
    priorities = [-(2**63), -(2**31), -1, 0, 1, 2**31, 2**63 - 1]
    sent = [message.replace(priority=rank) for message, rank in zip(messages(7), priorities, strict=True)]
    await driver.publish(sent, math.inf)
    came = [delivery.message.priority for delivery in await take(driver, 7)]
    assert came == [2**31, 2**63 - 1, 1, 0, -1, -(2**63), -(2**31)]


async def test_under_random_each_message_is_as_likely_to_be_the_next(opened):
    driver = await opened(discipline="random")
    sent = messages(4)
    await driver.publish(sent, math.inf)
    firsts: Counter[str] = Counter()
    for _ in range(400):
        deliveries = await driver.receive(4, 0)
        firsts[deliveries[0].message.id] += 1
        await driver.settle([Settlement(delivery, Ending.RELEASE) for delivery in deliveries])
    assert all(40 < firsts[message.id] < 160 for message in sent)  # seven standard deviations


async def test_a_topic_that_is_not_empty_keeps_its_discipline(opened):
    driver = await opened()
    await driver.publish(messages(1), math.inf)
    with pytest.raises(UsageError, match="fifo"):
        await opened(discipline="lifo")
    await driver.settle([Settlement(one) for one in await take(driver, 1)])
    await opened(discipline="lifo")
