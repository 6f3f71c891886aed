from __future__ import annotations

import pytest
from hypothesis import settings

from forebay.clock import ManualClock
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.drivers import redis as driver_of_redis
from forebay.url import URL, parse


class TestRedis(ConformanceSuite):
    """With a clock that stands in for the server's."""

    features = driver_of_redis.FEATURES
    clock = ManualClock()
    search = settings(ConformanceSuite.search, max_examples=12)  # each step is a few turns to a server and back

    @pytest.fixture(autouse=True)
    def _server(self, redis):
        self.server = redis

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.server.url}/{topic}").with_options(**options)


class TestRedisByItsOwnTime(ConformanceSuite):
    """With the time of the server."""

    features = driver_of_redis.FEATURES
    lease = 1.5
    at_once = 4

    @pytest.fixture(autouse=True)
    def _server(self, redis):
        self.server = redis

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.server.url}/{topic}").with_options(**options)
