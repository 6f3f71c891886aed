"""What the charts of a page are drawn from: one run as numbers, few enough for a page however long it was.

Times are in microseconds, with four digits. Lists with the same number of entries as there are columns are over time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from forebay.histogram import Histogram
from forebay.load.results.run import Run
from forebay.web.columns import Column, columns

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)
_STATUSES = 10
"""So many get a colour; the rarest others are summed up."""
_POINTS_A_DECADE = 16
_SMOOTH_COLUMNS = 300
"""More columns than this are too narrow for fine rows, and make a page too large."""


def material(name: str, run: Run, at_most: int) -> dict[str, Any]:
    """Return the numbers of one run, in a form that JSON can hold.

    Arguments:
        name: of the run.
        run: as it was read.
        at_most: how many columns there may be.
    """
    width, made = columns(run, at_most)
    bits = 3 if len(made) <= _SMOOTH_COLUMNS else 2
    total = ("planned", "sent", "answered", "refused", "unknown", "failed")
    return {
        "name": name,
        **{told: getattr(run, told) for told in ("url", "profile", "started_at", "elapsed_seconds")},
        "total": {told: getattr(run.total, told) for told in total},
        "width": width,
        "seconds": [column.seconds for column in made],
        "planned": [column.sum.planned for column in made],
        "sent": [column.sum.sent for column in made],
        "answered": [column.sum.answered.total() for column in made],
        "failed": [column.failed for column in made],
        "waiting": [column.waiting for column in made],
        "awaited": [column.awaited for column in made],
        "statuses": _statuses(made),
        "bits": bits,
        "response": _over_time([column.sum.of_plan.response for column in made], bits),
        "service": _over_time([column.sum.of_plan.service for column in made], bits),
        "lag": _percentiles([column.sum.of_plan.lag for column in made], (50, 99)),
        "late": _percentiles([column.sum.of_plan.late for column in made], (50, 99)),
        "curve": {"response": _curve(run.response), "service": _curve(run.service)},
    }


def _over_time(histograms: Sequence[Histogram], bits: int) -> dict[str, Any]:
    return {
        "percentiles": _percentiles(histograms, PERCENTILES),
        "cells": [_cells(histogram.coarser(bits)) for histogram in histograms],
    }


def _percentiles(histograms: Sequence[Histogram], which: Sequence[float]) -> list[list[float | None]]:
    """Return one list over time for each percentile."""
    rows = [histogram.percentiles(which) for histogram in histograms]
    return [[_microseconds(row[i]) for row in rows] for i in range(len(which))]


def _cells(histogram: Histogram) -> list[int]:
    """Return the number of the first cell that is not empty, and the counts from there on; [] when all are."""
    counts = histogram.counts
    if not counts:
        return []
    first, last = min(counts), max(counts)
    return [first, *(counts.get(cell, 0) for cell in range(first, last + 1))]


def _curve(histogram: Histogram) -> list[list[float | None]]:
    """Return the list of x = 1/(1 − share), and that of the durations that this share does not exceed."""
    count = histogram.count
    if not count:
        return [[], []]
    steps = math.floor(math.log10(count) * _POINTS_A_DECADE)
    xs = [10 ** (step / _POINTS_A_DECADE) for step in range(steps + 1)]
    xs += [count] if count > xs[-1] else []
    found = histogram.percentiles([100 * (1 - 1 / x) for x in xs[:-1]] + [100])
    return [[float(f"{x:.5g}") for x in xs], [_microseconds(seconds) for seconds in found]]


def _statuses(made: Iterable[Column]) -> list[dict[str, Any]]:
    """Return what ended in each column, by status and by the two ends that have none; what never came is left out."""
    made = list(made)
    total: Counter[int] = Counter()
    for column in made:
        total.update(column.sum.answered)
    shown = sorted(status for status, _ in total.most_common(_STATUSES))
    rows = [{"name": str(status), "counts": [column.sum.answered[status] for column in made]} for status in shown]
    if len(total) > len(shown):
        others = [column.sum.answered.total() - sum(column.sum.answered[s] for s in shown) for column in made]
        rows.append({"name": "other", "counts": others})
    rows += [
        {"name": "unknown", "counts": [column.sum.unknown for column in made]},
        {"name": "refused", "counts": [column.sum.refused for column in made]},
    ]
    return [row for row in rows if any(row["counts"])]


def _microseconds(seconds: float) -> float | None:
    if math.isnan(seconds):
        return None
    rounded = float(f"{max(seconds * 1e6, 0.001):.4g}")  # a logarithmic axis has no 0
    return int(rounded) if rounded.is_integer() else rounded
