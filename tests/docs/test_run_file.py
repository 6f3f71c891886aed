"""The page about the file of a run tells every name that stands in one, and every form that can be made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fired import REASONS, empty, evenly, record, rows
from forebay.load.reports.formats import FORMATS
from forebay.load.reports.series import csv_of
from forebay.load.results.figures import COLUMNS
from forebay.load.results.resampling import CONFIDENCE, DRAWS, FEWEST_BLOCKS
from forebay.load.results.runfile import SECOND_BITS, Writer
from forebay.load.shots.forms import FORMS


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "reference" / "run-file.md").read_text("utf-8")


@pytest.fixture(scope="module")
def told(page: str) -> set[str]:
    """Every name in the code type."""
    return set(re.findall(r"`\"?([a-z_0-9-]+)\"?`", page)) | set(re.findall(r'"([a-z_]+)"', page))


def test_every_name_in_the_file_of_a_run_is_told(tmp_path: Path, told: set[str]) -> None:
    run = empty()
    writer = Writer(tmp_path / "run", run, {}, 1.0)
    run.absorb(rows(evenly(1, 3), status=[200, -1, -2]), REASONS, ["a"])
    writer.close({})
    head, second, *_, end = map(json.loads, (tmp_path / "run").read_text().splitlines())
    names = {*head, *second, *second["of_plan"], *second["of_plan"]["response"], *end, *end["total"]}
    assert names - told - {"unit"} == set()


def test_every_column_of_the_csv_is_told(told: set[str]) -> None:
    head = csv_of(record(empty())).splitlines()[0].split(",")
    assert {name for name in head if not re.search(r"_seconds|_[234]xx", name)} - told == set()


def test_every_form_is_told(told: set[str]) -> None:
    assert {*FORMATS, *FORMS} - told == set()


def test_every_column_of_a_shot_is_told(told: set[str]) -> None:
    assert set(COLUMNS) - told == set()


def test_the_numbers_are_those_of_the_code(page: str) -> None:
    assert f"{DRAWS:,} times" in page
    assert f"in {CONFIDENCE * 100:.0f} of 100 cases" in page
    assert FEWEST_BLOCKS == 5
    assert "fewer than five blocks" in page
    assert f"second {SECOND_BITS} bits" in page.replace("\n", " ")
    assert f"{8 * len(COLUMNS)} bytes each" in page
