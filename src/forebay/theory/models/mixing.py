"""Tails of times that are a random number of exponential steps, a million of them too.

    P(T > t) = Σ_i P(i steps are done at t) · P(T has more than i steps)

Steps of one rate ν are done as a Poisson process: i is Poisson(νt). Where the k-th step from the end has the rate
(r + k)θ, i is negative binomial with r and e^(−θt). All terms are positive, so nothing cancels, and only those i are
summed that are possible. Source of the probabilities: C. Loader, "Fast and accurate computation of binomial
probabilities" (2000).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forebay.theory.solution import Tail

Vector = NDArray[np.float64]
Survival = Callable[[Vector], Vector]
"""Numbers i to P(more than i steps)."""

_WIDTH = 14.0
"""Standard deviations beyond which a Poisson number is not looked for: e^-98."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


def poisson_steps(rate: float, survival: Survival) -> Tail:
    """Return t -> P(T > t) of a time of steps of one rate, per second."""

    def tail(t: float) -> float:
        i, p = poisson_window(rate * t)
        return min(1.0, float(p @ survival(i)))

    return tail


def falling_steps(r: float, theta: float, survivals: Vector) -> Tail:
    """Return t -> P(T > t) of a time whose last step has the rate rθ, the one before it (r + 1)θ, and so on.

    Arguments:
        survivals: P(more than 0 steps), P(more than 1 step), ...; 0 behind their end.
    """

    def tail(t: float) -> float:
        i, p = _negative_binomial(r, theta * t, len(survivals))
        return float(p @ survivals[i.astype(np.int64)])

    return tail


def followed_by_exponential(tail: Tail, rate: float, end: float = math.inf) -> Tail:
    """Return t -> P(X + Y > t), Y exponential: e^(−μt) + μ∫G(v) e^(−μ(t−v)) dv over v from 0 to t, G the tail of X.

    Arguments:
        tail: of X. rate: μ of Y, per second. end: X is below it, in seconds; the tail may jump there.
    """

    def total(t: float) -> float:
        low, high = max(0.0, t - 40 / rate), min(t, end)
        if high <= low:
            return math.exp(-rate * t)
        # between two cuts u = e^(−μ(t−v)) runs evenly, and what is integrated is smooth
        cuts = np.exp(-rate * (t - np.linspace(low, high, 9)))
        half = np.diff(cuts) / 2
        middle = cuts[:-1] + half
        parts = [
            h * sum(w * tail(max(0.0, t + math.log(m + h * x) / rate)) for x, w in zip(_NODES, _WEIGHTS, strict=True))
            for m, h in zip(middle, half, strict=True)
        ]
        return min(1.0, math.exp(-rate * t) + float(sum(parts)))

    return total


def poisson_window(x: float) -> tuple[Vector, Vector]:
    """Return the numbers that Poisson(x) may be, and their probabilities."""
    spread = _WIDTH * math.sqrt(x) + 60
    i = np.arange(max(0.0, math.floor(x - spread)), math.ceil(x + spread))
    if x == 0:
        return np.zeros(1), np.ones(1)
    p = np.exp(-_stirling(i) - _deviance(i, x)) / np.sqrt(2 * np.pi * np.maximum(i, 1.0))
    if i[0] == 0:
        p[0] = math.exp(-x)
    return i, p


def _negative_binomial(r: float, x: float, end: int) -> tuple[Vector, Vector]:
    """Return the numbers below `end` that may be, and C(i + r − 1, i) e^(−rx) (1 − e^(−x))^i."""
    success, failure = math.exp(-x), -math.expm1(-x)
    if failure == 0 or success == 0:
        return np.zeros(1), np.full(1, success)
    mean = r * failure / success
    spread = math.sqrt(mean / success)
    low, high = mean - _WIDTH * spread - 60, mean + 3 * _WIDTH * spread + 60
    i = np.arange(max(0.0, math.floor(low)), min(float(end), math.ceil(high)))
    if not len(i):
        return np.zeros(1), np.zeros(1)
    n, last = r + i, np.full(1, r)
    exponent = _stirling(n) - _stirling(last) - _stirling(i) - _deviance(last, n * success) - _deviance(i, n * failure)
    p = np.exp(exponent) * np.sqrt(r / (2 * np.pi * n * np.maximum(i, 1.0)))
    if i[0] == 0:
        p[0] = math.exp(-r * x)
    return i, p


def _stirling(z: Vector) -> Vector:
    """Return ln Γ(z + 1) − ln(√(2πz) (z/e)^z); 0 for z = 0, which has no use for it."""
    inverse = 1 / np.maximum(z, 16.0)
    square = inverse * inverse
    series = (((1 / 1188 * square - 1 / 1680) * square + 1 / 1260) * square - 1 / 360) * square + 1 / 12
    found: Vector = series * inverse
    for k in np.flatnonzero(z < 16):
        x = float(z[k])
        found[k] = math.lgamma(x + 1) - (x + 0.5) * math.log(x) + x - math.log(2 * math.pi) / 2 if x else 0.0
    return found


def _deviance(x: Vector, mean: Vector | float) -> Vector:
    """Return x ln(x/m) + m − x, accurate where x is near m."""
    u = x / mean - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(x > 0, x * np.log1p(u), 0.0) - mean * u
    return np.asarray(found, dtype=np.float64)
