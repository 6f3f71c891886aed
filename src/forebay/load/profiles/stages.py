"""Stages: profiles one after the other; and their random form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forebay.errors import UsageError
from forebay.load.profiles.profile import Profile, Rush
from forebay.load.profiles.shapes import Unlimited

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Seconds

_BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Stages(Profile):
    """One profile after the other, each as long as its span; the last may last as long as the run.

    Raises:
        UsageError: there is none, or one that is not the last says no duration.
    """

    parts: tuple[Profile, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise UsageError("a load of no stages is none", "write const(50, 1m) line(50, 100, 1m)")
        for part in self.parts[:-1]:
            if math.isinf(part.span):
                raise UsageError(
                    f"{part} says no duration, and more comes after it",
                    "write const(50, 1m) or sine(0, 100, 60s, lasting=5m) before line(50, 100, 1m)",
                )

    @property
    def span(self) -> float:
        """The sum of theirs."""
        return sum(part.span for part in self.parts)

    def rate(self, t: float) -> float:
        """Return that of the stage in which t lies; 0 behind the last."""
        for part, begin, end in self._placed():
            if t < end:
                return part.rate(t - begin)
        return 0.0

    def cumulative(self, t: float) -> float:
        """Return the sum over the stages that have begun."""
        return sum(part.cumulative(min(t, end) - begin) for part, begin, end in self._placed() if begin <= t)

    def at(self, x: Seconds) -> Seconds:
        """Return the instants, each by its own stage."""
        import numpy as np

        found, done = np.zeros_like(x), 0.0
        for part, begin, end in self._placed():
            total = part.cumulative(end - begin) if end < math.inf else math.inf
            here = (x >= done) & (x < done + total)
            if here.any():
                found[here] = begin + np.minimum(part.at(x[here] - done), end - begin)
            done += total
        found[x >= done] = self.span
        return found

    def blocks(self, seconds: float) -> Iterator[Seconds]:
        """Yield the instants within a run; those of a random stage are drawn for it alone."""
        if not any(isinstance(part, Poisson | Unlimited) for part in self.parts):
            yield from super(Stages, self).blocks(seconds)
            return
        for profile, begin, end in self._runs(seconds):
            yield from (begin + block for block in profile.blocks(end - begin))

    def plan(self, seconds: float, part: int = 0, parts: int = 1) -> Iterator[float | Rush]:
        """Yield the instants, and a rush for each unlimited stage."""
        for rushing, run in itertools.groupby(self._runs(seconds), lambda run: isinstance(run[0], Unlimited)):
            if rushing:
                yield from (Rush(begin, end) for _, begin, end in run)
            else:
                instants = (begin + t for profile, begin, end in run for t in profile.shots(end - begin))
                yield from itertools.islice(instants, part, None, parts)

    def _runs(self, seconds: float) -> Iterator[tuple[Profile, float, float]]:
        """Yield stages within a run, with begin and end; neighbours that are counted through as one."""
        plain: list[tuple[Profile, float, float]] = []
        for part, begin, end in self._placed():
            if begin > seconds:
                break
            if not isinstance(part, Poisson | Unlimited):
                plain.append((part, begin, min(end, seconds)))
                continue
            yield from _joined(plain)
            plain.clear()
            yield part, begin, min(end, seconds)
        yield from _joined(plain)

    def _placed(self) -> Iterator[tuple[Profile, float, float]]:
        """Yield each stage with its begin and its end."""
        begin = 0.0
        for part in self.parts:
            yield part, begin, begin + part.span
            begin += part.span

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))


def _joined(stages: list[tuple[Profile, float, float]]) -> Iterator[tuple[Profile, float, float]]:
    if stages:
        yield Stages(tuple(part for part, _, _ in stages)), stages[0][1], stages[-1][2]


def _rushes(profile: Profile) -> bool:
    """Return whether some of a profile is unlimited."""
    return isinstance(profile, Unlimited) or (isinstance(profile, Stages) and any(map(_rushes, profile.parts)))


@dataclass(frozen=True, slots=True)
class Poisson(Profile):
    """The rate of another profile with Poisson arrivals: independent users instead of a clock.

    The times of a Poisson process of rate 1, put through the inverse of Λ, are one of rate R(t) (Çinlar, "Introduction
    to Stochastic Processes" (1975), chapter 4, section 7). The same seed gives the same instants.

    Raises:
        UsageError: some of it is unlimited, and has no rate.
    """

    profile: Profile
    seed: int = 0

    def __post_init__(self) -> None:
        if _rushes(self.profile):
            raise UsageError(f"{self.profile} has no rate that could be random", "poisson(const(50, 30s))")

    @property
    def span(self) -> float:
        """That of the profile."""
        return self.profile.span

    def rate(self, t: float) -> float:
        """Return the mean rate."""
        return self.profile.rate(t)

    def cumulative(self, t: float) -> float:
        """Return the mean number."""
        return self.profile.cumulative(t)

    def blocks(self, seconds: float) -> Iterator[Seconds]:
        """Yield the instants within a run; their number is random with the mean Λ(seconds)."""
        import numpy as np

        generator, total, x = np.random.default_rng(self.seed), self.profile.cumulative(seconds), 0.0
        while x < total:
            targets = x + np.cumsum(generator.standard_exponential(_BLOCK))
            x = float(targets[-1])
            inside = targets[targets < total]
            if len(inside):
                yield np.minimum(self.profile.at(inside), seconds)

    def __str__(self) -> str:
        return f"poisson({self.profile}, seed={self.seed})"
