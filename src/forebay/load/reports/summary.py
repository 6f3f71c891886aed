"""The numbers of a run that reports share: failed, rates, the spread of a time, and each second in a row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from forebay.histogram import Histogram
from forebay.load.results.run import Run, Second

TIMES = ("response", "service", "lag", "late")
PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)


def share(part: float, whole: float) -> float:
    """Return part/whole; nan of nothing."""
    return part / whole if whole else math.nan


def planned_seconds(run: Run) -> float:
    """Return how long shots were planned: without the wait for the last answers."""
    return min(run.seconds, run.elapsed_seconds)


def per_second(run: Run, count: float) -> float:
    """Return how many a second something was, over the whole run; nan where it had no length."""
    return share(count, run.elapsed_seconds)


def deviation(histogram: Histogram) -> float:
    """Return the standard deviation in seconds; nan when nothing was recorded."""
    steps = histogram.steps()
    if not steps:
        return math.nan
    mean = histogram.mean
    return math.sqrt(sum(count * (value - mean) ** 2 for value, count in steps) / histogram.count)


OF_A_SECOND = (50.0, 90.0, 99.0, 100.0)
"""The percentiles of the times of a `Row`; 100 is the maximum."""
_NOTHING = (math.nan,) * len(OF_A_SECOND)


class Row(NamedTuple):
    """A second of a run.

    `planned` and the times are of the shots whose plan falls into it; `sent` and all that is behind it are of the
    instants at which they happened. `in_flight` is how many were due and had no end when it was over.
    """

    second: int
    planned: int = 0
    sent: int = 0
    answered: int = 0
    status_1xx: int = 0
    status_2xx: int = 0
    status_3xx: int = 0
    status_4xx: int = 0
    status_5xx: int = 0
    refused: int = 0
    unknown: int = 0
    failed: int = 0
    in_flight: int = 0
    response: tuple[float, ...] = _NOTHING
    service: tuple[float, ...] = _NOTHING


def rows(run: Run) -> Iterator[Row]:
    """Yield every second of a run from the first to the last, also those in which nothing happened."""
    in_flight = 0
    for i in range(max(run.series, default=-1) + 1):
        second = run.series.get(i)
        if second is None:
            yield Row(i, in_flight=in_flight)
            continue
        row = _row(i, second)
        in_flight = max(in_flight + row.planned - row.answered - row.refused - row.unknown, 0)
        yield row._replace(in_flight=in_flight)


def _row(i: int, second: Second) -> Row:
    classes = Counter[int]()
    for status, count in second.answered.items():
        classes[min(max(status // 100, 1), 5)] += count
    return Row(
        second=i,
        planned=second.planned,
        sent=second.sent,
        answered=second.answered.total(),
        **{f"status_{number}xx": classes[number] for number in range(1, 6)},
        refused=second.refused,
        unknown=second.unknown,
        failed=second.refused + second.unknown + classes[4] + classes[5],
        response=tuple(second.of_plan.response.percentiles(OF_A_SECOND)),
        service=tuple(second.of_plan.service.percentiles(OF_A_SECOND)),
    )
