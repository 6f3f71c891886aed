from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
import redis.asyncio as client
from hypothesis import settings

from forebay.clock import ManualClock
from forebay.lab.servers import Redis
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import redis as driver_of_redis
from forebay.queue.drivers.redis.scripts import key_of
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
    lease = 6.0  # whose end is waited for; longer than a busy machine stands still
    soon = 5.0
    at_once = 12

    @pytest.fixture(autouse=True)
    def _server(self, redis):
        self.server = redis

    async def die(self, driver: Driver) -> None:
        """Set back the ends of the leases, rather than wait for them."""
        async with client.Redis(port=self.server.port) as raw:
            async for key in raw.scan_iter(f"{key_of(self.topic)}:*:leases"):
                ends = await raw.zrange(key, 0, -1, withscores=True)
                await raw.zadd(key, {lease: end - self.lease for lease, end in ends})

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.server.url}/{topic}?timeout=30s").with_options(**options)
