"""Several runs side by side: each with its difference to the first, and what of it may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from forebay.load.results.comparison import Comparison, Difference, compared
from forebay.load.results.runfile import Record
from forebay.web import showing
from forebay.web.markup import Child, Markup, element
from forebay.web.tables import table

_BETTER_WHERE_MORE = {"answered": True, "planned": None, "lag p99": None, "late p99": None}
"""Of all other figures less is better; None: neither."""


def differences(named: Sequence[tuple[str, Record]]) -> list[Markup]:
    """Return a table for each run but the first.

    Arguments:
        named: (name, record) of each; the first is what the others are compared with.
    """
    first, *others = (name for name, _ in named)
    found = compared([record for _, record in named])
    return [_beside(first, other, comparison) for other, comparison in zip(others, found, strict=True)]


def _beside(first: str, other: str, comparison: Comparison) -> Markup:
    names = [showing.short(first), showing.short(other)]
    rows = [_row(difference) for difference in comparison.differences]
    cautions = [element("p", f"Caution: {showing.short(caution)}", class_="caution") for caution in comparison.cautions]
    note = f"{comparison.method}. What varies from one run to the next shows when each is repeated."
    made = table(f"{names[1]} beside {names[0]}", ["figure", *names, "change", "beyond chance"], rows, note)
    return element("div", cautions, made, class_="beside")


def _row(found: Difference) -> list[Child]:
    return [found.figure.name, _show(found, found.first), _show(found, found.other), _change(found), str(found)]


def _show(found: Difference, value: float) -> str:
    return {"time": showing.time, "share": showing.share, "rate": showing.rate}[found.figure.kind](value)


def _change(found: Difference) -> Child:
    """Return the difference in percent of the first, of shares in points; coloured where it is more than chance."""
    points = found.figure.kind == "share"
    if math.isnan(found.difference) or not found.difference or not (points or found.first):
        return "–"
    more = found.difference > 0
    better = _BETTER_WHERE_MORE.get(found.figure.name, False)
    kind = "" if better is None or not found.certain else "good" if better is more else "bad"
    by = found.difference / (1.0 if points else found.first) * 100
    size = f"{by:+,.0f}" if abs(by) >= 100 else f"{by:+.3g}"
    return element(
        "span", f"{'▲' if more else '▼'} {size}{' points' if points else '%'}", class_=f"change {kind}".strip()
    )
