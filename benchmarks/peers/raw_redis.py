"""redis-py itself, on a stream: ``publish|consume HOST:PORT NAME COUNT IN-FLIGHT``; prints messages a second.

Publishing: XADD in pipelines, two of them under way, each with half of what may be in flight. Consuming: XREADGROUP of
so many at once, and the XACK of the last ones in the same round trip as the next read.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any

import uvloop
from redis.asyncio import Redis

from benchmarks.peers.measuring import BODY, Meter, measure


async def publish(client: Redis, name: str, count: int, in_flight: int, meter: Meter) -> None:
    async def lane() -> None:
        while meter.counted < count:
            pipeline = client.pipeline(transaction=False)
            for _ in range(in_flight // 2):
                pipeline.xadd(name, {"body": BODY})
            await pipeline.execute()
            meter.add(in_flight // 2)

    await asyncio.gather(lane(), lane())


async def consume(client: Redis, name: str, count: int, in_flight: int, meter: Meter) -> None:
    await client.xgroup_create(name, "raw", "0")
    done: list[Any] = []
    while meter.counted < count or done:
        pipeline = client.pipeline(transaction=False)
        if done:
            pipeline.xack(name, "raw", *done)
        if meter.counted < count:
            pipeline.xreadgroup("raw", "one", {name: ">"}, count=in_flight)
        *_, read = await pipeline.execute()
        done = [place for place, _ in read[0][1]] if read and not isinstance(read, int) else []
        if done:
            meter.add(len(done))


async def main(what: str, host: str, name: str, count: int, in_flight: int) -> None:
    address, port = host.split(":")
    async with Redis(host=address, port=int(port)) as client:
        of_all = (client, name, count, in_flight)
        await measure(what, count, partial(publish, *of_all), partial(consume, *of_all))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
