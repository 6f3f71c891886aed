"""Puts the messages of a measurement into a queue by forebay."""

from __future__ import annotations

import time

from benchmarks.peers.measuring import BODY, Meter
from forebay.errors import ForebayError
from forebay.message import Message, new_id
from forebay.queue.topic import Topic


async def publish(topic: Topic, count: int, in_flight: int) -> Meter:
    """Publish so many messages, so many in flight, and return the meter when the last one is durable."""
    meter, left = Meter(count), count

    def send() -> None:
        nonlocal left
        if left:
            left -= 1
            topic.publish_soon(Message(new_id(), BODY, accepted_at=time.time()), heard)

    def heard(answer: str | ForebayError) -> None:
        if isinstance(answer, ForebayError):
            meter.fail(answer)
        else:
            meter.add()
            send()

    for _ in range(in_flight):
        send()
    await meter.full()
    return meter
