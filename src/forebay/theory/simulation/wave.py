"""What a wave does: how high the backlog rises, how long the longest wait is, who is lost, when it is worked off."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.quantity import show_seconds
from forebay.theory.path import Seconds
from forebay.theory.result import Result, Row, finite
from forebay.theory.simulation.estimate import Estimate, Numbers, of_mean, of_quantile

Steps = tuple[Seconds, NDArray[np.int64]]
"""Instants, and how many wait from each on: what `Path.waiting` returns."""
PHASES = 24
"""Instants of a wave at which the backlog is told."""
_SMALL = (("ms", 1e3), ("us", 1e6), ("ns", 1e9))
_ALMOST_ONE = 1 - 1e-9
_AHEAD = 4096
"""Steps that are looked through at a time."""
_SHARES = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One wave as it happened, from its beginning; or several, with one more axis in front."""

    peak: Numbers
    """The largest number of those waiting."""
    drained: Numbers
    """Seconds from the beginning until nobody waits for the first time after the peak; nan: never, on this path."""
    longest_wait: Numbers
    lost: Numbers
    backlog: Numbers
    """How many wait at each of PHASES equally distant instants, the first at the beginning."""


@dataclass(frozen=True, slots=True)
class Wave(Result):
    """What waves of one load do; every value an Estimate. Times are seconds since the beginning of the wave.

    Arguments:
        seconds: how long a wave is. waves: how many were seen.
        peak: mean of the largest backlog. peak_p95: what it does not exceed in 95 of 100 waves.
        longest_wait, longest_wait_p95: the same of the longest wait.
        lost: mean number of the lost.
        drained: mean of the first instant after the peak at which nobody waits.
        phases: (t, backlog that 5, 50, 95 and 99 of 100 waves do not exceed at t), PHASES times.
    """

    seconds: float
    waves: int
    peak: Estimate
    peak_p95: Estimate
    longest_wait: Estimate
    longest_wait_p95: Estimate
    lost: Estimate
    drained: Estimate
    phases: tuple[tuple[float, float, float, float, float], ...]

    @classmethod
    def of(cls, seen: Seen, seconds: float) -> Wave:
        """Return the summary of waves that are independent: the arrays of `seen` have one row for each."""
        quantiles = np.quantile(seen.backlog, _SHARES, axis=0).T
        at = [seconds * j / PHASES for j in range(PHASES)]
        phases = tuple((t, *map(float, row)) for t, row in zip(at, quantiles, strict=True))
        return cls(
            seconds,
            len(seen.peak),
            of_mean(seen.peak),
            of_quantile(seen.peak, 0.95),
            of_mean(seen.longest_wait),
            of_quantile(seen.longest_wait, 0.95),
            of_mean(seen.lost).within(0.0, math.inf),
            of_mean(seen.drained),
            phases,  # type: ignore[arg-type]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told = {name: x.as_dict() if isinstance(x, Estimate) else x for name, x in plain.items()}
        result: dict[str, Any] = finite(told)
        return result

    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        rows = [
            ("waves", f"{self.waves} of {show_seconds(self.seconds)}"),
            ("peak backlog", f"{show(self.peak)}, p95 {self.peak_p95.value:.6g}"),
            ("longest wait", f"{show(self.longest_wait, 's')}, p95 {show_seconds(self.longest_wait_p95.value)}"),
        ]
        rows += [("lost in a wave", show(self.lost))] if self.lost.value else []
        rows += [("drained after", show(self.drained, "s"))]
        return rows


def show(estimate: Estimate, unit: str = "") -> str:
    """Return an estimate as people read it: ``4.051 ± 0.04 (1.0 %)``."""
    if math.isnan(estimate.value):
        return "not known"
    if unit == "s" and 0 < abs(estimate.value) < 1:
        unit, factor = next((u, f) for u, f in _SMALL if abs(estimate.value) * f > _ALMOST_ONE or u == "ns")
        estimate = estimate.times(factor)
    value, half = estimate.value, estimate.half
    if not math.isfinite(half):
        return f"{value:.6g}{unit}"
    digits = 6 if not half or not value else max(3, min(9, 2 + math.ceil(math.log10(abs(value) / half))))
    return f"{value:.{digits}g}{unit} ± {half:.2g}" if half else f"{value:.6g}{unit}"


def watch(waiting: Steps, begin: float, seconds: float) -> tuple[float, float, Numbers]:
    """Return (peak, drained, backlog at the phases) of one wave.

    Arguments:
        waiting: of the path.
        begin: when the wave begins; it is `seconds` long, inf: to the end of the path.
    """
    t, N = waiting
    first, last = np.searchsorted(t, (begin, begin + seconds), side="right")
    since = np.append(begin, t[first:last])
    levels = np.append(N[first - 1] if first else 0, N[first:last])
    top = int(np.argmax(levels))
    drained = _first_empty(waiting, int(first) + top) - begin if levels[top] else 0.0
    length = seconds if math.isfinite(seconds) else float(since[-1] - begin)
    at = np.searchsorted(since, begin + length * np.arange(PHASES) / PHASES, side="right") - 1
    return float(levels[top]), drained, levels[at].astype(np.float64)


def _first_empty(waiting: Steps, begin: int) -> float:
    """Return the first instant from the step `begin` on at which nobody waits; nan: there is none."""
    t, N = waiting
    while begin < len(N):
        empty = np.flatnonzero(N[begin : begin + _AHEAD] == 0)
        if len(empty):
            return float(t[begin + empty[0]])
        begin += _AHEAD
    return math.nan
