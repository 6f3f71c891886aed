"""Tails of times that are a random number of exponential steps, a million of them too.

    P(T > t) = Σ_i P(i steps are done at t) · P(T has more than i steps)

Steps of one rate ν are done as a Poisson process: i is Poisson(νt). Where the k-th step from the end has the rate
(r + k)θ, i is negative binomial with r and e^(−θt). All terms are positive, so nothing cancels, and only those i are
summed that are possible. Source of the probabilities: C. Loader, "Fast and accurate computation of binomial
probabilities" (2000).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forebay.theory.percentiles import Tail

Vector = NDArray[np.float64]
Survival = Callable[[Vector], Vector]
"""Numbers i to P(more than i steps)."""

_WIDTH = 14.0
"""Standard deviations beyond which a Poisson number is not looked for: e^-98."""
_HARDLY = 1e-12
"""A mean number below which more than one step is not possible, as far as a float can say."""
_NOTHING = 1e-17
_FORGOTTEN = 40.0
"""Mean times of work after which it does not matter what was: e^-40."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_TO_LEGENDRE = np.linalg.inv(np.polynomial.legendre.legvander(_NODES, len(_NODES) - 1))


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


def followed_by_exponential(tail: Tail, rate: float, smooth: float) -> Tail:
    """Return t -> P(X + Y > t) = e^(−μt) + μ∫G(v) e^(−μ(t−v)) dv over v from 0 to t, Y exponential, G the tail of X.

    G is taken as a polynomial over each `smooth`, and integrated by steps of 1/μ or less; what was found is kept.

    Arguments:
        tail: of X, smooth above 0. rate: μ of Y, per second. smooth: seconds within which the tail changes little.
    """
    steps = math.ceil(smooth * rate)
    step = smooth / steps
    shapes: dict[int, Vector] = {}  # of G
    wholes: dict[int, float] = {}  # the integral over all of step k
    reach = smooth
    while tail(reach) > _NOTHING:
        reach *= 2

    def within(k: int, share: float) -> float:
        piece, part = divmod(k, steps)
        if piece not in shapes:
            at = (piece + (1 + _NODES) / 2) * smooth
            shapes[piece] = np.asarray(_TO_LEGENDRE @ np.fromiter(map(tail, at.tolist()), np.float64, len(at)))
        G = np.polynomial.legendre.legval((2 * part + share * (1 + _NODES)) / steps - 1, shapes[piece])
        width = rate * step * share
        return width / 2 * float(_WEIGHTS @ (G * np.exp(width * (_NODES - 1) / 2)))

    def total(t: float) -> float:
        if t > reach:  # the wait is over: what is left is work
            return total(reach) * math.exp(-rate * (t - reach))
        k = int(t / step)
        first = max(0, k - math.ceil(_FORGOTTEN / (rate * step)))
        found = tail(first * step) if first else 1.0
        for earlier in range(first, k):
            if earlier not in wholes:
                wholes[earlier] = within(earlier, 1.0)
            found = found * math.exp(-rate * step) + wholes[earlier]
        share = t / step - k
        return found * math.exp(-rate * step * share) + within(k, share)

    return total


def poisson_window(x: float) -> tuple[Vector, Vector]:
    """Return the numbers that Poisson(x) may be, and their probabilities."""
    if x < _HARDLY:
        return np.arange(2.0), np.array([math.exp(-x), x])
    spread = _WIDTH * math.sqrt(x) + 60
    i = np.arange(max(0.0, math.floor(x - spread)), math.ceil(x + spread))
    p = np.exp(-_stirling(i) - _deviance(i, x)) / np.sqrt(2 * np.pi * np.maximum(i, 1.0))
    if i[0] == 0:
        p[0] = math.exp(-x)
    return i, p


def _negative_binomial(r: float, x: float, end: int) -> tuple[Vector, Vector]:
    """Return the numbers below `end` that may be, and C(i + r − 1, i) e^(−rx) (1 − e^(−x))^i."""
    success, failure = math.exp(-x), -math.expm1(-x)
    if success == 0:
        return np.zeros(1), np.zeros(1)
    mean = r * failure / success
    if mean < _HARDLY:
        return np.arange(2.0)[:end], np.array([math.exp(-r * x), r * failure])[:end]
    spread = math.sqrt(mean / success)
    low, high = mean - _WIDTH * spread - 60, mean + _WIDTH * spread + _WIDTH**2 / success
    i = np.arange(math.floor(min(max(0.0, low), end)), math.ceil(min(high, end)), dtype=np.float64)
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
