"""Bursts: arrivals whose rate jumps between two values, from the moments of their counts (MMPP with two states).

With π the share of the time in state 1, d = r₁ + r₂ the rate at which the process forgets its state, v the variance of
the rate and m₃ its third central moment, counts N(t) over windows of t have

    Var N/E N     = 1 + (2v/ad) (1 − (1 − e^(−dt))/dt)
    E(N − EN)³    = at + 3 (Var N − at) + 6 m₃ (t(1 + e^(−dt)) − 2(1 − e^(−dt))/d)/d²

The first gives d and v, the second m₃. Source of the first: H. Heffes, D. M. Lucantoni, "A Markov modulated
characterization of packetized voice and data traffic" (1986), eq. 7; the second follows from the autocorrelation
m₃ e^(−d(s₃−s₁)) of a process with two states.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forebay.theory.path import Seconds
from forebay.theory.system import Markovian

_WINDOWS = 30
"""Windows at least, of which a dispersion is taken."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Index of dispersion for counts: Var N/E N over windows of `seconds`, with its standard error for Poisson counts.

    0: a clock; 1: Poisson; above: bursts. `third` is the third central moment of the counts.
    """

    seconds: float
    index: float
    error: float
    third: float


@dataclass(frozen=True, slots=True)
class Bursts:
    """Two rates a second, the higher first, and how long each lasts in the mean, seconds."""

    rates: tuple[float, float]
    seconds: tuple[float, float]

    @property
    def name(self) -> str:
        """As the notation writes it."""
        (high, low), (on, off) = self.rates, self.seconds
        return f"MMPP({high:.4g}/s, {low:.4g}/s, {on:.4g}s, {off:.4g}s)"

    @property
    def process(self) -> Markovian:
        """The same as a Markovian arrival process."""
        (high, low), (on, off) = self.rates, self.seconds
        D0 = ((-1 / on - high, 1 / on), (1 / off, -1 / off - low))
        return Markovian(D0, ((high, 0.0), (0.0, low)), self.name)


def dispersions(arrived: Seconds) -> list[Dispersion]:
    """Return the dispersion over windows that double, from two gaps to a thirtieth of the whole.

    Arguments:
        arrived: instants of a process whose rate does not move, seconds, rising.
    """
    n = len(arrived)
    if n < 2 * _WINDOWS or arrived[-1] <= arrived[0]:
        return []
    whole = float(arrived[-1] - arrived[0])
    gap = whole / (n - 1)
    widths = [2**k * gap for k in range(1, int(math.log2(n / _WINDOWS)) + 1)]
    return [_dispersion(arrived - arrived[0], width, whole) for width in widths]


def _dispersion(arrived: Seconds, width: float, whole: float) -> Dispersion:
    m = int(whole / width)
    counts = np.bincount((arrived[arrived < m * width] / width).astype(int), minlength=m)[:m].astype(float)
    rest = counts - counts.mean()
    third = float(np.mean(rest**3)) * m * m / ((m - 1) * max(m - 2, 1))
    return Dispersion(width, float(rest @ rest) / (m - 1) / float(counts.mean()), math.sqrt(2 / (m - 1)), third)


def bursts_of(rate: float, found: list[Dispersion]) -> Bursts | None:
    """Return the two rates and their times; None where counts do not spread more than Poisson ones.

    Arguments:
        rate: a, mean, per second.
        found: what `dispersions` has found.
    """
    t = np.array([one.seconds for one in found])
    over = np.array([one.index - 1 for one in found])
    weights = np.array([1 / one.error**2 for one in found]) / np.maximum(1 + over, 0.1) ** 2
    d, height = _forgetting(t, over, weights)
    v = height * rate * d / 2
    if not (height > 0 and v > 0):
        return None
    return _of_moments(rate, v, _third(rate, d, found), d)


def _forgetting(t: Seconds, over: Seconds, weights: Seconds) -> tuple[float, float]:
    """Return d and the height of height·(1 − (1 − e^(−dt))/dt), the nearest curve of this form."""
    best = (math.inf, 1.0, 0.0)
    for d in np.geomspace(0.05 / t[-1], 20 / t[0], 400):
        form = 1 + np.expm1(-d * t) / (d * t)
        height = float(weights * form @ over / (weights * form @ form))
        miss = float(weights @ (over - height * form) ** 2)
        best = min(best, (miss, float(d), height))
    return best[1], best[2]


def _third(a: float, d: float, found: list[Dispersion]) -> float:
    """Return m₃ from the windows that are about as long as the memory."""
    one = min(found, key=lambda one: abs(math.log(one.seconds * d)))
    t = one.seconds
    grown = (t * (1 + math.exp(-d * t)) + 2 * math.expm1(-d * t) / d) / (d * d)
    return (one.third - a * t - 3 * (one.index - 1) * a * t) / (6 * grown)


def _of_moments(a: float, v: float, m3: float, d: float) -> Bursts:
    """Return the two states whose rate has the mean a, the variance v and the third central moment m₃."""
    skew = m3 / v
    root = math.sqrt(skew * skew + 4 * v)
    above, below = (skew + root) / 2, (root - skew) / 2
    if below > a:  # a rate is never negative: the lower one is 0, and the variance is kept
        above, below = v / a, a
    high = below / (above + below)
    return Bursts((a + above, a - below), (1 / (d * (1 - high)), 1 / (d * high)))
