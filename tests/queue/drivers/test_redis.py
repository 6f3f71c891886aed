from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from hypothesis import settings

from forebay.clock import ManualClock
from forebay.lab.servers import Redis
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.drivers import redis as driver_of_redis
from forebay.url import URL, parse


class Everysec(Redis):
    """Syncs once a second: a search through many histories need not wait for the disk at each step."""

    settings: ClassVar[Mapping[str, str]] = {"appendfsync": "everysec"}


@pytest.fixture(scope="module")
def everysec(own_servers):
    return own_servers(Everysec)


class TestRedis(ConformanceSuite):
    """With a clock that stands in for the server's."""

    features = driver_of_redis.FEATURES
    clock = ManualClock()
    search = settings(ConformanceSuite.search, max_examples=12)  # each step is a few turns to a server and back

    @pytest.fixture(autouse=True)
    def _server(self, everysec):
        self.server = everysec

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.server.url}/{topic}?timeout=30s").with_options(**options)


class TestRedisByItsOwnTime(ConformanceSuite):
    """With the time of the server."""

    features = driver_of_redis.FEATURES
    lease = 1.5
    at_once = 4

    @pytest.fixture(autouse=True)
    def _server(self, redis):
        self.server = redis

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.server.url}/{topic}?timeout=30s").with_options(**options)
