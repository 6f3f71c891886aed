"""confluent-kafka itself: ``publish|consume HOST:PORT NAME COUNT IN-FLIGHT``; prints messages a second.

Publishing: an idempotent producer that waits for all replicas, so many without an answer at most. Consuming:
consume(500) and an asynchronous commit for each, nothing done with the messages.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.peers.measuring import BODY

PARTITIONS = 4


def publish(host: str, name: str, count: int, in_flight: int) -> float:
    producer = Producer({"bootstrap.servers": host, "acks": "all", "enable.idempotence": True, "linger.ms": 1})
    answered = 0

    def heard(error: Any, message: Any) -> None:
        nonlocal answered
        if error is not None:
            sys.exit(str(error))
        answered += 1

    producer.produce(name, BODY, on_delivery=heard)
    producer.flush()  # it has found its way
    began, sent = time.perf_counter(), 1
    while answered < count:
        while sent < count and sent - answered < in_flight:
            producer.produce(name, BODY, on_delivery=heard)
            sent += 1
            if not sent % 64:
                producer.poll(0)
        producer.poll(0.1)
    return (count - 1) / (time.perf_counter() - began)


def consume(host: str, name: str, count: int) -> float:
    consumer = Consumer(
        {"bootstrap.servers": host, "group.id": "raw", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([name])
    began, taken = 0.0, 0
    while taken < count:
        messages = consumer.consume(min(500, count - taken), 1.0)  # it waits until there are so many
        if messages and not taken:
            began = time.perf_counter()
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
        taken += len(messages)
        if messages:
            consumer.commit(asynchronous=True)
    rate = count / (time.perf_counter() - began)
    consumer.close()
    return rate


def create(host: str, name: str) -> None:
    """Make a topic with so many partitions."""
    client = AdminClient({"bootstrap.servers": host})
    client.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)


def main(what: str, host: str, name: str, count: int, in_flight: int) -> None:
    create(host, name)
    rate = publish(host, name, count, 10_000 if what == "consume" else in_flight)
    print(consume(host, name, count) if what == "consume" else rate)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
