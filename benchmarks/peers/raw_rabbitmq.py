"""aiormq itself, on a quorum queue: ``publish|consume HOST:PORT NAME COUNT IN-FLIGHT``; prints messages a second.

Publishing: so many coroutines, each waits for the broker's confirm before its next message. Consuming: a prefetch of so
many, acknowledged by multiple acks, each for a quarter of it.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any

import aiormq
import uvloop
from pamqp.commands import Basic

from benchmarks.peers.measuring import BODY, Meter, measure


async def publish(channel: Any, name: str, count: int, in_flight: int, meter: Meter) -> None:
    persistent, left = Basic.Properties(delivery_mode=2), count

    async def lane() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await channel.basic_publish(BODY, routing_key=name, properties=persistent)
            meter.add()

    await asyncio.gather(*(lane() for _ in range(in_flight)))


async def consume(channel: Any, name: str, count: int, in_flight: int, meter: Meter) -> None:
    await channel.basic_qos(prefetch_count=in_flight)
    every = max(1, in_flight // 4)

    async def take(message: Any) -> None:
        meter.add()
        if meter.counted % every == 0 or meter.counted == count:
            await channel.basic_ack(message.delivery_tag, multiple=True)

    await channel.basic_consume(name, take)
    await meter.full()


async def main(what: str, host: str, name: str, count: int, in_flight: int) -> None:
    connection = await aiormq.connect(f"amqp://guest:guest@{host}/")
    channel = await connection.channel()
    await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    of_all = (channel, name, count, in_flight)
    await measure(what, count, partial(publish, *of_all), partial(consume, *of_all))
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
