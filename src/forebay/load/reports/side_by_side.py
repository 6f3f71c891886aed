"""The comparison of runs for people, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from forebay.load.reports.columns import aligned
from forebay.load.results.comparison import Comparison, Difference, compared
from forebay.load.results.runfile import Record
from forebay.quantity import show_seconds

_REPEAT = (
    "The intervals know what varied within the runs; what varies from one run to the next shows when each is repeated."
)


def side_by_side(records: Sequence[Record]) -> str:
    """Return every run beside the first one, for people.

    Raises:
        UsageError: there are fewer than two.
    """
    return "\n".join("\n".join(_lines(comparison)) + "\n" for comparison in compared(records)) + f"\n{_REPEAT}\n"


def side_by_side_json(records: Sequence[Record]) -> str:
    """Return one line of JSON for every run but the first.

    Raises:
        UsageError: there are fewer than two.
    """
    return "".join(msgspec.json.encode(comparison.as_dict()).decode() + "\n" for comparison in compared(records))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield from (f"! {caution}" for caution in comparison.cautions)
    head = ("", comparison.first, comparison.other, "difference", "")
    rows = [(one.figure.name, *_shown(one), "") for one in comparison.differences]
    table = aligned([head, *rows])
    yield table[0]
    width = max(map(len, table))
    for line, one in zip(table[1:], comparison.differences, strict=True):
        yield f"{line:{width}}  {'*' if one.certain else ' '} {one}".rstrip()
    yield comparison.method


def _shown(one: Difference) -> tuple[str, str, str]:
    values = (_value(one, one.first), _value(one, one.other))
    change = abs(one.difference)
    if math.isnan(change):
        return *values, "-"
    sign = "+" if one.difference > 0 else "−" if one.difference < 0 else ""
    return *values, sign + (f"{change * 100:.3g} points" if one.figure.kind == "share" else _value(one, change))


def _value(one: Difference, value: float) -> str:
    if math.isnan(value):
        return "-"
    if one.figure.kind == "time":
        return show_seconds(value)
    return f"{value * 100:.3g}%" if one.figure.kind == "share" else f"{value:,.1f}/s"
