"""FastStream with a handler that does nothing: ``URL COUNT after|first``; prints messages a second.

The third argument says when it acknowledges: ``after`` the handler, as we do, or ``first``, as it does on Kafka when
nobody says anything, which loses. Messages were put in by the bare client (on Redis by FastStream, whose format it is).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import aiormq
import uvloop
from faststream import AckPolicy

from benchmarks.peers import raw_kafka, raw_nats, raw_rabbitmq
from benchmarks.peers.measuring import BODY, Meter
from forebay.url import parse

AT_ONCE = 16
FETCHED = 256


async def bytes_as_they_are(message: Any) -> Any:
    """Spare FastStream the JSON: our handler takes bytes too."""
    return message.body


OPTIONS: dict[str, Any] = {"logger": None, "apply_types": False, "decoder": bytes_as_they_are}


async def on_kafka(host: str, name: str, count: int, policy: AckPolicy) -> tuple[Any, Any]:
    from faststream.confluent import KafkaBroker

    raw_kafka.create(host, name)
    raw_kafka.publish(host, name, count, 10_000)
    broker = KafkaBroker(host, **OPTIONS)
    return broker, broker.subscriber(name, group_id="faststream", auto_offset_reset="earliest", ack_policy=policy)


async def on_nats(host: str, name: str, count: int, policy: AckPolicy) -> tuple[Any, Any]:
    from faststream.nats import JStream, NatsBroker, PullSub

    client = await raw_nats.connected(host, name)
    await raw_nats.publish(client, name, count, 512, Meter(count))
    await client.close()
    broker = NatsBroker(f"nats://{host}", **OPTIONS)
    return broker, broker.subscriber(
        name,
        stream=JStream(name, declare=False),
        durable="faststream",
        pull_sub=PullSub(FETCHED),
        max_workers=AT_ONCE,
        ack_policy=policy,
    )


async def on_rabbitmq(host: str, name: str, count: int, policy: AckPolicy) -> tuple[Any, Any]:
    from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

    connection = await aiormq.connect(f"amqp://guest:guest@{host}/")
    channel = await connection.channel()
    await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    await raw_rabbitmq.publish(channel, name, count, 512, Meter(count))
    await connection.close()
    broker = RabbitBroker(f"amqp://guest:guest@{host}/", default_channel=Channel(prefetch_count=FETCHED), **OPTIONS)
    queue = RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True)
    return broker, broker.subscriber(queue, ack_policy=policy)


async def on_redis(host: str, name: str, count: int, policy: AckPolicy) -> tuple[Any, Any]:
    from faststream.redis import RedisBroker, StreamSub

    broker = RedisBroker(f"redis://{host}", **OPTIONS)
    await broker.connect()
    for _ in range(0, count, 50):
        await asyncio.gather(*(broker.publish(BODY, stream=name) for _ in range(50)))
    stream = StreamSub(name, group="faststream", consumer="one", last_id="0", max_records=FETCHED)
    return broker, broker.subscriber(stream=stream, max_workers=AT_ONCE, ack_policy=policy)


async def main(url: str, count: int, policy: AckPolicy) -> None:
    place = parse(url)
    prepare = {"kafka": on_kafka, "nats": on_nats, "amqp": on_rabbitmq, "redis": on_redis}[place.scheme]
    broker, subscriber = await prepare(place.host, place.path, count, policy)
    meter = Meter(count)

    @subscriber
    async def handler(body: bytes) -> None:
        meter.add()

    await broker.start()
    await meter.full()
    meter.show()
    await broker.stop()


logging.disable()
POLICIES = {"after": AckPolicy.ACK, "first": AckPolicy.ACK_FIRST}
uvloop.run(main(sys.argv[1], int(sys.argv[2]), POLICIES[sys.argv[3]]))
