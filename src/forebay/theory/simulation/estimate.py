"""What a simulation says of a quantity: a value, and the interval that holds the true one in 95 of 100 cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.theory.simulation.student import half_width

CONFIDENCE = 0.95
_ROUNDING = 1e-12
"""What is narrower, as a share of the value, is the rounding of floats and not chance."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval of 95 %; all three nan when there is nothing to estimate from.

    Arguments:
        value: in the unit of the quantity. low, high: ends of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def relative(self) -> float:
        """Half of the width as a share of the value; 0 where all is 0, nan where nothing is known."""
        return self.half / abs(self.value) if self.value else (0.0 if self.half == 0 else math.inf)

    def __contains__(self, true: float) -> bool:
        return self.low <= true <= self.high

    def within(self, low: float, high: float) -> Estimate:
        """Return value and interval cut to what is possible; where there is no interval, there is none after."""
        if not math.isfinite(self.half):
            return self
        return Estimate(*(min(max(low, one), high) for one in (self.value, self.low, self.high)))

    def times(self, factor: float) -> Estimate:
        """Return the estimate in another unit."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def as_dict(self) -> dict[str, Any]:
        """Return value, low and high."""
        return {"value": self.value, "low": self.low, "high": self.high}


NOTHING = Estimate(math.nan, math.nan, math.nan)


def of_ratio(Y: Numbers, X: Numbers) -> Estimate:  # noqa: N803 - the letters of the formula
    """Return ΣY/ΣX with the interval of the batches: r ± t √(k/(k−1) Σ(Y_i − r X_i)²)/ΣX.

    Source: A. M. Law, "Simulation Modeling and Analysis" (5th ed. 2015), section 9.5; the ratio by its linearisation.

    Arguments:
        Y, X: sums of the batches, shape (k,).
    """
    total, k = float(X.sum()), len(X)
    if not total > 0:
        return NOTHING
    r = float(Y.sum()) / total
    if k < 2:
        return Estimate(r, -math.inf, math.inf)
    spread = math.sqrt(k / (k - 1) * float(((Y - r * X) ** 2).sum())) / total
    half = half_width(CONFIDENCE, k - 1) * spread
    if half < _ROUNDING * abs(r):
        return Estimate(r, r, r)
    return Estimate(r, r - half, r + half)


def of_mean(values: Numbers) -> Estimate:
    """Return the mean of independent values, shape (k,), with Student's interval; nan are left away."""
    known = values[~np.isnan(values)]
    return of_ratio(known, np.ones(len(known)))


def of_quantile(values: Numbers, share: float) -> Estimate:
    """Return the quantile of independent values, shape (k,), with the interval of its order statistics; no law needed.

    The rank of the true quantile is binomial, which is taken as normal. Source: W. J. Conover, "Practical
    Nonparametric Statistics" (3rd ed. 1999), section 3.2.
    """
    known = np.sort(values[~np.isnan(values)])
    k = len(known)
    if not k:
        return NOTHING
    middle, wide = k * share, 1.96 * math.sqrt(k * share * (1 - share))
    low, high = math.floor(middle - wide), math.ceil(middle + wide)
    return Estimate(
        float(known[min(max(math.ceil(middle) - 1, 0), k - 1)]),
        float(known[low - 1]) if low >= 1 else -math.inf,
        float(known[high]) if high < k else math.inf,
    )


def lag_one(values: Numbers) -> float:
    """Return the correlation of each with the next, shape (k,); 0 where all are equal."""
    off = values - values.mean()
    scale = float((off * off).sum())
    return float((off[:-1] * off[1:]).sum()) / scale if scale > 0 else 0.0
