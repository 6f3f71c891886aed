"""The fluid model: a load that changes slowly, levelled by a queue, is a liquid in a basin with an outlet.

Messages flow in at the rate S(t) and out at the capacity C = n/E[S] while there are any:

    dQ/dt = S(t) − C where Q > 0 or S > C;   0 ≤ Q ≤ q;   what comes above q is lost
    W(t) = Q(t)/C, the wait under FIFO of who comes at t (virtual wait)

Randomness is added as one term: between the last empty moment t₁ and the peak t₂ the backlog is the difference of two
counts, so its standard deviation is about √(ca² Λ(t₁, t₂) + cs² C (t₂ − t₁)), with ca² the dispersion of the arrivals
(1 Poisson, 0 a clock) and cs² the squared variation of the service time. Source: G. F. Newell, "Applications of
Queueing Theory" (2nd ed. 1982), chapters 2 and 3. The fluid itself is a lower bound for a random load: by simulation of
the sine 0..100 against 60 and 75 a second it is 1 to 9 % low for the mean peak, and more so for p99 of the wait.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate, pairwise
from typing import Any, Literal

from forebay.errors import UsageError
from forebay.quantity import show_seconds

Arrivals = Literal["clock", "poisson"]
_STEPS = 20_000
_PERCENTILES = (50, 95, 99)
_ROUNDING = 1e-12
"""What sums of floats may be off, as a share."""


def capacity(n: float, service_seconds: float) -> float:
    """Return C = n/E[S], messages a second, of n workers; inf where the service takes no time."""
    return n / service_seconds if service_seconds else math.inf


def drain_seconds(Q: float, C: float, rate: float) -> float:
    """Return Q/(C − λ): how long a backlog of Q takes under a constant arrival rate λ; inf where it never ends."""
    if Q <= 0:
        return 0.0
    return Q / (C - rate) if rate < C else math.inf


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the fluid model says of one load; seconds count from its beginning.

    Arguments:
        capacity: C, messages a second.
        places: q, the most that the basin holds; inf: no limit.
        offered: messages that come; `accepted` of them find a place and `lost` do not.
        over_capacity_seconds: for how long the rate exceeds the capacity.
        peak_backlog, peak_at: the largest backlog, and when.
        longest_wait, mean_wait: of the accepted, seconds, under FIFO.
        wait_percentiles: p50, p95, p99 of it, by percentile.
        delayed_share: of the accepted, those that wait at all.
        backlog_at_end: when the load ends.
        drained_at: when the last backlog is worked off; None: never.
        arrivals: what the spread was computed for: a clock, or Poisson arrivals.
        peak_sd: standard deviation of the peak; 0 for a clock with constant service.
        trace: (t, Q) over the load, for pictures.
    """

    capacity: float
    places: float
    offered: float
    accepted: float
    lost: float
    over_capacity_seconds: float
    peak_backlog: float
    peak_at: float
    longest_wait: float
    mean_wait: float
    wait_percentiles: dict[int, float]
    delayed_share: float
    backlog_at_end: float
    drained_at: float | None
    arrivals: Arrivals
    peak_sd: float
    trace: Sequence[tuple[float, float]] = field(default=(), repr=False)

    @property
    def stable(self) -> bool:
        """Whether the backlog ends at all."""
        return self.drained_at is not None

    @property
    def peak_p95(self) -> float:
        """The backlog that the peak stays below in 95 of 100 runs: mean + 1.645 sd, not above the places."""
        return min(self.places, self.peak_backlog + 1.645 * self.peak_sd)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields but the trace, in a form that JSON can hold; what is infinite becomes None."""
        form = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "trace"}
        form |= {"stable": self.stable, "peak_p95": self.peak_p95}
        form["wait_percentiles"] = {f"p{q}": _finite(wait) for q, wait in self.wait_percentiles.items()}
        return {name: _finite(value) for name, value in form.items()}

    def __str__(self) -> str:
        lines = [
            f"capacity {self.capacity:.4g}/s, {self.offered:,.0f} offered, "
            f"above capacity for {show_seconds(self.over_capacity_seconds)}",
            f"peak backlog {self.peak_backlog:,.0f} at {show_seconds(self.peak_at)}{self._spread()}",
            f"longest wait {show_seconds(self.longest_wait)}, mean {show_seconds(self.mean_wait)}",
            self._end(),
        ]
        if self.lost >= 0.5:
            lines.append(f"{self.lost:,.0f} find no place (q = {self.places:g})")
        return "\n".join(lines)

    def _spread(self) -> str:
        if self.arrivals == "clock":
            return " (arrivals by a clock)" + (f", sd {self.peak_sd:.0f}" if self.peak_sd else "")
        return f" (Poisson arrivals: sd {self.peak_sd:.0f}, below {self.peak_p95:,.0f} in 95 of 100 runs)"

    def _end(self) -> str:
        if self.drained_at is None:
            return f"never drained: {self.backlog_at_end:,.0f} wait at the end, and the capacity does not suffice"
        return f"drained at {show_seconds(self.drained_at)}"


def predict(
    S: Callable[[float], float],
    seconds: float,
    C: float,
    *,
    q: float = math.inf,
    Q0: float = 0.0,
    arrivals: Arrivals = "clock",
    cs2: float = 0.0,
    after: float = 0.0,
    steps: int = _STEPS,
) -> Prediction:
    """Return what becomes of the load S when it is worked off at the capacity C.

    Arguments:
        S: arrival rate, messages a second, by seconds since the beginning; only asked within the load.
        seconds: how long the load lasts; `after` it arrivals go on at the constant rate given (0: none).
        C: capacity, messages a second; see `capacity`.
        q: places of the basin, those in work counted; 0: a limiter. Q0: backlog at the beginning.
        arrivals: "poisson" or "clock"; cs2: squared coefficient of variation of the service time. For `peak_sd`.
        steps: of the grid; the rate is integrated by Simpson's rule, exact for cubic pieces.

    Raises:
        UsageError: a negative rate, capacity, backlog or duration.
    """
    if not (0 < seconds < math.inf and C >= 0 and q >= 0 and 0 <= Q0 <= q and after >= 0 and cs2 >= 0):
        raise UsageError(
            f"a load of {seconds:g} s against a capacity of {C:g}/s with {Q0:g} of {q:g} places taken has no meaning",
            "durations are above 0, nothing is negative, and the backlog has its places",
        )
    h = seconds / steps
    flow = _flow(_inflow(S, h, steps), C * h, q, Q0)
    peak = max(range(steps + 1), key=flow.Q.__getitem__)
    up = max((i for i in range(peak + 1) if flow.Q[i] == 0), default=0)
    came = math.fsum(flow.inflow[up:peak]) if arrivals == "poisson" else 0.0
    worked = cs2 * C * (peak - up) * h if peak > up else 0.0
    offered, lost = math.fsum(flow.inflow), math.fsum(flow.lost)
    mean, percentiles, delayed = _waits(flow, C)
    return Prediction(
        capacity=C,
        places=q,
        offered=offered,
        accepted=offered - lost,
        lost=lost,
        over_capacity_seconds=h * sum(a > C * h * (1 + _ROUNDING) for a in flow.inflow),
        peak_backlog=flow.Q[peak],
        peak_at=peak * h,
        longest_wait=_wait(flow.Q[peak], C),
        mean_wait=mean,
        wait_percentiles=percentiles,
        delayed_share=delayed,
        backlog_at_end=flow.Q[-1],
        drained_at=_drained_at(flow, h, C, after),
        arrivals=arrivals,
        peak_sd=math.sqrt(came + worked),
        trace=[(i * h, Q) for i, Q in enumerate(flow.Q)],
    )


@dataclass(frozen=True, slots=True)
class _Flow:
    """What happens on the grid: Q at its points, and what comes and is lost in each of its steps."""

    Q: list[float]
    inflow: list[float]
    lost: list[float]


def _inflow(S: Callable[[float], float], h: float, steps: int) -> list[float]:
    """Return ∫S over each step of length h, by Simpson's rule."""
    ends = [S(i * h) for i in range(steps + 1)]
    middles = [S((i + 0.5) * h) for i in range(steps)]
    if min(ends) < 0 or min(middles) < 0:
        raise UsageError("the arrival rate is negative somewhere", "rates are messages a second, 0 or above")
    return [h / 6 * (ends[i] + 4 * middles[i] + ends[i + 1]) for i in range(steps)]


def _flow(inflow: list[float], c: float, q: float, Q0: float) -> _Flow:
    """Return the levels of a basin out of which at most c flows in a step."""
    tiny = _ROUNDING * (Q0 + math.fsum(inflow))
    levels, lost, Q = [Q0], [], Q0
    for a in inflow:
        gain = a - c
        Q = max(0.0, Q + (0.0 if 0 < gain <= _ROUNDING * c else gain))
        if a <= c and tiny > Q:
            Q = 0.0  # what is left of a falling backlog by rounding is none
        lost.append(max(0.0, Q - q))
        Q = min(Q, q)
        levels.append(Q)
    return _Flow(levels, inflow, lost)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and math.isinf(value) else value


def _wait(Q: float, C: float) -> float:
    """Return Q/C, inf where nothing is worked off."""
    if Q == 0:
        return 0.0
    return Q / C if C else math.inf


def _waits(flow: _Flow, C: float) -> tuple[float, dict[int, float], float]:
    """Return mean, percentiles, and the share above 0, of the waits of the accepted."""
    waits = [_wait((before + behind) / 2, C) for before, behind in pairwise(flow.Q)]
    weights = [a - lost for a, lost in zip(flow.inflow, flow.lost, strict=True)]
    total = math.fsum(weights)
    if total <= 0:
        return 0.0, dict.fromkeys(_PERCENTILES, 0.0), 0.0
    by_wait = sorted(zip(waits, weights, strict=True))
    sums = list(accumulate(weight for _, weight in by_wait))
    found = {q: by_wait[min(bisect_left(sums, q / 100 * sums[-1]), len(sums) - 1)][0] for q in _PERCENTILES}
    mean = math.fsum(wait * weight for wait, weight in by_wait if weight) / total
    return mean, found, math.fsum(weight for wait, weight in by_wait if wait > 0) / total


def _drained_at(flow: _Flow, h: float, C: float, after: float) -> float | None:
    """Return when the backlog ended for the last time, 0 when there was none, None when it never ends."""
    steps = len(flow.inflow)
    if flow.Q[-1] > 0:
        seconds = steps * h + drain_seconds(flow.Q[-1], C, after)
        return None if math.isinf(seconds) else seconds
    last = max((i for i in range(steps) if flow.Q[i] > 0), default=None)
    return 0.0 if last is None else last * h + drain_seconds(flow.Q[last], C, flow.inflow[last] / h)
