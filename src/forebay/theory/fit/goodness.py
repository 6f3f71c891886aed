"""How far samples are from a law: Kolmogorov-Smirnov and Anderson-Darling, with p-values.

The p-values are those of a law that was known before. Parameters that were taken from the samples themselves make the
fit look better, so with them a p-value is the most that it can be: a small one refuses the law all the same.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forebay.theory.path import Seconds

Distribution = Callable[[Seconds], Seconds]
"""t to P(X <= t)."""


@dataclass(frozen=True, slots=True)
class Goodness:
    """Arguments: `statistic`: the distance; `p`: the chance of one as large, if the law were the right one."""

    statistic: float
    p: float


def kolmogorov_smirnov(samples: Seconds, distribution: Distribution) -> Goodness:
    """Return the largest difference D between the two distribution functions.

    The p-value is Kolmogorov's with the correction for small samples of M. A. Stephens, "EDF Statistics for Goodness
    of Fit" (1974), table 1A.
    """
    F, n = distribution(np.sort(samples)), len(samples)
    k = np.arange(1, n + 1)
    D = float(max(np.max(k / n - F), np.max(F - (k - 1) / n)))
    return Goodness(D, _kolmogorov(D * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))))


def anderson_darling(samples: Seconds, distribution: Distribution) -> Goodness:
    """Return A², which weighs the tails more; the p-value is that of many samples.

    Source: T. W. Anderson, D. A. Darling (1954); p by G. Marsaglia, J. Marsaglia, "Evaluating the Anderson-Darling
    Distribution" (2004), function adinf.
    """
    F, n = np.clip(distribution(np.sort(samples)), 1e-300, 1 - 1e-16), len(samples)
    k = np.arange(1, n + 1)
    A2 = float(-n - np.sum((2 * k - 1) * (np.log(F) + np.log1p(-F[::-1]))) / n)
    return Goodness(A2, 1 - _adinf(A2))


def _kolmogorov(x: float) -> float:
    """Return P(√n D > x) for many samples."""
    if x < 0.2:
        return 1.0
    terms = (2 * (-1) ** (j - 1) * math.exp(-2 * (j * x) ** 2) for j in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def _adinf(z: float) -> float:
    if z <= 0:
        return 0.0
    if z < 2:
        inner = 2.00012 + (0.247105 - (0.0649821 - (0.0347962 - (0.011672 - 0.00168691 * z) * z) * z) * z) * z
        return math.exp(-1.2337141 / z) / math.sqrt(z) * inner
    if z > 32:  # the approximation ends there, and so does the chance
        return 1.0
    inner = 1.0776 - (2.30695 - (0.43424 - (0.082433 - (0.008056 - 0.0003146 * z) * z) * z) * z) * z
    return math.exp(-math.exp(inner))
