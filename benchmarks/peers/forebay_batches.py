"""A driver of ours by itself, in groups: ``publish|consume URL COUNT GROUP``; prints messages a second."""

from __future__ import annotations

import asyncio
import math
import sys
import time

import uvloop

from benchmarks.peers.measuring import BODY, Meter, measure
from forebay.message import Message, new_id
from forebay.queue.driver import Driver, Settlement
from forebay.queue.opening import open_driver

UNDER_WAY = 2
"""Groups at the same time: one is made while the other is written."""


async def publish(driver: Driver, meter: Meter, group: int) -> None:
    groups = iter(range(meter.count // group))

    async def keep_on() -> None:
        for _ in groups:
            answers = await driver.publish(_new(group), math.inf)
            meter.add(sum(isinstance(answer, str) for answer in answers))

    await asyncio.gather(*(keep_on() for _ in range(UNDER_WAY)))


async def consume(driver: Driver, meter: Meter, group: int) -> None:
    async def keep_on() -> None:
        while meter.counted < meter.count and (taken := await driver.receive(group, 0.1)):
            meter.add(sum(await driver.settle([Settlement(delivery) for delivery in taken])))

    await asyncio.gather(*(keep_on() for _ in range(UNDER_WAY)))


def _new(number: int) -> list[Message]:
    return [Message(new_id(), BODY, accepted_at=time.time()) for _ in range(number)]


async def main(what: str, url: str, count: int, group: int) -> None:
    driver = await open_driver(url)
    await measure(what, count, lambda meter: publish(driver, meter, group), lambda meter: consume(driver, meter, group))
    await driver.close()


uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
