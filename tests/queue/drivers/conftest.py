"""Records what the suite observed of each driver, for the documents.

    python -m pytest tests/queue/drivers --record-conformance

A driver is written anew when all its tests ran and none failed; the others stay as they were.
"""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import at_once
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.registry import DRIVERS

RECORD = Path(__file__).parents[3] / "docs" / "reference" / "conformance.json"
NAMES = {module.rpartition(".")[2] for module, _ in DRIVERS.values()}
BEHAVIOURS = {name for name, _ in inspect.getmembers(ConformanceSuite, inspect.isfunction) if name.startswith("test_")}

observed: dict[str, dict[str, str]] = defaultdict(dict)
noted: dict[str, dict[str, bool]] = defaultdict(dict)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-conformance", action="store_true", help=f"write what was observed to {RECORD.name}")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    return at_once.run(pyfuncitem) or None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Any:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    driver = _driver_of(item)
    if driver is None or (report.when != "call" and report.passed):
        return
    if report.skipped and isinstance(report.longrepr, tuple):
        observed[driver][item.name] = f"not declared: {report.longrepr[2].partition('does not declare: ')[2]}"
    else:
        observed[driver][item.name] = report.outcome
    noted[driver] |= dict(report.user_properties)


def pytest_sessionfinish(session: pytest.Session) -> None:
    at_once.give_up()
    if session.config.getoption("--record-conformance", False):
        known = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        for driver, results in observed.items():
            if "failed" not in results.values() and {_plain(name) for name in results} >= BEHAVIOURS:
                behaviours = {name: result for name, result in sorted(results.items()) if _plain(name) in BEHAVIOURS}
                known[driver] = {"noted": noted[driver], "behaviours": behaviours}
        RECORD.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")


def _driver_of(item: pytest.Item) -> str | None:
    """Return the driver that a class of tests is named after, as TestKafka is; others look at it in other ways."""
    suite = getattr(item, "cls", None)
    if suite is None or not issubclass(suite, ConformanceSuite):
        return None
    name = suite.__name__.removeprefix("Test").lower()
    return name if name in NAMES else None


def _plain(name: str) -> str:
    return name.partition("[")[0]
