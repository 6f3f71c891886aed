"""Labels that stand at the lines which they name, and not on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from forebay.theory.pictures.chart import Area, Colour, Dots, Level, Line, Mark, Panel
from forebay.theory.pictures.curves import Unit, placed, runs

_EDGE = 1e-6

Side = Literal["right", "top", "bottom"]


@dataclass(frozen=True, slots=True)
class Label:
    """A name, and where its line leaves the picture: on the right, or before that above or below."""

    text: str
    colour: Colour
    side: Side
    at: Unit
    pieces: Sequence[Sequence[Unit]] = ()


def labels(panel: Panel) -> list[Label]:
    """Return the names of the marks of a panel, each with its place."""
    found = [_label(mark, panel) for mark in panel.marks if not isinstance(mark, Dots)]
    return [label for label in found if label is not None]


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Return middles near the wanted ones at which things of these sizes do not overlap, from low to high.

    Where there is not room for all they keep their order and their distances, and stick out at the high end.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    at = [wanted[i] for i in order]
    half = [sizes[i] / 2 for i in order]
    for i in reversed(range(len(at))):
        limit = high - half[i] if i == len(at) - 1 else at[i + 1] - half[i + 1] - half[i]
        at[i] = min(at[i], limit)
    for i in range(len(at)):
        limit = low + half[i] if i == 0 else at[i - 1] + half[i - 1] + half[i]
        at[i] = max(at[i], limit)
    found = dict(zip(order, at, strict=True))
    return [found[i] for i in range(len(wanted))]


def overlap(middles: Sequence[float], sizes: Sequence[float]) -> bool:
    """Return whether any two things overlap."""
    spans = sorted((at - size / 2, at + size / 2) for at, size in zip(middles, sizes, strict=True))
    return any(end > begin + _EDGE for (_, end), (begin, _) in pairwise(spans))


def _label(mark: Mark, panel: Panel) -> Label | None:
    if isinstance(mark, Line) and mark.label:
        return _end_of_line(mark, panel)
    if isinstance(mark, Level) and mark.label:
        ((u, v),) = placed([(mark.value, mark.value)], panel)
        at, side = ((u, 1.0), "top") if mark.upright else ((1.0, v), "right")
        return Label(mark.label, mark.colour, "top" if side == "top" else "right", at)
    if isinstance(mark, Area) and mark.label:
        middle = (mark.low[-1] + mark.high[-1]) / 2
        return Label(mark.label, mark.colour, "right", (1.0, placed([(mark.x[-1], middle)], panel)[0][1]))
    return None


def _end_of_line(line: Line, panel: Panel) -> Label | None:
    pieces = runs(line, panel)
    if not pieces:
        return None
    u, v = pieces[-1][-1]
    side: Side = "right"
    if u < 1 - _EDGE:
        side = "top" if v > 1 - _EDGE else "bottom" if v < _EDGE else "right"
    return Label(line.label, line.colour, side, (u, v), pieces)
