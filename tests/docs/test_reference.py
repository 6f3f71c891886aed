"""The reference tells what the code knows: no flag, setting, event, metric or error stays untold."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args
from urllib.request import urlopen

import click
import pytest

import forebay
from forebay import errors, events
from forebay.cli import COMMANDS, program
from forebay.intake.http import Limits
from forebay.lab.programs import Intake
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Features
from forebay.queue.registry import DRIVERS, driver_module
from forebay.settings import SETTINGS
from forebay.telemetry.metrics import Metrics

RECORD = "run: python -m pytest tests/queue/drivers --record-conformance; python docs/generate.py"
GENERATED = [
    "commands.md",
    "settings.md",
    "notation.md",
    "queues.md",
    "conformance.md",
    "events.md",
    "metrics.md",
    "errors.md",
    "log.md",
]


@pytest.mark.parametrize("name", GENERATED)
def test_a_committed_page_is_what_the_code_says_now(name: str, made_pages: dict[str, str], root: Path) -> None:
    committed = (root / "docs" / "reference" / name).read_text("utf-8")
    assert committed == made_pages[name], "the code has changed; run: python docs/generate.py"


def test_all_generated_pages_are_compared(made_pages: dict[str, str]) -> None:
    assert sorted(made_pages) == sorted(GENERATED)


def test_every_command_and_flag_is_told(made_pages: dict[str, str]) -> None:
    for called, command in _commands(program, "forebay"):
        _, _, section = made_pages["commands.md"].partition(f"# {called}\n")
        section = section.partition("\n## ")[0]
        flags = [flag for option in command.params if isinstance(option, click.Option) for flag in option.opts]
        assert section, called
        assert [flag for flag in flags if flag not in section] == [], called


def test_every_setting_is_told(made_pages: dict[str, str]) -> None:
    assert [s.name for s in SETTINGS if f"| `{s.name}` |" not in made_pages["settings.md"]] == []


def test_every_event_and_its_fields_are_told(made_pages: dict[str, str]) -> None:
    for event in get_args(events.Event):
        assert f"## {event.__name__}\n" in made_pages["events.md"]
        assert all(f"`{name}`" in made_pages["events.md"] for name in event.__struct_fields__)


def test_every_metric_is_told(made_pages: dict[str, str]) -> None:
    assert [m.name for m in Metrics().collect() if f"| `{m.name}" not in made_pages["metrics.md"]] == []


def test_every_error_is_told_and_stands_in_the_drawn_tree(made_pages: dict[str, str]) -> None:
    tree = inspect.getdoc(errors) or ""
    for name, error in vars(errors).items():
        if inspect.isclass(error):
            assert f"## {name}\n" in made_pages["errors.md"]
            assert name in tree


def test_every_driver_and_feature_is_told(made_pages: dict[str, str]) -> None:
    page = made_pages["queues.md"]
    assert all(f"`{scheme}://`" in page for scheme in DRIVERS)
    assert all(f"**{name.replace('_', ' ')}**: " in page for name in Features.__struct_fields__)


@pytest.mark.parametrize("page", ["kafka", "nats", "rabbitmq", "redis", "sqlite"])
def test_an_option_that_the_page_of_a_broker_tells_is_one_of_its_driver(page: str, root: Path) -> None:
    text = (root / "docs" / "brokers" / f"{page}.md").read_text("utf-8")
    tables = re.findall(r"^\| option \| .*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    told = {name for row in "".join(tables).splitlines() for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    scheme = {"rabbitmq": "amqp"}.get(page, page)
    assert told
    assert told <= set(driver_module(scheme).OPTIONS)


def test_what_the_suite_observed_is_of_all_its_tests_on_all_drivers_as_they_are_now(root: Path) -> None:
    observed = json.loads((root / "docs" / "reference" / "conformance.json").read_text("utf-8"))
    behaviours = {name for name in dir(ConformanceSuite) if name.startswith("test_")}
    assert set(observed) == {module.rpartition(".")[2] for module, _ in DRIVERS.values()}
    for driver, seen in observed.items():
        assert {name.partition("[")[0] for name in seen["behaviours"]} == behaviours, f"{driver}: {RECORD}"
        assert {result.partition(":")[0] for result in seen["behaviours"].values()} <= {"passed", "not declared"}


def test_every_behaviour_of_the_explanation_is_one_of_the_suite(root: Path) -> None:
    page = (root / "docs" / "explanation" / "conformance.md").read_text("utf-8")
    named = {f"test_{name}" for name in re.findall(r"`([a-z]+(?:_[a-z]+){3,})`", page)}
    assert len(named) > 50
    assert [name for name in named if not hasattr(ConformanceSuite, name)] == []


def test_the_limits_are_those_of_the_server(root: Path) -> None:
    page, limits = (root / "docs" / "reference" / "http.md").read_text("utf-8"), Limits()
    told = [f"{limits.max_body // 1024} KiB", f"{limits.max_url // 1024} KiB", f"{limits.max_header_bytes // 1024} KiB"]
    told += [f"{limits.max_headers} lines", f"{limits.max_connections:,}"]
    told += [f"{seconds:g} s" for seconds in (limits.receive_seconds, limits.idle_seconds, limits.send_seconds)]
    assert [limit for limit in told if limit not in page] == []


def test_every_status_that_an_intake_gives_is_told(root: Path, served: Callable[..., Intake]) -> None:
    page = (root / "docs" / "reference" / "http.md").read_text("utf-8")
    for arguments in (("orders",), ("orders", "--places", "0")):
        with urlopen(f"{served(*arguments).url}/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        statuses = {
            status for methods in paths.values() for method in methods.values() for status in method["responses"]
        }
        assert [status for status in sorted(statuses) if status not in page] == []


def test_every_public_name_is_told(root: Path) -> None:
    page = (root / "docs" / "reference" / "python.md").read_text("utf-8")
    assert [name for name in forebay.__all__ if f" {name}\n" not in page and f"forebay.{name}" not in page] == []


def _commands(group: click.Group, called: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    names = COMMANDS if group is program else list(group.commands)
    found = [(f"{called} {name}", group.get_command(context, name)) for name in names]
    return [
        pair
        for name, command in found
        if command is not None
        for pair in [(name, command), *(_commands(command, name) if isinstance(command, click.Group) else [])]
    ]
