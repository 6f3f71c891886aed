"""The bare client: consume(500) and an asynchronous commit for each, nothing done with the messages."""

from __future__ import annotations

import asyncio
import sys
import time

from confluent_kafka import Consumer

from benchmarks.peers.filling import fill
from forebay.url import parse


def main(url: str, count: int) -> None:
    asyncio.run(fill(url, count))
    place = parse(url)
    consumer = Consumer(
        {
            "bootstrap.servers": place.host,
            "group.id": "raw",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([place.path])
    began, taken = 0.0, 0
    while taken < count:
        messages = consumer.consume(500, 1.0)
        if messages and not taken:
            began = time.perf_counter()
        for message in messages:
            if message.error():
                raise SystemExit(str(message.error()))
        taken += len(messages)
        if messages:
            consumer.commit(asynchronous=True)
    print(count / (time.perf_counter() - began))
    consumer.close()


main(sys.argv[1], int(sys.argv[2]))
