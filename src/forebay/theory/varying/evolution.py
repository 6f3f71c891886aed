"""How a system fares under a load that changes with time: what its forward equations, or stand-ins for them, say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.percentiles import Tail, invert
from forebay.theory.result import Result, Row, finite
from forebay.theory.solution import PERCENTILES
from forebay.theory.varying.chain import Followed, Setting
from forebay.theory.varying.forward import Floats, Hill
from forebay.theory.varying.waits import tails

_NOTHING = 1e-15
_ERROR = (
    "by two moments, of simulated waves: waits of seconds within 10 %, those of a queue of a few within half, a loss "
    "from 20 % too low to 50 % too high"
)


@dataclass(frozen=True)
class Evolution(Result):
    """What becomes of the arrivals and of the backlog; times are seconds.

    Arguments:
        setting: of what.
        formula: how it was computed. exact: whether that is the truth; `error`: what to expect where not.
        settled: whether the periods had become equal; True where there are none.
        growth: what the backlog grows by, a second, where no period ever equals the one before (0 at the very edge).
        offered: arrivals in the time. loss: the share that finds no place.
        utilization: the share of their time that workers work.
        times: instants from 0 to the end. hills: the probabilities of the number in the system at them.
        free: share of the accepted that find a free worker. found: shares that find `ahead` waiting.
    """

    setting: Setting
    formula: str
    exact: bool
    error: str
    settled: bool
    growth: float
    offered: float
    loss: float
    utilization: float
    times: Floats = field(repr=False, compare=False)
    hills: Sequence[Hill] = field(repr=False, compare=False)
    free: float = field(repr=False, compare=False)
    ahead: Floats = field(repr=False, compare=False)
    found: Floats = field(repr=False, compare=False)

    @classmethod
    def of(cls, setting: Setting, followed: Followed, *, settled: bool = True, **told: Any) -> Evolution:
        """Return what the probabilities and what the arrivals found amount to; `told` replaces formula and error."""
        seen, offered = followed.seen.copy(), float(followed.seen.sum())
        seen[-1] = max(0.0, seen[-1] - followed.lost)
        seen /= float(seen.sum()) or 1.0
        first = math.ceil(setting.n / setting.unit)
        found = np.trim_zeros(np.where(seen[first:] > _NOTHING, seen[first:], 0.0), "b")
        found = found if len(found) else np.zeros(1)
        times = np.linspace(0, setting.seconds, len(followed.hills))
        return cls(
            setting,
            settled=settled,
            growth=0.0,
            offered=offered,
            loss=followed.lost / offered if offered else 0.0,
            utilization=_busy(setting, times, followed.hills),
            times=times,
            hills=followed.hills,
            free=float(seen[:first].sum()),
            ahead=np.arange(len(found), dtype=float) * setting.unit,
            found=found,
            **_method(setting) | told,
        )

    @classmethod
    def growing(cls, setting: Setting, growth: float) -> Evolution:
        """Return what is to be said where each period leaves more behind than the one before."""
        offered = setting.load.cumulative(setting.seconds)
        none = np.zeros(1)
        return cls(setting, "balance of rates", True, "", True, growth, offered, 0.0, 1.0, none, (), 0.0, none, none)

    @property
    def stable(self) -> bool:
        """Whether the backlog ends at all."""
        return len(self.hills) > 0

    @cached_property
    def mean_in_system(self) -> Floats:
        """E[N(t)] at `times`."""
        return np.array([float(hill.p @ hill.numbers) for hill in self.hills])

    @cached_property
    def mean_backlog(self) -> Floats:
        """E[Q(t)] of those who wait, at `times`."""
        return np.array([float(hill.p @ np.maximum(hill.numbers - self.setting.n, 0)) for hill in self.hills])

    @cached_property
    def p_full(self) -> Floats:
        """P(all workers are busy and all places taken) at `times`."""
        if math.isinf(self.setting.q):
            return np.zeros(len(self.hills))
        full = self.setting.n + self.setting.q
        return np.array([float(hill.p @ (hill.numbers > full - hill.unit)) for hill in self.hills])

    @property
    def peak_backlog(self) -> float:
        """The largest of the mean backlog; inf where it grows."""
        return float(self.mean_backlog.max()) if self.stable else math.inf

    @property
    def peak_at(self) -> float | None:
        """When that is, seconds; None where it grows."""
        return float(self.times[self.mean_backlog.argmax()]) if self.stable else None

    def backlog(self, percent: float) -> float:
        """Return the backlog that is not exceeded at any given moment with this probability: the largest over time."""
        if not self.stable:
            return math.inf
        most = max(hill.quantile(percent / 100) for hill in self.hills) - self.setting.n
        return min(max(most, 0.0), self.setting.q)

    @cached_property
    def _tails(self) -> tuple[Tail, Tail]:
        if not self.stable:
            return (lambda t: 1.0), (lambda t: 1.0)
        return tails(self.free, self.found, self.ahead, self.setting.n, self.setting.service)

    @property
    def wait_tail(self) -> Tail:
        """P(Wq > t) of an accepted arrival of the whole time, FIFO."""
        return self._tails[0]

    @property
    def sojourn_tail(self) -> Tail:
        """P(W > t) of an accepted arrival of the whole time, FIFO: wait and work."""
        return self._tails[1]

    def wait(self, percent: float) -> float:
        """Return the percentile of the wait of the accepted, seconds; inf where the backlog grows.

        Raises:
            UsageError: the percentage is not from 0 to below 100.
        """
        return self._percentile(self.wait_tail, percent)

    def sojourn(self, percent: float) -> float:
        """Return the percentile of wait and work; as `wait`."""
        return self._percentile(self.sojourn_tail, percent)

    @property
    def mean_wait(self) -> float:
        """Of the accepted, seconds: (j + 1 departures)/C for who finds j waiting."""
        if not self.stable:
            return math.inf
        residual = (1 + self.setting.service.c2) / 2
        return float(self.found @ (self.ahead + residual)) / self.setting.capacity

    def _percentile(self, tail: Tail, percent: float) -> float:
        if not 0 <= percent < 100:
            raise UsageError(f"p{percent:g} is not a percentile", "from 0 to below 100, as p99 or p99.9")
        return invert(tail, 1 - percent / 100, self.setting.service.mean) if self.stable else math.inf

    def as_dict(self, percentiles: Sequence[float] = PERCENTILES) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite or unknown becomes None."""
        form: dict[str, Any] = finite(
            {
                "system": self.setting.system,
                "formula": self.formula,
                "exact": self.exact,
                "error": self.error,
                "seconds": self.setting.seconds,
                "periodic": self.setting.periodic,
                "settled": self.settled,
                "stable": self.stable,
                "growth": self.growth,
                "offered": self.offered,
                "loss": self.loss,
                "utilization": self.utilization,
                "mean_wait": self.mean_wait,
                "peak_backlog": self.peak_backlog,
                "peak_at": self.peak_at,
                "wait_percentiles": {f"p{p:g}": self.wait(p) for p in percentiles},
                "sojourn_percentiles": {f"p{p:g}": self.sojourn(p) for p in percentiles},
                "backlog_percentiles": {f"p{p:g}": self.backlog(p) for p in percentiles},
            }
        )
        return form

    def rows(self, percentiles: Sequence[float] = PERCENTILES) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        rows = [("system", self.setting.system), ("offered", f"{self.offered:,.6g} in {self._time()}")]
        if not self.stable:
            return [*rows, ("unstable", f"grows by {self.growth:.4g} a second")]
        rows += [("lost", f"{self.loss:.4%}"), ("utilisation", f"{self.utilization:.2%}")]
        rows += [("peak backlog", f"{self.peak_backlog:,.0f} at {show_seconds(self.peak_at or 0)}")]
        for name, of in (("wait", self.wait), ("sojourn", self.sojourn)):
            rows.append((name, "  ".join(f"p{p:g} {show_seconds(of(p))}" for p in percentiles)))
        rows.append(("backlog", "  ".join(f"p{p:g} {self.backlog(p):,.0f}" for p in percentiles)))
        rows.append(("formula", self.formula))
        return rows if self.exact else [*rows, ("approximation", self.error)]

    def _time(self) -> str:
        return f"{'each ' if self.setting.periodic else ''}{show_seconds(self.setting.seconds)}"


def _busy(setting: Setting, times: Floats, hills: Sequence[Hill]) -> float:
    """Return the mean share of the workers that work, by the trapezoidal rule."""
    shares = [float(hill.p @ np.minimum(hill.numbers, setting.n)) / setting.n for hill in hills]
    return float(np.trapezoid(shares, times)) / setting.seconds


def _method(setting: Setting) -> dict[str, Any]:
    """Return the formula, whether it is exact, and how far off it may be where not."""
    if setting.one_by_one:
        return {"formula": "forward equations of Mt/M/n/q", "exact": True, "error": ""}
    return {"formula": "diffusion of Mt/G/n/q", "exact": False, "error": _ERROR}
