from __future__ import annotations

from pathlib import Path

import pytest

from forebay.clock import ManualClock
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import sqlite
from forebay.url import parse


class TestSQLite(ConformanceSuite):
    features = sqlite.FEATURES
    clock = ManualClock()

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "queue.db"

    async def open(self, topic: str, **options: str) -> Driver:
        url = parse(f"sqlite:///{self.path}").with_options(topic=topic, **options)
        return await sqlite.connect(url, clock=self.clock)
