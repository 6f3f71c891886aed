"""Every published or twice computed value of the field that is known to us, each with its source: reference/*.csv.

The columns: an expression over the public names of forebay.theory, what it is, how far off it may be (relative, or
`digits` of the printed value), and where the value is from.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from forebay import theory

TABLES = sorted((Path(__file__).parent / "reference").glob("*.csv"))
ROWS = [
    pytest.param(row, id=f"{table.stem}:{row['expression']}")
    for table in TABLES
    for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())
]
NAMES = {name: getattr(theory, name) for name in theory.__all__} | {"math": math, "inf": math.inf}


@pytest.mark.parametrize("row", ROWS)
def test_it_agrees_with_the_reference(row):
    found = eval(row["expression"], dict(NAMES))
    assert found == pytest.approx(float(row["expected"]), abs=allowance(row)), row["source"]


def test_every_reference_has_a_source():
    assert ROWS
    assert all(row.values[0]["source"].strip() for row in ROWS)


def allowance(row):
    """How far off the value may be: half a unit of its last printed digit, or a share of it."""
    if row["tolerance"] == "digits":
        mantissa, _, exponent = row["expected"].lower().partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
        return 0.5001 * 10.0**-decimals
    return float(row["tolerance"]) * abs(float(row["expected"]))
