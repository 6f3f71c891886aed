from __future__ import annotations

import math
from collections import Counter

import pytest

from forebay.clock import ManualClock
from forebay.errors import UsageError
from forebay.message import Message, new_id
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver, Ending, Settlement
from forebay.queue.drivers import memory
from forebay.url import parse


class TestMemory(ConformanceSuite):
    features = memory.FEATURES
    clock = ManualClock()

    async def open(self, topic: str, **options: str) -> Driver:
        return await memory.connect(parse(f"memory://{topic}").with_options(**options), clock=self.clock)


async def test_one_name_is_one_queue_until_the_last_has_closed_it() -> None:
    first, second = await memory.connect(parse("memory://a")), await memory.connect(parse("memory://a?topic=a"))
    await first.publish([Message(new_id(), b"x")], math.inf)
    await first.close()
    assert (await second.counts()).waiting == 1
    await second.close()
    third = await memory.connect(parse("memory://a"))
    assert (await third.counts()).accepted == 0
    await third.close()


async def test_an_open_queue_keeps_its_discipline() -> None:
    queue = await memory.connect(parse("memory://a?discipline=lifo"))
    with pytest.raises(UsageError, match="lifo"):
        await memory.connect(parse("memory://a?discipline=fifo"))
    await (await memory.connect(parse("memory://a"))).close()
    await queue.close()


async def test_under_random_each_message_is_as_likely_to_be_the_next() -> None:
    queue = await memory.connect(parse("memory://a?discipline=random"))
    await queue.publish([Message(str(n), b"") for n in range(4)], math.inf)
    firsts: Counter[str] = Counter()
    for _ in range(4_000):
        deliveries = await queue.receive(1, 0)
        firsts[deliveries[0].message.id] += 1
        await queue.settle([Settlement(deliveries[0], Ending.RELEASE)])
    assert all(800 < count < 1_200 for count in firsts.values())  # seven standard deviations
    await queue.close()
