"""nats-py itself, on a stream: ``publish|consume HOST:PORT NAME COUNT IN-FLIGHT``; prints messages a second.

Publishing: in atomic batches of half of what may be in flight, two of them under way, which is the quickest that a
server that syncs offers; ``publish-singly`` is `publish_async`, what the client has by itself. Consuming: a pull
subscription, so many at once, each acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from functools import partial
from typing import Any

import nats
import uvloop
from nats.js.api import StreamConfig

from benchmarks.peers.measuring import BODY, Meter, measure


async def publish(client: Any, name: str, count: int, in_flight: int, meter: Meter) -> None:
    async def lane() -> None:
        size = in_flight // 2
        while meter.counted < count:
            headers = {"Nats-Batch-Id": uuid.uuid4().hex}
            for number in range(1, size):
                await client.publish(name, BODY, headers={**headers, "Nats-Batch-Sequence": str(number)})
            last = {**headers, "Nats-Batch-Sequence": str(size), "Nats-Batch-Commit": "1"}
            answer = await client.request(name, BODY, timeout=60, headers=last)
            if b"error" in answer.data:
                sys.exit(answer.data.decode())
            meter.add(size)

    await asyncio.gather(lane(), lane())


async def publish_singly(client: Any, name: str, count: int, in_flight: int, meter: Meter) -> None:
    stream = client.jetstream(publish_async_max_pending=in_flight)
    for _ in range(count):
        future = await stream.publish_async(name, BODY, wait_stall=60)
        future.add_done_callback(lambda future: future.result() and meter.add())
    await stream.publish_async_completed()


async def consume(client: Any, name: str, count: int, in_flight: int, meter: Meter) -> None:
    subscription = await client.jetstream().pull_subscribe(name, "raw", stream=name)
    while meter.counted < count:
        messages = await subscription.fetch(in_flight, timeout=30)
        for message in messages:
            await message.ack()
        meter.add(len(messages))
    await client.flush()


async def connected(host: str, name: str) -> Any:
    """Return a client, and see that there is a stream of this name."""
    client = await nats.connect(f"nats://{host}", pending_size=64 << 20)
    config = StreamConfig(name=name, subjects=[name], allow_atomic=True)
    await client.jetstream().add_stream(config)
    return client


async def main(what: str, host: str, name: str, count: int, in_flight: int) -> None:
    client = await connected(host, name)
    of_all = (client, name, count, in_flight)
    way = publish_singly if what == "publish-singly" else publish
    await measure(what, count, partial(way, *of_all), partial(consume, *of_all))
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
