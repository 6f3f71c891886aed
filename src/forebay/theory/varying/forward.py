"""The forward equations of a birth and death chain whose birth rate changes with time, solved on its occupied states.

    dp_k/dt = λ_{k−1} p_{k−1} + δ_{k+1} p_{k+1} − (λ_k + δ_k) p_k,   0 <= k <= K

Each step is the Taylor polynomial of degree 4 of the matrix exponential, which is stable while h(λ + δ) <= 1.39, with
the mean rates of the step. Only the states that hold more than nothing are computed: a backlog of thousands is a hill
some hundreds wide. Source of solving them numerically: W. K. Grassmann, "Transient solutions in Markovian queueing
systems", Computers & Operations Research 4 (1977).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STABLE = 1.35
"""h(λ + δ) of a step."""
_NOTHING = 1e-13
"""Probability that is left out at each end of the window."""
_ORDER = (4, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class Hill:
    """The probabilities of the states `low`, `low` + 1, ...; all others are nothing.

    State k stands for the number `origin` + k `unit`.
    """

    low: int
    p: Floats
    unit: float = 1.0
    origin: float = 0.0

    @property
    def states(self) -> Floats:
        """The states, as numbers."""
        return np.arange(self.low, self.low + len(self.p), dtype=float)

    @property
    def numbers(self) -> Floats:
        """What the states stand for."""
        return self.origin + self.states * self.unit

    def quantile(self, share: float) -> float:
        """Return the smallest number that is not exceeded with this probability."""
        sums = np.cumsum(self.p)
        k = self.low + min(int(np.searchsorted(sums, share * sums[-1])), len(sums) - 1)
        return self.origin + k * self.unit

    def at(self, k: int) -> float:
        """Return P(state = k)."""
        return float(self.p[k - self.low]) if 0 <= k - self.low < len(self.p) else 0.0

    def differs(self, other: Hill) -> float:
        """Return Σ |p_k − p'_k|."""
        low, high = min(self.low, other.low), max(self.low + len(self.p), other.low + len(other.p))
        return float(np.abs(self.over(low, high) - other.over(low, high)).sum())

    def over(self, low: int, high: int) -> Floats:
        """Return the probabilities of the states from `low` to below `high`, which hold all of these."""
        p = np.zeros(high - low)
        p[self.low - low : self.low - low + len(self.p)] = self.p
        return p


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a chain in one stretch of time.

    Arguments:
        cumulative: Λ(t), the integral of the arrival rate, counted from anywhere.
        deaths: δ_k of the states 0 to K, a second.
        births: λ_k of the states, a second, constant in this stretch; None: the arrival rate, whatever the state.
    """

    cumulative: Callable[[float], float]
    deaths: Floats
    births: Floats | None = None


def advance(hill: Hill, t: float, H: float, rates: Rates, seen: Floats, least: int = 1) -> Hill:  # noqa: N803
    """Return the probabilities H seconds after t, and count what the arrivals found.

    Arguments:
        rates: of this stretch.
        seen: by state; gets ∫ p_k dΛ.
        least: steps, of which there may be more.
    """
    quickest = _quickest(rates.cumulative, t, H) if rates.births is None else float(rates.births.max()) * H
    low, high = _window(hill, quickest, float(rates.deaths.max()) * H, len(rates.deaths))
    deaths = rates.deaths[low:high]
    steps = max(least, math.ceil((quickest + float(deaths.max()) * H) / _STABLE))
    h = H / steps
    come = np.diff([rates.cumulative(t + h * i) for i in range(steps + 1)])
    p = hill.over(low, high)
    births = None if rates.births is None else rates.births[low:high] * h
    _take(p, come, births, deaths * h, seen[low:high])
    return _clipped(Hill(low, p))


def _quickest(cumulative: Callable[[float], float], t: float, H: float) -> float:  # noqa: N803
    """Return how many would come in H if they came as quickly as in the quickest eighth of it."""
    marks = [cumulative(t + H * i / 8) for i in range(9)]
    return 8 * max(after - before for before, after in pairwise(marks))


def _window(hill: Hill, born: float, died: float, states: int) -> tuple[int, int]:
    """Return the states that may be reached from ends that hold nothing: what comes or goes, and three deviations."""
    up, down = (int(x + 3 * math.sqrt(x)) + 8 for x in (born, died))
    return max(0, hill.low - down), min(states, hill.low + len(hill.p) + up)


def _clipped(hill: Hill) -> Hill:
    inside = np.flatnonzero(np.abs(hill.p) > _NOTHING)
    return Hill(hill.low + int(inside[0]), hill.p[inside[0] : inside[-1] + 1].copy())


def _take(p: Floats, come: Floats, births: Floats | None, deaths: Floats, seen: Floats) -> None:
    """Take the steps in place: p + hQ(p + hQ/2(p + hQ/3(p + hQ/4 p)))."""
    y, flow, up, spent = p.copy(), np.zeros(len(p) + 1), np.empty(len(p) - 1), np.empty_like(p)
    inner, left, right, upper, lower = flow[1:-1], flow[1:], flow[:-1], y[1:], y[:-1]
    falls = [deaths[1:] / j for j in _ORDER]
    rises = [None if births is None else births[:-1] / j for j in _ORDER]
    weights = np.convolve(come, [0.5, 0.5]).tolist()  # of p at the ends of the steps: the trapezoidal rule
    for born, weight in zip(come.tolist(), weights[:-1], strict=True):
        np.multiply(p, weight, out=spent)
        seen += spent
        y[:] = p
        for j, falling, rising in zip(_ORDER, falls, rises, strict=True):
            np.multiply(upper, falling, out=inner)
            np.multiply(lower, born / j if rising is None else rising, out=up)
            np.subtract(inner, up, out=inner)
            np.subtract(left, right, out=y)
            y += p
        p[:] = y
    seen += p * weights[-1]
