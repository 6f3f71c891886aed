"""The reports of Vegeta, JSON and text; latencies are response times in nanoseconds.

The file of a run knows seconds, not each shot: `earliest` is the beginning of the run, `latest` the end of its plan and
`end` that of its last answer. A shot without a status has the code 0, as with Vegeta. `buckets` are not made.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from forebay.histogram import Histogram
from forebay.load.reports.columns import aligned, printable
from forebay.load.reports.summary import share
from forebay.load.results.figures import NANOSECONDS, Figures
from forebay.load.results.runfile import Record
from forebay.load.shots.forms import error_of

_PERCENTILES = (50, 90, 95, 99)


def vegeta(record: Record) -> dict[str, Any]:
    """Return the JSON report."""
    run, total = record.run, record.run.total
    attack = min(run.seconds, run.elapsed_seconds)
    wait = run.elapsed_seconds - attack
    good = _good(total)
    return {
        "latencies": _latencies(total.response),
        "bytes_in": _bytes(total.bytes_in, total.planned),
        "bytes_out": _bytes(total.bytes_out, total.planned),
        "earliest": _instant(run.started_at),
        "latest": _instant(run.started_at + attack),
        "end": _instant(run.started_at + run.elapsed_seconds),
        "duration": round(attack * NANOSECONDS),
        "wait": round(wait * NANOSECONDS),
        "requests": total.planned,
        "rate": _or_0(share(total.planned, attack)),
        "throughput": _or_0(share(good, run.elapsed_seconds)),
        "success": _or_0(share(good, total.planned)),
        "status_codes": _codes(total),
        "errors": _errors(total),
    }


def vegeta_json(record: Record) -> str:
    """Return the JSON report as text."""
    return msgspec.json.encode(vegeta(record)).decode() + "\n"


def vegeta_text(record: Record) -> str:
    """Return the text report."""
    form = vegeta(record)
    took, back, out = form["latencies"], form["bytes_in"], form["bytes_out"]
    spread = [took[name] for name in ("min", "mean", "50th", "90th", "95th", "99th", "max")]
    lasted = (form["duration"] + form["wait"], form["duration"], form["wait"])
    codes = "  ".join(f"{code}:{count}" for code, count in form["status_codes"].items())
    rows = [
        ("Requests", "[total, rate, throughput]", f"{form['requests']}, {form['rate']:.2f}, {form['throughput']:.2f}"),
        ("Duration", "[total, attack, wait]", ", ".join(map(go_duration, lasted))),
        ("Latencies", "[min, mean, 50, 90, 95, 99, max]", ", ".join(map(go_duration, spread))),
        ("Bytes In", "[total, mean]", f"{back['total']}, {back['mean']:.2f}"),
        ("Bytes Out", "[total, mean]", f"{out['total']}, {out['mean']:.2f}"),
        ("Success", "[ratio]", f"{form['success'] * 100:.2f}%"),
        ("Status Codes", "[code:count]", codes),
    ]
    lines = aligned(rows, left=3)
    lines[-1] += "  "  # as Vegeta has it
    return "\n".join([*lines, "Error Set:", *map(printable, form["errors"])]) + "\n"


def go_duration(nanoseconds: int) -> str:
    """Return a duration as Vegeta writes it, to the unit below its largest: 761.088µs, 29.973s, 1m30s, 2h5m0s."""
    sizes = (3600 * NANOSECONDS, 60 * NANOSECONDS, NANOSECONDS, 10**6, 10**3, 1)
    for size, below in pairwise(sizes):
        if nanoseconds >= size:
            nanoseconds = (nanoseconds + below // 2) // below * below
            break
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if nanoseconds < size * 1000:
            return f"{_trimmed(nanoseconds / size)}{unit}" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, 60 * NANOSECONDS)
    hours, minutes = divmod(minutes, 60)
    written = f"{hours}h" if hours else ""
    written += f"{minutes}m" if hours or minutes else ""
    return f"{written}{_trimmed(rest / NANOSECONDS)}s"


def _trimmed(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _latencies(histogram: Histogram) -> dict[str, int]:
    count = histogram.count
    names = [f"{q}th" for q in _PERCENTILES]
    found = dict(zip(names, histogram.percentiles(_PERCENTILES), strict=True))
    seconds = {"total": histogram.mean * count, "mean": histogram.mean, **found, "max": histogram.max}
    seconds["min"] = histogram.percentile(0)
    return {name: round(_or_0(value) * NANOSECONDS) for name, value in seconds.items()}


def _bytes(count: int, shots: int) -> dict[str, float]:
    return {"total": count, "mean": _or_0(share(count, shots))}


def _good(total: Figures) -> int:
    return sum(count for status, count in total.statuses.items() if 200 <= status < 400)


def _codes(total: Figures) -> dict[str, int]:
    codes = {str(status): count for status, count in sorted(total.statuses.items())}
    without = total.refused + total.unknown
    return {"0": without, **codes} if without else codes


def _errors(total: Figures) -> list[str]:
    return [*(error for status in sorted(total.statuses) if (error := error_of(status))), *sorted(total.reasons)]


def _instant(unix: float) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=unix)).isoformat().replace("+00:00", "Z")


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value
