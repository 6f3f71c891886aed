from __future__ import annotations

import asyncio

import pytest

from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import kafka
from forebay.queue.drivers.kafka.driver import FEATURES
from forebay.url import parse


class TestKafka(ConformanceSuite):
    features = FEATURES
    patience = 15.0
    moment = 0.1

    @pytest.fixture(autouse=True)
    def _broker(self, kafka):
        self.broker = kafka.url

    async def open(self, topic: str, **options: str) -> Driver:
        url = parse(f"{self.broker}/{topic}?partitions=2").with_options(**options)
        return await kafka.connect(url)

    async def die(self, driver: Driver) -> None:
        await driver.close()
