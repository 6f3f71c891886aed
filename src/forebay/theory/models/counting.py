"""How many events of a Poisson process fall into a random time: a_j = E[e^(−γS) (γS)^j/j!], for every law, exactly.

Source: L. Takács, "Introduction to the Theory of Queues" (1962), chapter 1; all sums are of positive terms.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Samples, Uniform
from forebay.theory.models.mixing import poisson_window

Array = NDArray[np.float64]
_REST = 1e-17
_MOST = 200_000


@singledispatch
def counts(law: Law, rate: float, size: int) -> Array:
    """Return a_0..a_{size−1} for events at `rate` a second."""
    raise UsageError(f"a law {law.letter} of your own has no formula here", "simulate it, or take its samples")


@counts.register
def _(law: Exponential, rate: float, size: int) -> Array:
    return _binomial(1, rate * law.mean, size)


@counts.register
def _(law: Erlang, rate: float, size: int) -> Array:
    return _binomial(law.k, rate * law.mean / law.k, size)


@counts.register
def _(law: Hyperexponential, rate: float, size: int) -> Array:
    return np.asarray(sum(p * _binomial(1, rate * m, size) for p, m in law.branches))


@counts.register
def _(law: General, rate: float, size: int) -> Array:
    if law.c2 == 0:
        return _poisson(rate * law.mean, size)
    return _binomial(1 / law.c2, rate * law.mean * law.c2, size)


@counts.register
def _(law: Deterministic, rate: float, size: int) -> Array:
    return _poisson(rate * law.mean, size)


@counts.register
def _(law: Uniform, rate: float, size: int) -> Array:
    width = 2 * rate * law.mean
    first, weights = window(width)
    above = np.append(weights[::-1].cumsum()[::-1][1:], 0.0)
    return _padded(np.append(np.ones(first), above) / width, size)


@counts.register
def _(law: Samples, rate: float, size: int) -> Array:
    times, shares = np.unique(law.seconds, return_counts=True)
    result = np.zeros(size)
    for time, share in zip(times, shares / len(law.seconds), strict=True):
        first, weights = window(rate * float(time))
        kept = weights[: max(size - first, 0)]
        result[first : first + len(kept)] += share * kept
    return result


def window(mean: float) -> tuple[int, Array]:
    """Return (k, weights): the Poisson probabilities of k, k + 1, ..., all that are not negligible."""
    numbers, weights = poisson_window(mean)
    return int(numbers[0]), weights


def _poisson(mean: float, size: int) -> Array:
    first, weights = window(mean)
    return _padded(np.append(np.zeros(first), weights), size)


def _padded(values: Array, size: int) -> Array:
    return np.append(values[:size], np.zeros(max(size - len(values), 0)))


def _binomial(k: float, mean: float, size: int) -> Array:
    """Return the negative binomial law of the count in a gamma time of shape k and scale such that γ scale = mean."""
    j = np.arange(1, size)
    ratios = np.log((k + j - 1) / j) + math.log(mean / (1 + mean))
    return np.exp(np.append(0.0, ratios.cumsum()) - k * math.log1p(mean))


def all_counts(law: Law, rate: float) -> Array:
    """Return a_0, a_1, ... until what is left is below 1e-17 or so.

    Raises:
        UsageError: there are more than 200 000.
    """
    size = 64
    while size <= _MOST:
        values = counts(law, rate, size)
        if 1 - values.sum() < 1e-13 and values[-1] < _REST:
            return values[: int(np.flatnonzero(values > _REST)[-1]) + 1]
        size *= 2
    raise UsageError(
        f"about {rate * law.mean:.3g} events fall into one time of {law.letter}", "forebay simulate takes such a system"
    )
