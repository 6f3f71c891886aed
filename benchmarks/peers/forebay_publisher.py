"""A topic of ours, each publish with its own answer: ``URL COUNT IN-FLIGHT``; prints messages a second."""

from __future__ import annotations

import sys

import uvloop

from benchmarks.peers.filling import publish
from forebay.queue.opening import open_topic


async def main(url: str, count: int, in_flight: int) -> None:
    topic = await open_topic(url, deadline=60)
    meter = await publish(topic, count, in_flight)
    meter.show()
    print(topic.durability)
    await topic.close()


uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
