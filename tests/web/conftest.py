"""One browser for all tests of pages; missing, it skips them, and in CI fails them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from browser import Browser
from forebay.errors import Missing
from forebay.lab.servers.install import browser as program
from forebay.load.results.runfile import Record
from made_runs import made_run


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    try:
        program()
    except Missing as error:
        reason = f"{error.what}; {error.hint}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with Browser() as started:
        yield started


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Three seconds, as somebody's first try is."""
    return made_run(tmp_path_factory.mktemp("short"), 3)


@pytest.fixture(scope="session")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """An hour in which nearly everything happened."""
    statuses = {200: 0.95, 201: 0.01, 302: 0.01, 404: 0.01, 500: 0.005, 503: 0.005, -1: 0.005, -2: 0.005}
    return made_run(tmp_path_factory.mktemp("hour"), 3600, 30.0, statuses=statuses, tags=("orders", "rates", "users"))
