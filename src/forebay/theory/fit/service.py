"""How long work takes: its moments and percentiles, the laws that could be it, and whether load makes it longer.

Candidates are fitted by moments or by likelihood and ranked by Akaike's criterion; how good the best one is tells the
distance of Kolmogorov and Smirnov, for with enough samples no law is exactly right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.fit.candidates import Candidate, candidates
from forebay.theory.fit.log import Log
from forebay.theory.fit.operational import at_once
from forebay.theory.laws import Deterministic, General, Law, Samples
from forebay.theory.path import Seconds

LEAST = 20
"""Times below which no law is told."""
PERCENTS = (50.0, 95.0, 99.0)
_CONSTANT = 0.0025
"""c² up to which times count as all the same: a coefficient of variation of 5 %."""
_NEAR = 0.03
"""Distance of Kolmogorov and Smirnov up to which a law is near enough to predict with."""
_REFUSED = 0.01
_AS_LIKELY = 6.0
"""Difference of Akaike's criterion up to which the other law cannot be ruled out."""
_TESTED = 20_000
_GROWS = 0.1


@dataclass(frozen=True, slots=True)
class Contention:
    """How work grows with the number at work.

    Arguments:
        alone, crowded: mean time with the fewest and with the most at work, seconds, on the straight line through all.
        least, most: those numbers. sigmas: the slope over its standard error.
    """

    alone: float
    crowded: float
    least: float
    most: float
    sigmas: float

    @property
    def growth(self) -> float:
        """By what share it grows."""
        return self.crowded / self.alone - 1 if self.alone > 0 else math.inf

    @property
    def matters(self) -> bool:
        """Whether it is more than chance, and more than a tenth."""
        return abs(self.sigmas) > 4 and abs(self.growth) > _GROWS


@dataclass(frozen=True, slots=True, eq=False)
class ServiceFit:
    """What work was like; times are seconds.

    Arguments:
        times: as measured.
        mean, mean_error: and its standard error. c2, c2_error: squared variation.
        percentiles: p50, p95, p99 by percent. longest: the largest.
        tail: Hill's index of the longest twentieth: about 1 and below, the mean itself is not to be trusted; a tail
            that is lighter than a power has a large one.
        candidates: the laws, the likeliest first; empty where all times are the same.
        contention: how it depends on load; None: not known.
    """

    times: Seconds
    mean: float
    mean_error: float
    c2: float
    c2_error: float
    percentiles: dict[float, float]
    longest: float
    tail: float
    candidates: tuple[Candidate, ...]
    contention: Contention | None

    @property
    def best(self) -> Candidate | None:
        """The law to predict with: of those that are near enough one of the notation, as likely as any, and simple."""
        near = [one for one in self.candidates if one.ks.p > _REFUSED or one.ks.statistic <= _NEAR]
        likely = self.candidates[0].aic + _AS_LIKELY if near else 0.0
        return min(near, key=lambda one: (one.law is None, one.aic > likely, one.parameters, one.aic), default=None)

    @property
    def law(self) -> Law:
        """The law as the theory takes it: the best one, or what has its two moments."""
        if self.c2 <= _CONSTANT:
            return Deterministic(self.mean)
        if self.best is not None and self.best.law is not None:
            return self.best.law
        return General(self.mean, float(f"{self.c2:.3g}"))

    @property
    def samples(self) -> Samples:
        """The times themselves as a law, for a simulation; of many, some thousand evenly chosen by their size."""
        ordered = np.sort(self.times)
        some = ordered[:: max(1, len(ordered) // _TESTED)]
        return Samples.of(some.tolist(), "measured")


def service_of(log: Log) -> ServiceFit:
    """Return what the work was like.

    Raises:
        UsageError: the log does not tell it, or of too few.
    """
    times = log.works
    n = len(times)
    if n < LEAST:
        raise UsageError(
            f"{n} times of work do not tell a law" if n else "the log does not tell how long work takes",
            f"{LEAST} are the least" if n else "it needs `started` and `ended`, or `work`",
        )
    mean = float(times.mean())
    c2, c2_error = variation(times)
    return ServiceFit(
        times=times,
        mean=mean,
        mean_error=float(times.std(ddof=1)) / math.sqrt(n),
        c2=c2,
        c2_error=c2_error,
        percentiles={p: float(x) for p, x in zip(PERCENTS, np.percentile(times, PERCENTS), strict=True)},
        longest=float(times.max()),
        tail=_hill(times),
        candidates=tuple(candidates(times[:: max(1, n // _TESTED)])) if c2 > _CONSTANT and mean > 0 else (),
        contention=_contention(log),
    )


def variation(times: Seconds) -> tuple[float, float]:
    """Return c² and its standard error, by the influence of each time (delta method)."""
    mean, variance = float(times.mean()), float(times.var())
    if mean <= 0:
        return 0.0, 0.0
    c2 = variance / mean**2
    influence = ((times - mean) ** 2 - variance) / mean**2 - 2 * c2 * (times - mean) / mean
    return c2, float(influence.std()) / math.sqrt(len(times))


def _hill(times: Seconds) -> float:
    """Return the tail index: B. M. Hill, "A Simple General Approach to Inference About the Tail" (1975)."""
    longest = np.sort(times)[-max(2, len(times) // 20) :]
    if longest[0] <= 0:
        return math.inf
    mean: Any = np.mean(np.log(longest[1:] / longest[0]))
    return float(1 / mean) if mean > 0 else math.inf


def _contention(log: Log) -> Contention | None:
    """Return the straight line of the times over the number at work when each begins.

    Later numbers would not do: a long work sees more come than a short one, however they depend on each other.
    """
    started, ended = log.busy
    if len(started) < LEAST:
        return None
    t, level = at_once(started, ended)
    count = np.append(0.0, level)[np.searchsorted(t, started, side="right")]
    x, times = count - count.mean(), ended - started
    spread = float(x @ x)
    if spread < 1e-9:
        return None
    slope = float(x @ times) / spread
    rest = times - times.mean() - slope * x
    error = math.sqrt(float((x * x) @ (rest * rest))) / spread  # White's: the spread may grow with the load too
    low, high = np.percentile(count, (5, 95))
    at = [float(times.mean() + slope * (level - count.mean())) for level in (low, high)]
    return Contention(at[0], at[1], float(low), float(high), slope / max(error, 1e-300))
