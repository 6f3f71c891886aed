"""A run for programs: JSON with every figure, CSV with a row a second."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import msgspec

from forebay.histogram import Histogram
from forebay.load.reports.summary import OF_A_SECOND, PERCENTILES, TIMES, Row, deviation, per_second, rows
from forebay.load.results.figures import Figures
from forebay.load.results.runfile import Record
from forebay.load.results.verdict import verdict

_COUNTS = Row._fields[:-2]
_HEAD = [
    *_COUNTS,
    *(f"{time}_{'max' if q == 100 else f'p{q:g}'}_seconds" for time in ("response", "service") for q in OF_A_SECOND),
]


def csv_of(record: Record) -> str:
    """Return a row for each second: counts, and the percentiles of the shots planned in it; empty where none was."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(_HEAD)
    for row in rows(record.run):
        writer.writerow([*row[:-2], *("" if math.isnan(value) else f"{value:.9g}" for value in _values(row))])
    return made.getvalue()


def json_of(record: Record) -> str:
    """Return everything as one line of JSON; durations are in seconds, and what was not measured is null."""
    return msgspec.json.encode(form(record)).decode() + "\n"


def form(record: Record) -> dict[str, Any]:
    """Return what `json_of` writes."""
    run = record.run
    plain = ("url", "profile", "seconds", "started_at", "elapsed_seconds", "interrupted", "connections")
    return {
        **{name: getattr(run, name) for name in plain},
        "complete": record.complete,
        "about": record.about,
        "verdict": verdict(record).as_dict(),
        "total": _figures(run.total) | {"answered_per_second": _known(per_second(run, run.answered))},
        "tags": {tag: _figures(figures) for tag, figures in run.tags.items()},
        "series": [_second(row) for row in rows(run)],
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "planned": figures.planned,
        "sent": figures.sent,
        "answered": figures.answered,
        "accepted": figures.accepted,
        "refused": figures.refused,
        "unknown": figures.unknown,
        "failed": figures.failed,
        "statuses": {str(status): count for status, count in sorted(figures.statuses.items())},
        "reasons": dict(figures.reasons),
        "bytes_out": figures.bytes_out,
        "bytes_in": figures.bytes_in,
        **{f"{time}_seconds": _spread(getattr(figures, time)) for time in TIMES},
    }


def _spread(histogram: Histogram) -> dict[str, Any]:
    found = zip(PERCENTILES, histogram.percentiles(PERCENTILES), strict=True)
    spread = {
        "mean": histogram.mean,
        "deviation": deviation(histogram),
        "min": histogram.percentile(0),
        **{f"p{q:g}": value for q, value in found},
        "max": histogram.max,
    }
    return {"count": histogram.count} | {name: _known(value) for name, value in spread.items()}


def _second(row: Row) -> dict[str, Any]:
    return dict(zip(_HEAD, [*row[:-2], *map(_known, _values(row))], strict=True))


def _values(row: Row) -> tuple[float, ...]:
    return row.response + row.service


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
