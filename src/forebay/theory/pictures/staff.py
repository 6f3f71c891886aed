"""What the lanes of a timeline are made of, whoever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from forebay.theory.path import Fate
from forebay.theory.timelines.timeline import Timeline, Visit

Tick = tuple[Fraction, str]
Bar = tuple[Fraction, Fraction, int]
"""From, to, and the number of the request."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A waiting place, or a worker: who was in it when, and what is told beside it."""

    name: str
    bars: Sequence[Bar]
    works: bool
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Staff:
    """All lanes below each other, between the arrivals and the time.

    Arguments:
        unit: of the texts of the ticks. told: what it says in words, each with its name.
    """

    title: str
    subtitle: str
    timeline: Timeline
    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    unit: str
    told: Sequence[tuple[str, str]]

    def at(self, time: Fraction) -> Fraction:
        """Return where an instant is: 0 at the begin, 1 at the end."""
        return (time - self.timeline.begin) / (self.timeline.end - self.timeline.begin)

    def batches(self) -> list[tuple[Fraction, list[Visit]]]:
        """Return who came together, and when."""
        came = groupby(self.timeline.arrivals, key=lambda visit: visit.arrived)
        return [(now, list(together)) for now, together in came]

    def departures(self) -> list[tuple[Fraction, list[Visit]]]:
        """Return who gave up waiting, and when."""
        left = [(v.ended, v) for v in self.timeline.arrivals if v.fate is Fate.ABANDONED and v.ended is not None]
        return [(now, [v for _, v in one]) for now, one in groupby(sorted(left, key=_first), key=_first)]


def _first(one: tuple[Fraction, Visit]) -> Fraction:
    return one[0]


def token(sign: str, numbers: Sequence[int], room: int) -> str:
    """Return requests in so many columns, as fully as they fit: ``↓1 ↓2``, ``↓1-2``, ``↓x2``, ``↓``."""
    each = " ".join(f"{sign}{number}" for number in numbers)
    gapless = len(numbers) == numbers[-1] - numbers[0] + 1
    several = f"{sign}{numbers[0]}-{numbers[-1]}" if gapless else f"{sign}x{len(numbers)}"
    fitting = [each, several, f"{sign}x{len(numbers)}"] if len(numbers) > 1 else [each]
    return next((text for text in fitting if len(text) < room), sign)
