"""Two or more runs side by side: the difference of every figure, and how much of it may be chance.

The interval of a difference is that of the block bootstrap over seconds (`resampling`); of the share that failed it is
the wider one of that and Newcombe's for two binomial shares (R. G. Newcombe, "Interval estimation for the difference
between independent proportions", 1998, method 10), which tells something even where nothing failed. Both know only what
varied within the runs: what varies from run to run, another neighbour on the machine, shows when each is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from forebay.errors import UsageError
from forebay.load.reports.summary import planned_seconds, share
from forebay.load.results.resampling import (
    CONFIDENCE,
    FEWEST_BLOCKS,
    Blocks,
    Resampling,
    Statistic,
    blocks,
    mean_of,
    percentile_of,
    rate_of,
    share_of,
)
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record
from forebay.load.results.verdict import validity_of

_PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Figure:
    """What runs are compared by.

    Arguments:
        name: of it. kind: rate (a second), share or time (seconds).
        of: takes it from a run. statistic: from draws of its seconds.
        more: the words for more and less of it.
    """

    name: str
    kind: str
    of: Callable[[Run], float]
    statistic: Statistic
    more: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two runs: other − first, and the interval of the difference; nan where there is none."""

    figure: Figure
    first: float
    other: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """other − first."""
        return self.other - self.first

    @property
    def certain(self) -> bool:
        """Whether chance alone would seldom make such a difference."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        """Return what it means, in words."""
        if math.isnan(self.difference):
            return "not measured in both"
        if math.isnan(self.low):
            return "too short to tell it from chance"
        if self.low == self.high == 0:
            return "the same"
        more, less = self.figure.more
        low, high, unit = self._size(self.low), self._size(self.high), self._unit
        most = self._times(self.high) if self._doubled else f"{high}{unit} {more}"
        if self.low > 0:
            return f"{self._times(self.low).split()[0] if self._doubled else low} to {most}"
        if self.high < 0:
            return f"{high} to {low}{unit} {less}"
        return f"no difference beyond chance: {low}{unit} {less} to {most}"

    @property
    def _unit(self) -> str:
        """Of how much a change is: of a share in points, of everything else in parts of the first run's."""
        return " points" if self.figure.kind == "share" else "%" if self.first else ""

    @property
    def _doubled(self) -> bool:
        """Whether it may have more than doubled; then it is said in multiples of the first."""
        return self.figure.kind != "share" and 0 < self.first < self.high

    def _times(self, change: float) -> str:
        return f"{_digits(1 + change / self.first)} times the first"

    def _size(self, change: float) -> str:
        whole = 1.0 if self.figure.kind == "share" else self.first
        if not whole:
            return _digits(abs(change))
        return _digits(abs(max(change, -whole)) / whole * 100)  # nothing can shrink by more than all of it

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold."""
        numbers = {"first": self.first, "other": self.other, "difference": self.difference}
        numbers |= {"low": self.low, "high": self.high}
        known = {name: None if math.isnan(value) else value for name, value in numbers.items()}
        return {"figure": self.figure.name, "kind": self.figure.kind, **known, "words": str(self)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside the first one.

    Arguments:
        first, other: their names.
        paired: whether they had the same plan, and were compared second for second.
        cautions: why the figures may not be comparable.
    """

    first: str
    other: str
    differences: tuple[Difference, ...]
    paired: bool
    cautions: tuple[str, ...]

    @property
    def method(self) -> str:
        """How the intervals were made."""
        drawn = "both runs drawn together" if self.paired else "each run drawn for itself"
        return f"{CONFIDENCE:.0%} intervals, block bootstrap over seconds, {drawn}; failed: at least Newcombe's"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold."""
        return {
            "first": self.first,
            "other": self.other,
            "method": self.method,
            "paired": self.paired,
            "cautions": list(self.cautions),
            "differences": [difference.as_dict() for difference in self.differences],
        }


def _digits(number: float) -> str:
    """Return a positive number with two digits, or all before the point."""
    return f"{number:.2g}" if number < 99.5 else f"{number:,.0f}"


def compared(records: Sequence[Record]) -> list[Comparison]:
    """Return every run but the first beside the first.

    Raises:
        UsageError: there are fewer than two.
    """
    if len(records) < 2:
        raise UsageError("to compare needs two runs or more", "forebay report BEFORE AFTER")
    first, *others = records
    of_first = blocks(first.run)
    return [_comparison(first, of_first, other) for other in others]


def _comparison(first: Record, of_first: Blocks, other: Record) -> Comparison:
    of_other = blocks(other.run)
    paired = first.run.profile == other.run.profile and len(of_first) == len(of_other)
    drawn = Resampling(of_first, of_other, paired)
    differences = []
    for figure in FIGURES:
        before, after = figure.of(first.run), figure.of(other.run)
        low, high = (after - before + off for off in drawn.interval(figure.statistic))
        if figure.name == "failed" and not math.isnan(low):
            low, high = _wider((low, high), _newcombe(first.run, other.run))
        differences.append(Difference(figure, before, after, low, high))
    cautions = _cautions(first, other)
    if drawn.fewest < FEWEST_BLOCKS:
        cautions.append("a run of so few seconds has no intervals")
    return Comparison(first.name, other.name, tuple(differences), paired, tuple(cautions))


def _cautions(first: Record, other: Record) -> list[str]:
    said = [f"{one.name} is not valid" for one in (first, other) if not validity_of(one).valid]
    said += [f"{one.name} was interrupted" for one in (first, other) if one.run.interrupted]
    for name in ("url", "profile", "seconds"):
        a, b = getattr(first.run, name), getattr(other.run, name)
        if a != b:
            said.append(f"they differ in {name}: {a} and {b}")
    return said


def _newcombe(first: Run, other: Run) -> tuple[float, float]:
    """Return the interval of the difference of two binomial shares, from Wilson's of each."""
    (p, p_low, p_high), (q, q_low, q_high) = (_wilson(run.total.failed, run.total.planned) for run in (first, other))
    return (
        q - p - math.hypot(q - q_low, p_high - p),
        q - p + math.hypot(q_high - q, p - p_low),
    )


def _wilson(count: int, whole: int) -> tuple[float, float, float]:
    """Return a binomial share with its interval."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    p = count / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + (z / (2 * whole)) ** 2) / (1 + z * z / whole)
    return p, max(middle - half, 0.0), min(middle + half, 1.0)


def _wider(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


def _of_time(time: str) -> list[Figure]:
    longer = ("longer", "shorter")
    mean = Figure(f"{time} mean", "time", lambda run: float(getattr(run, time).mean), mean_of(time), longer)
    return [mean, *(_percentile(time, q, longer) for q in _PERCENTILES)]


def _percentile(time: str, q: float, words: tuple[str, str]) -> Figure:
    of = percentile_of(time, q)
    return Figure(f"{time} p{q:g}", "time", lambda run: float(getattr(run, time).percentile(q)), of, words)


FIGURES = (
    Figure(
        "planned",
        "rate",
        lambda run: share(run.total.planned, planned_seconds(run)),
        rate_of("planned"),
        ("more", "fewer"),
    ),
    Figure(
        "answered",
        "rate",
        lambda run: share(run.answered, planned_seconds(run)),
        rate_of("answered"),
        ("more", "fewer"),
    ),
    Figure("failed", "share", lambda run: share(run.total.failed, run.planned), share_of("failed"), ("more", "fewer")),
    *_of_time("response"),
    *_of_time("service"),
    _percentile("lag", 99.0, ("longer", "shorter")),
    _percentile("late", 99.0, ("longer", "shorter")),
)
