"""Profiles: how many shots a second, as pure functions of time, and the exact instants that follow from them.

A profile has a rate R(t) and its integral Λ(t), both in closed form. Shot k (0, 1, 2 ...) is due when Λ(t) = k, so the
number of shots in any interval is within 1 of the integral of the rate over it, and nothing drifts.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import itertools
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from forebay.theory import sine

_PRECISE = 1e-10
"""Seconds within which an instant is found."""
_NEWTON = 20
"""Steps after which only bisection is trusted; three are usual."""


class Profile(ABC):
    """A rate over time. Frozen; its text form is what `forebay.load.notation.parse` reads."""

    @abstractmethod
    def rate(self, t: float) -> float:
        """Return R(t), shots a second, t seconds after the beginning."""

    @abstractmethod
    def cumulative(self, t: float) -> float:
        """Return Λ(t), the integral of the rate from 0 to t."""

    def shots(self, seconds: float) -> Iterator[float]:
        """Yield the instants of all shots within a run of `seconds`, in order, as seconds since its beginning."""
        total = self.cumulative(seconds)
        n = math.ceil(total * (1 - 1e-12))  # a sum that is whole but for its rounding is whole
        return self._instants(range(n), seconds)

    def _instants(self, targets: Iterable[float], seconds: float) -> Iterator[float]:
        """Yield the smallest t at which Λ reaches each of the rising targets."""
        t = 0.0
        for target in targets:
            t = self._inverse(target, t, seconds)
            yield t

    def _inverse(self, target: float, low: float, high: float) -> float:
        """Return the t in [low, high] at which Λ(t) = target.

        Newton's steps, and a bisection wherever a step would leave the bracket: where the rate touches 0.
        """
        if self.cumulative(low) >= target:
            return low
        t, steps = low, 0
        while high - low > _PRECISE:
            R = self.rate(t)
            step = (target - self.cumulative(t)) / R if R > 0 and steps < _NEWTON else math.inf
            t, steps = t + step, steps + 1
            if abs(step) < _PRECISE:
                return min(max(t, low), high)
            if not low < t < high:
                t = (low + high) / 2
            if self.cumulative(t) < target:
                low = t
            else:
                high = t
        return high


@dataclass(frozen=True, slots=True)
class Const(Profile):
    """The same rate all the time."""

    R: float

    def rate(self, t: float) -> float:
        """Return R."""
        return self.R

    def cumulative(self, t: float) -> float:
        """Return R t."""
        return self.R * t

    def __str__(self) -> str:
        return f"const({self.R:.12g})"


@dataclass(frozen=True, slots=True)
class Line(Profile):
    """From rate a to rate b in T seconds, rising or falling; then b."""

    a: float
    b: float
    T: float

    def rate(self, t: float) -> float:
        """Return a + (b − a) t/T."""
        return self.a + (self.b - self.a) * min(t / self.T, 1.0)

    def cumulative(self, t: float) -> float:
        """Return a t + (b − a) t²/2T."""
        s = min(t, self.T)
        return self.a * s + (self.b - self.a) * s * s / (2 * self.T) + self.b * (t - s)

    def __str__(self) -> str:
        return f"line({self.a:.12g}, {self.b:.12g}, {self.T:.12g}s)"


@dataclass(frozen=True, slots=True)
class Step(Profile):
    """From rate a to rate b by steps of h, upwards or downwards, each lasting T seconds; then b."""

    a: float
    b: float
    h: float
    T: float

    def rate(self, t: float) -> float:
        """Return a + i h, where i counts the steps passed (downwards: a − i h)."""
        return self.a + self._passed(t) * math.copysign(self.h, self.b - self.a)

    def cumulative(self, t: float) -> float:
        """Return T Σ (a + j h) over the i steps passed, and (a + i h)(t − i T) of the one that t is in."""
        i, h = self._passed(t), math.copysign(self.h, self.b - self.a)
        return self.T * (i * self.a + h * i * (i - 1) / 2) + (self.a + i * h) * (t - i * self.T)

    def _passed(self, t: float) -> int:
        last = math.floor(abs(self.b - self.a) / self.h + 1e-9)  # 0.3 is three steps of 0.1
        return min(int(t / self.T), last)

    def __str__(self) -> str:
        return f"step({self.a:.12g}, {self.b:.12g}, {self.h:.12g}, {self.T:.12g}s)"


@dataclass(frozen=True, slots=True)
class Sine(Profile):
    """A wave between two rates, from the trough; `phase` seconds further on at the beginning."""

    low: float
    high: float
    T: float
    phase: float = 0.0

    wave: sine.Sine = field(init=False, repr=False, compare=False)
    """The same as A sin(2πt/T + φ) + B, with the closed forms of the theory."""

    def __post_init__(self) -> None:
        phi = -math.pi / 2 + 2 * math.pi * self.phase / self.T
        wave = sine.Sine((self.high - self.low) / 2, (self.high + self.low) / 2, self.T, phi)
        object.__setattr__(self, "wave", wave)

    @property
    def period(self) -> float:
        """T: the load repeats itself after so many seconds."""
        return self.T

    def rate(self, t: float) -> float:
        """Return A sin(2πt/T + φ) + B."""
        return self.wave.rate(t)

    def cumulative(self, t: float) -> float:
        """Return Bt + (A/ω)(cos φ − cos(ωt + φ))."""
        return self.wave.cumulative(t)

    def __str__(self) -> str:
        phase = f", phase={self.phase:.12g}s" if self.phase else ""
        return f"sine({self.low:.12g}, {self.high:.12g}, {self.T:.12g}s{phase})"


@dataclass(frozen=True, slots=True)
class Poisson(Profile):
    """The rate of another profile with Poisson arrivals: independent users instead of a clock.

    The times of a Poisson process of rate 1, put through the inverse of Λ, are one of rate R(t) (Çinlar, "Introduction
    to Stochastic Processes" (1975), chapter 4, section 7). The same seed gives the same instants.
    """

    profile: Profile
    seed: int = 0

    def rate(self, t: float) -> float:
        """Return the mean rate."""
        return self.profile.rate(t)

    def cumulative(self, t: float) -> float:
        """Return the mean number."""
        return self.profile.cumulative(t)

    def shots(self, seconds: float) -> Iterator[float]:
        """Yield the instants within a run; their number is random with the mean Λ(seconds)."""
        source, total = random.Random(self.seed), self.profile.cumulative(seconds)
        unit_rate = itertools.accumulate(source.expovariate(1.0) for _ in itertools.count())
        return self._instants(itertools.takewhile(lambda x: x < total, unit_rate), seconds)

    def __str__(self) -> str:
        return f"poisson({self.profile}, seed={self.seed})"
