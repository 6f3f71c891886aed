"""A pool of ours with a handler that does nothing: ``URL COUNT``; prints messages a second to the last settled."""

# ruff: noqa: ASYNC110 - nothing tells when this is so
from __future__ import annotations

import asyncio
import sys

import uvloop

from benchmarks.peers.filling import publish
from benchmarks.peers.measuring import Meter
from forebay.queue.opening import open_driver, open_topic
from forebay.queue.subscription import Subscription
from forebay.workers.handler import Handler
from forebay.workers.pool import Pool


async def main(url: str, count: int) -> None:
    topic = await open_topic(url, deadline=60)
    await publish(topic, count, 5_000)
    await topic.close()
    meter = Meter(count)

    async def handler(body: bytes) -> None:
        meter.add()

    subscription = Subscription("orders", await open_driver(url))
    pool = Pool(subscription, Handler(handler), workers=16)
    pool.start()
    await meter.full()
    while subscription.in_hand:  # the last settlements belong to the work
        await asyncio.sleep(0.001)
    meter.show()
    await pool.stop()


uvloop.run(main(sys.argv[1], int(sys.argv[2])))
