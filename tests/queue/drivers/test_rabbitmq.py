from __future__ import annotations

import pytest

from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers.rabbitmq import FEATURES
from forebay.url import URL, parse


class TestRabbitMQ(ConformanceSuite):
    features = FEATURES
    patience = 10.0
    moment = 0.1
    leases_end_by_time = False

    @pytest.fixture(autouse=True)
    def _broker(self, rabbitmq):
        self.broker = rabbitmq

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.broker.url}/{topic}?management={self.broker.management}").with_options(
            topic=topic, **options
        )

    async def die(self, driver: Driver) -> None:
        leave_without_a_word(driver)


def leave_without_a_word(driver: Driver) -> None:
    """Let go of the broker as a process that was killed."""
    driver._publishing.kill()
    driver._consuming.kill()
