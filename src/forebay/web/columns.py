"""The seconds of a run as columns of pictures: as many as a page can hold, each as wide as it must be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from forebay.load.results.figures import Figures
from forebay.load.results.run import Run, Second
from forebay.load.results.runfile import SECOND_BITS

_WIDTHS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800)
_HOUR = 3600


def _empty() -> Second:
    return Second(Figures().coarser(SECOND_BITS))


@dataclass(slots=True)
class Column:
    """What happened within some seconds of a run.

    Arguments:
        seconds: how many they are; the last column of a run may have fewer than the others.
        sum: of them all.
        waiting: the most shots, at the end of any of them, that were due and not sent.
        awaited: the most shots, at the end of any of them, that were sent and had no end.
    """

    seconds: int
    sum: Second = field(default_factory=_empty)
    waiting: int = 0
    awaited: int = 0

    @property
    def failed(self) -> int:
        """How many were refused, are unknown, or were answered with 400 or more."""
        bad = sum(count for status, count in self.sum.answered.items() if status >= 400)
        return self.sum.refused + self.sum.unknown + bad


def columns(run: Run, at_most: int) -> tuple[int, list[Column]]:
    """Return how many seconds a column has, and the columns of a run, its empty seconds included.

    Arguments:
        run: as it was read.
        at_most: how many columns there may be, 1 or more.
    """
    length = max([*run.series, 0]) + 1
    width = _width(length, at_most)
    made = [Column(min(width, length - begin)) for begin in range(0, length, width)]
    for i, second in run.series.items():
        coarse = Second(second.of_plan.coarser(SECOND_BITS), second.sent, second.refused, second.unknown)
        coarse.answered = second.answered
        made[i // width].sum.merge(coarse)
    _carry(run, length, width, made)
    return width, made


def _width(length: int, at_most: int) -> int:
    least = math.ceil(length / at_most)
    return next((width for width in _WIDTHS if width >= least), math.ceil(least / _HOUR) * _HOUR)


def _carry(run: Run, length: int, width: int, made: Sequence[Column]) -> None:
    """Note in each column what was not finished; that stays so through seconds in which nothing happened."""
    waiting = awaited = 0
    for i, following in pairwise([*sorted(run.series), length]):
        second = run.series[i]
        waiting = max(waiting + second.planned - second.refused - second.sent, 0)
        awaited = max(awaited + second.sent - second.unknown - second.answered.total(), 0)
        for column in made[i // width : (following - 1) // width + 1]:
            column.waiting, column.awaited = max(column.waiting, waiting), max(column.awaited, awaited)
