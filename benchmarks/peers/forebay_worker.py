"""A pool of ours with a handler that does nothing; prints messages a second from the first to the last."""

# ruff: noqa: ASYNC110 - nothing tells when this is so
from __future__ import annotations

import asyncio
import sys
import time

import uvloop

from benchmarks.peers.filling import fill
from forebay.queue.opening import open_driver
from forebay.queue.subscription import Subscription
from forebay.workers.handler import Handler
from forebay.workers.pool import Pool


async def main(url: str, count: int) -> None:
    await fill(url, count)
    began, handled, last = 0.0, 0, asyncio.Event()

    async def handler(body: bytes) -> None:
        nonlocal began, handled
        handled += 1
        if handled == 1:
            began = time.perf_counter()
        elif handled == count:
            last.set()

    subscription = Subscription("orders", await open_driver(url))
    pool = Pool(subscription, Handler(handler), workers=16)
    pool.start()
    await last.wait()
    while subscription.in_hand:  # the last settlements belong to the work
        await asyncio.sleep(0.001)
    print((count - 1) / (time.perf_counter() - began))
    await pool.stop()


uvloop.run(main(sys.argv[1], int(sys.argv[2])))
