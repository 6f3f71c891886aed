"""The shapes of a load: constant, a line, steps, all at once, as fast as possible, a wave; all in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forebay.load.profiles.profile import Profile, Rush
from forebay.theory.varying import sine

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Seconds


@dataclass(frozen=True, slots=True)
class Const(Profile):
    """The same rate for T seconds; then nothing."""

    R: float
    T: float = math.inf

    @property
    def span(self) -> float:
        """T."""
        return self.T

    def rate(self, t: float) -> float:
        """Return R."""
        return self.R if t < self.T else 0.0

    def cumulative(self, t: float) -> float:
        """Return R t."""
        return self.R * min(t, self.T)

    def at(self, x: Seconds) -> Seconds:
        """Return x/R."""
        return x / self.R

    def __str__(self) -> str:
        span = "" if math.isinf(self.T) else f", {self.T:.12g}s"
        return f"const({self.R:.12g}{span})"


@dataclass(frozen=True, slots=True)
class Line(Profile):
    """From rate a to rate b in T seconds, rising or falling; then b."""

    a: float
    b: float
    T: float

    @property
    def span(self) -> float:
        """T."""
        return self.T

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

    @property
    def span(self) -> float:
        """T for each step, the last one too."""
        return self.T * (self._last + 1)

    def rate(self, t: float) -> float:
        """Return a + i h, where i counts the steps passed (downwards: a − i h)."""
        return self.a + self._passed(t) * math.copysign(self.h, self.b - self.a)

    def cumulative(self, t: float) -> float:
        """Return T Σ (a + j h) over the i steps passed, and (a + i h)(t − i T) of the one that t is in."""
        i, h = self._passed(t), math.copysign(self.h, self.b - self.a)
        return self.T * (i * self.a + h * i * (i - 1) / 2) + (self.a + i * h) * (t - i * self.T)

    @property
    def _last(self) -> int:
        return math.floor(abs(self.b - self.a) / self.h + 1e-9)  # 0.3 is three steps of 0.1

    def _passed(self, t: float) -> int:
        return min(int(t / self.T), self._last)

    def __str__(self) -> str:
        return f"step({self.a:.12g}, {self.b:.12g}, {self.h:.12g}, {self.T:.12g}s)"


@dataclass(frozen=True, slots=True)
class Sine(Profile):
    """A wave between two rates, from the trough; `phase` seconds further on at the beginning; then nothing.

    Arguments:
        low, high: a second. T: the period, seconds. lasting: seconds.
    """

    low: float
    high: float
    T: float
    phase: float = 0.0
    lasting: float = math.inf

    wave: sine.Sine = field(init=False, repr=False, compare=False)
    """The same as A sin(2πt/T + φ) + B, with the closed forms of the theory."""

    def __post_init__(self) -> None:
        phi = -math.pi / 2 + 2 * math.pi * self.phase / self.T
        wave = sine.Sine((self.high - self.low) / 2, (self.high + self.low) / 2, self.T, phi)
        object.__setattr__(self, "wave", wave)

    @property
    def period(self) -> float | None:
        """T, after which the load repeats itself; None where it ends."""
        return self.T if math.isinf(self.lasting) else None

    @property
    def span(self) -> float:
        """As long as it lasts."""
        return self.lasting

    def rate(self, t: float) -> float:
        """Return A sin(2πt/T + φ) + B."""
        return self.wave.rate(t) if t < self.lasting else 0.0

    def cumulative(self, t: float) -> float:
        """Return Bt + (A/ω)(cos φ − cos(ωt + φ))."""
        return self.wave.cumulative(min(t, self.lasting))

    def __str__(self) -> str:
        phase = f", phase={self.phase:.12g}s" if self.phase else ""
        lasting = "" if math.isinf(self.lasting) else f", lasting={self.lasting:.12g}s"
        return f"sine({self.low:.12g}, {self.high:.12g}, {self.T:.12g}s{phase}{lasting})"


@dataclass(frozen=True, slots=True)
class Once(Profile):
    """So many shots at the first instant, and nothing more."""

    shots_at_once: int

    @property
    def span(self) -> float:
        """No time."""
        return 0.0

    def rate(self, t: float) -> float:
        """Return 0: there is no time in which they come."""
        return 0.0

    def cumulative(self, t: float) -> float:
        """Return how many they are."""
        return float(self.shots_at_once)

    def at(self, x: Seconds) -> Seconds:
        """Return 0 for each."""
        return x * 0.0

    def __str__(self) -> str:
        return f"once({self.shots_at_once})"


@dataclass(frozen=True, slots=True)
class Unlimited(Profile):
    """As many as the target answers, for T seconds: a shot is due whenever a connection is free."""

    T: float = math.inf

    @property
    def span(self) -> float:
        """T."""
        return self.T

    def rate(self, t: float) -> float:
        """Return 0: nobody knows before."""
        return 0.0

    def cumulative(self, t: float) -> float:
        """Return 0: nobody knows before."""
        return 0.0

    def plan(self, seconds: float, part: int = 0, parts: int = 1) -> Iterator[float | Rush]:
        """Yield one rush, for each engine."""
        yield Rush(0.0, min(self.T, seconds))

    def __str__(self) -> str:
        return "unlimited()" if math.isinf(self.T) else f"unlimited({self.T:.12g}s)"
