from __future__ import annotations

from forebay.clock import ManualClock
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import memory
from forebay.url import parse


class TestMemory(ConformanceSuite):
    features = memory.FEATURES
    clock = ManualClock()

    async def open(self, topic: str, **options: str) -> Driver:
        return await memory.connect(parse(f"memory://{topic}").with_options(**options), clock=self.clock)
