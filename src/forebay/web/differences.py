"""Several runs side by side, each with its difference to the first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forebay.load.run import Run
from forebay.web import showing
from forebay.web.markup import Child, Markup, element
from forebay.web.tables import SHARES, table


@dataclass(frozen=True, slots=True)
class _Measure:
    """What runs are compared by; `better` is 1 where more is better, −1 where less is, 0 where neither."""

    name: str
    of: Callable[[Run], float]
    show: Callable[[float], str]
    better: int


def _percentile(time: str, share: float) -> _Measure:
    return _Measure(f"{time} p{share:g}", lambda run: float(getattr(run, time).percentile(share)), showing.time, -1)


def _failed(run: Run) -> float:
    return showing.failed(run.total) / run.total.planned if run.total.planned else math.nan


_MEASURES = (
    _Measure("planned", lambda run: run.total.planned, showing.count, 0),
    _Measure("answered", lambda run: run.answered / max(run.elapsed_seconds, 1e-9), showing.rate, 1),
    _Measure("failed", _failed, showing.share, -1),
    _Measure("response mean", lambda run: run.response.mean, showing.time, -1),
    *(_percentile("response", share) for share in SHARES),
    _Measure("response max", lambda run: run.response.max, showing.time, -1),
    *(_percentile("service", share) for share in SHARES),
    _Measure("generator late p99", lambda run: run.late.percentile(99), showing.time, 0),
)


def differences(runs: Sequence[tuple[str, Run]]) -> Markup:
    """Return the table of several runs.

    Arguments:
        runs: (name, run) of each; the first is what the others are compared with.
    """
    rows: list[list[Child]] = []
    for measure in _MEASURES:
        first, *others = (measure.of(run) for _, run in runs)
        shown = [[measure.show(value), _change(measure, first, value)] for value in others]
        rows.append([measure.name, measure.show(first), *shown])
    head = ["measure", *(showing.short(name) for name, _ in runs)]
    note = "Differences are to the first run. A single run of each does not say what is chance: repeat them."
    return table("The runs side by side", head, rows, note)


def _change(measure: _Measure, first: float, value: float) -> Child:
    if math.isnan(first) or math.isnan(value) or first == value:
        return None
    more = value > first
    kind = ("", "good", "bad")[measure.better if more else -measure.better]
    by = f"{(value / first - 1) * 100:+,.3g}%" if first else "from none"
    return element("span", f"{'▲' if more else '▼'} {by}", class_=f"change {kind}".strip())
