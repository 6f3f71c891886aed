"""What a chart is made of, whoever draws it: panels with two axes and marks on them. Values, not pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forebay.theory.pictures.axes import Axis

Colour = Literal["work", "wait", "lost", "green", "purple", "slate", "ink"]
Points = Sequence[tuple[float, float]]
SERIES: tuple[Colour, ...] = ("work", "wait", "green", "purple", "slate", "ink")
"""The colours of curves that mean nothing but to be told apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve, or with `steps` what keeps its value until the next point. Its label stands at its end."""

    points: Points
    label: str = ""
    colour: Colour = "work"
    steps: bool = False
    dashed: bool = False
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """What lies between two curves over the same x: an overload, a band of a simulation."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: Colour = "work"
    label: str = ""
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Single values: measured ones, or crosses where somebody was lost."""

    points: Points
    label: str = ""
    colour: Colour = "ink"
    cross: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A value that is the same everywhere: a capacity, a promise; `upright` where it is one of x."""

    value: float
    label: str = ""
    colour: Colour = "slate"
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A distance with an arrow at both ends, told beside it."""

    begin: tuple[float, float]
    end: tuple[float, float]
    label: str
    colour: Colour = "ink"


@dataclass(frozen=True, slots=True)
class Note:
    """A point of the picture that is spoken of."""

    at: tuple[float, float]
    label: str
    colour: Colour = "ink"
    side: Literal["right", "left", "below"] = "right"
    """Where the label stands: above the point to its right or left, or below it."""


Mark = Line | Area | Dots | Level | Gap | Note


@dataclass(frozen=True, slots=True)
class Panel:
    """Marks on a pair of axes; the later ones lie above."""

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    height: float = 1.0
    """As a share of the whole."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels below each other on one x axis.

    Arguments:
        title, subtitle: what is drawn, and of which system. about: a sentence for those who cannot see it.
    """

    title: str
    subtitle: str
    panels: Sequence[Panel]
    about: str = ""
