"""FastStream on confluent-kafka with a handler that does nothing; prints messages a second.

The third argument says when it acknowledges: ``after`` the handler, as we do, or ``first``, its default, which loses.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

import uvloop
from faststream import AckPolicy
from faststream.confluent import KafkaBroker, KafkaMessage

from benchmarks.peers.filling import fill
from forebay.url import parse


async def bytes_as_they_are(message: KafkaMessage) -> bytes:
    """Spare FastStream the JSON: our handler takes bytes too."""
    return message.body


async def main(url: str, count: int, policy: AckPolicy) -> None:
    await fill(url, count)
    place = parse(url)
    broker = KafkaBroker(place.host, logger=None, apply_types=False, decoder=bytes_as_they_are)
    began, handled, last = 0.0, 0, asyncio.Event()

    @broker.subscriber(place.path, group_id="faststream", auto_offset_reset="earliest", ack_policy=policy)
    async def handler(body: bytes) -> None:
        nonlocal began, handled
        handled += 1
        if handled == 1:
            began = time.perf_counter()
        elif handled == count:
            last.set()

    await broker.start()
    await last.wait()
    print((count - 1) / (time.perf_counter() - began))
    await broker.stop()


logging.disable()
POLICIES = {"after": AckPolicy.ACK, "first": AckPolicy.ACK_FIRST}
uvloop.run(main(sys.argv[1], int(sys.argv[2]), POLICIES[sys.argv[3]]))
