from __future__ import annotations

import pytest

from forebay.lab.servers import NATS
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.drivers.nats.driver import FEATURES
from forebay.url import URL, parse


class TestNATS(ConformanceSuite):
    features = FEATURES
    lease = 6.0  # whose end is waited for; longer than a busy machine stands still
    soon = 5.0
    too_large = 9_000_000
    moment = 0.1
    at_once = 12

    @pytest.fixture(autouse=True)
    def _broker(self, nats: NATS) -> None:
        self.broker = nats

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.broker.url}/{topic}").with_options(**options)
