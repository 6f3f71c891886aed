"""Who comes: the rate, how it moves, and whether by a clock, at random, or in bursts.

Everything but the rate is judged after its movement is taken out: the instants are put through Λ(t), which makes of a
process with the rate S(t) one with a rate that stands still (E. N. Brown et al., "The Time-Rescaling Theorem" (2002)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.fit.bursts import Bursts, Dispersion, bursts_of, dispersions
from forebay.theory.fit.goodness import Goodness, anderson_darling
from forebay.theory.fit.service import variation
from forebay.theory.fit.trend import Flat, Trend, Wave, trend_of
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Law
from forebay.theory.path import Seconds
from forebay.theory.system import Arrivals, Varying

LEAST = 20
"""Arrivals below which nothing but their number is said."""
_CLOSE = 0.1
"""What c² and the dispersion may be off 1, beside their intervals, and still be called Poisson."""
_SIGMAS = 3.0
_TESTED = 5000


class Kind(StrEnum):
    """What kind of arrivals they are."""

    CLOCK = "clock"
    """One after the other at equal distances, as an open load generator sends them."""
    POISSON = "poisson"
    """Independent of each other, as many users are."""
    BURSTS = "bursts"
    """Many, then few: counts spread more than Poisson ones."""
    REGULAR = "regular"
    """Between a clock and Poisson."""


@dataclass(frozen=True, slots=True)
class ArrivalFit:
    """What arrivals were like.

    Arguments:
        n: how many. seconds: of the watching.
        rate: per second; `rate_error` its standard error.
        trend: how the rate moves.
        c2, c2_error: squared variation of the gaps, the movement taken out. lag: their correlation with the next.
        dispersion: index for counts over the longest windows; None: too few arrivals. dispersions: over all windows.
        together: the share that came at the instant of the one before.
        kind: which kind it is. poisson: how near the gaps are to exponential ones, Anderson and Darling.
        bursts: the two rates, where it comes in bursts.
    """

    n: int
    seconds: float
    rate: float
    rate_error: float
    trend: Trend
    c2: float
    c2_error: float
    lag: float
    dispersion: Dispersion | None
    dispersions: tuple[Dispersion, ...]
    together: float
    kind: Kind
    poisson: Goodness
    bursts: Bursts | None

    @property
    def moves(self) -> bool:
        """Whether the rate moves."""
        return not isinstance(self.trend, Flat)

    @property
    def process(self) -> Arrivals:
        """The arrivals as the theory takes them: a rate that moves, bursts, or the law of the gaps."""
        if self.moves:
            load = self.trend.load if isinstance(self.trend, Wave) else self.trend
            return Varying(load, poisson=self.kind is not Kind.CLOCK)
        return self.bursts.process if self.bursts else self.law

    @property
    def law(self) -> Law:
        """The law of the gaps, the rate taken as if it stood still."""
        mean = 1 / self.rate
        if self.kind is Kind.CLOCK:
            return Deterministic(mean)
        if self.kind is Kind.POISSON:
            return Exponential(mean)
        k = max(1, round(1 / self.c2))
        near = self.kind is Kind.REGULAR and abs(1 / k - self.c2) <= max(_SIGMAS * self.c2_error, 0.05 * self.c2)
        return Erlang(mean, k) if near and k > 1 else General(mean, self.c2)


def arrivals_of(arrived: Seconds, seconds: float) -> ArrivalFit:
    """Return what arrivals were like.

    Arguments:
        arrived: instants, seconds from the beginning of the watching, rising.
        seconds: how long it was watched.

    Raises:
        UsageError: there are too few of them.
    """
    n = len(arrived)
    if n >= LEAST and seconds <= 0:
        raise UsageError(f"all {n} came at one instant, which tells no rate", "is the clock of the log too coarse?")
    if n < LEAST:
        raise UsageError(f"{n} arrivals do not tell a law", f"{LEAST} are the least, a thousand are good")
    trend = trend_of(arrived, seconds)
    level = trend.cumulative(arrived) * seconds / float(trend.cumulative(seconds))
    gaps = np.diff(level)
    c2, c2_error = variation(gaps)
    spread = dispersions(level)
    longest = spread[-1] if spread else None
    lag = float(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) if float(gaps.std()) > 1e-9 * float(gaps.mean()) else 0.0
    kind = _kind(c2, c2_error, spread)
    return ArrivalFit(
        n=n,
        seconds=seconds,
        rate=n / seconds,
        rate_error=math.sqrt(n * (longest.index if longest else c2)) / seconds,
        trend=trend,
        c2=c2,
        c2_error=c2_error,
        lag=lag,
        dispersion=longest,
        dispersions=tuple(spread),
        together=float(np.mean(np.diff(arrived) == 0)),
        kind=kind,
        poisson=_exponential(gaps),
        bursts=bursts_of(n / seconds, spread) if kind is Kind.BURSTS else None,
    )


def _kind(c2: float, c2_error: float, spread: list[Dispersion]) -> Kind:
    widest = max(spread, key=lambda one: one.index - _SIGMAS * one.error * max(one.index, 1.0), default=None)
    if widest and widest.index - _SIGMAS * widest.error * max(widest.index, 1.0) > 1 + 2 * _CLOSE:
        return Kind.BURSTS
    index = spread[-1].index if spread else c2
    if c2 < 0.02 or index < 0.1:
        return Kind.CLOCK
    if c2 + _SIGMAS * c2_error < 1 - _CLOSE:
        return Kind.REGULAR
    return Kind.POISSON if c2 - _SIGMAS * c2_error <= 1 + _CLOSE else Kind.BURSTS


def _exponential(gaps: Seconds) -> Goodness:
    """Return how near gaps are to exponential ones; of many, some thousand evenly chosen, for nothing is exact."""
    some: Any = gaps[:: max(1, len(gaps) // _TESTED)]
    mean = float(some.mean())
    return anderson_darling(some, lambda t: -np.expm1(-t / mean)) if mean > 0 else Goodness(math.inf, 0.0)
