"""A window of a run: some of its seconds, judged as if they were all; to leave a warm-up out, or to look at a crest."""

from __future__ import annotations

import math

from forebay.errors import UsageError
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run
from forebay.load.results.runfile import SECOND_BITS, Record
from forebay.quantity import show_seconds


def window(record: Record, begin: float = 0.0, end: float = math.inf) -> Record:
    """Return the shots that were planned from `begin` to `end`, seconds since the first; both are cut to whole seconds.

    Its histograms are those of the seconds, 1.6 % coarse, and no tag is known.

    Raises:
        UsageError: nothing was planned in it.
    """
    whole = record.run
    first, last = math.floor(begin), math.ceil(min(end, max(whole.series, default=-1) + 1))
    seconds = {i: second for i, second in whole.series.items() if first <= i < last and second.planned}
    if not seconds:
        lasted = show_seconds(whole.elapsed_seconds)
        until = f" to {show_seconds(end)}" if end < math.inf else " on"
        raise UsageError(f"nothing was planned from {show_seconds(begin)}{until}", f"the run lasted {lasted}")
    words = f"from {show_seconds(first)} to {show_seconds(last)}"
    run = Run(whole.url, f"{whole.profile} {words}", float(last - first))
    run.started_at, run.elapsed_seconds = whole.started_at + first, float(last - first)
    run.interrupted, run.connections = whole.interrupted, whole.connections
    run.series = {i - first: second for i, second in whole.series.items() if first <= i < last}
    within = {name: one for name, one in whole.examples.items() if first <= one.planned < last}
    run.examples = {name: one.later(-first) for name, one in within.items()}
    run.total = Figures().coarser(SECOND_BITS)
    for second in seconds.values():
        run.total.merge(second.of_plan.coarser(SECOND_BITS))
    return Record(run, record.about | {"expected": None}, record.complete, record.name)
