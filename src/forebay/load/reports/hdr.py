"""The percentile table of HdrHistogram, which its plotter and many tools read; times are milliseconds.

The ladder is HdrHistogram's: five steps to the middle of what is left, so 0, 0.1 ... 0.5, 0.55 ... 0.75, 0.775, up to
the step at which no more than the longest is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from forebay.histogram import Histogram
from forebay.load.reports.summary import deviation
from forebay.load.results.runfile import Record

TICKS = 5
"""Steps to the middle of what is left."""


def hdr(record: Record) -> str:
    """Return the table of the response times."""
    return table(record.run.response)


def table(histogram: Histogram) -> str:
    """Return the table of any histogram."""
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    for share, value, count in rungs(histogram):
        inverse = f" {1 / (1 - share):14.2f}" if share < 1 else ""
        lines.append(f"{value * 1000:12.3f} {share:2.12f} {count:10d}{inverse}")
    mean, spread, longest = (0.0 if math.isnan(v) else v * 1000 for v in _moments(histogram))
    lines.append(f"#[Mean    = {mean:12.3f}, StdDeviation   = {spread:12.3f}]")
    lines.append(f"#[Max     = {longest:12.3f}, Total count    = {histogram.count:12d}]")
    lines.append(f"#[Buckets = {64 - histogram.bits:12d}, SubBuckets     = {2 << histogram.bits:12d}]")
    return "\n".join(lines) + "\n"


def rungs(histogram: Histogram) -> Iterator[tuple[float, float, int]]:
    """Yield (share, seconds, how many took no longer), up to the share 1."""
    steps = histogram.steps()
    total = histogram.count
    position, seen = -1, 0
    for share in _ladder():
        if not total:
            return
        while seen < max(1, math.ceil(share * total - 1e-9)):
            position += 1
            seen += steps[position][1]
        if seen == total:
            yield 1.0, histogram.max, total
            return
        yield share, steps[position][0], seen


def _ladder() -> Iterator[float]:
    half = 0
    while True:
        left = 0.5**half
        yield from (1 - left + left / 2 * tick / TICKS for tick in range(TICKS))
        half += 1


def _moments(histogram: Histogram) -> tuple[float, float, float]:
    return histogram.mean, deviation(histogram), histogram.max
