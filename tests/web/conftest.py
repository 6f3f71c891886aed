"""Runs of load tests for the tests of their pages."""

from __future__ import annotations

import pytest

from forebay.load.results.runfile import Record
from made_runs import made_run


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Three seconds, as somebody's first try is."""
    return made_run(tmp_path_factory.mktemp("short"), 3)


@pytest.fixture(scope="session")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """An hour in which nearly everything happened."""
    statuses = {200: 0.95, 201: 0.01, 302: 0.01, 404: 0.01, 500: 0.005, 503: 0.005, -1: 0.005, -2: 0.005}
    return made_run(tmp_path_factory.mktemp("hour"), 3600, 30.0, statuses=statuses, tags=("orders", "rates", "users"))
