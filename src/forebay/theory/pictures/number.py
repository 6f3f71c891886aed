"""N(t): how many are in work and how many wait, as time goes on."""

from __future__ import annotations

import math

import numpy as np

from forebay.errors import UsageError
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.pictures.axes import over_time, rising
from forebay.theory.pictures.bands import Band
from forebay.theory.pictures.chart import Area, Dots, Figure, Level, Line, Mark, Panel
from forebay.theory.pictures.lettering import plain
from forebay.theory.pictures.picture import Picture, charted
from forebay.theory.pictures.steps import COLUMNS, level_at, shown


def draw_number(
    path: Path,
    name: str = "",
    note: str = "",
    *,
    places: float = math.inf,
    expected: Band | None = None,
    begin: float | None = None,
) -> Picture:
    """Return the picture of N(t) of a path.

    Arguments:
        places: K = n + q, a line where it is finite. expected: a band below what was.
        begin: of the axis of time, seconds; None: 0.

    Raises:
        UsageError: nobody came.
    """
    t, working, total = number_over_time(path)
    mean = float(np.sum(total[:-1] * np.diff(t)) / (t[-1] - t[0])) if t[-1] > t[0] else 0.0
    lost = path.arrived[path.fate == Fate.LOST]
    drawn = shown(t, working, total)
    t, working, total = t[drawn], working[drawn], total[drawn]
    marks = [*_stacked(t, working, total), Level(mean, f"mean {plain(mean, 3)}", "slate")]
    marks += _edges(expected) if expected is not None else []
    marks += [Level(places, f"places {plain(places)}", "lost")] if math.isfinite(places) else []
    highest = max([float(total.max()), 1.0, *([places] if math.isfinite(places) else []), *_top(expected)])
    marks.append(_crosses(lost, highest * 1.04))
    panel = Panel(over_time(t, begin), rising("in the system", highest, room=0.1), marks)
    title = f"{name}: how many are there" if name else "how many are there"
    about = f"The number in the system over time: at most {plain(float(total.max()))}, {plain(mean, 3)} on the average."
    data = {"t": t.tolist(), "working": working.tolist(), "total": total.tolist(), "lost": lost.tolist(), "mean": mean}
    return charted("number", Figure(title, note, [panel], about), data)


def _stacked(t: Seconds, working: Seconds, total: Seconds) -> list[Mark]:
    return [
        Area(list(t), list(working), list(total), "wait", "waiting", steps=True),
        Area(list(t), [0.0] * len(t), list(working), "work", "in work", steps=True),
        Line(list(zip(t, total, strict=True)), colour="slate", steps=True, thin=True),
    ]


def _crosses(lost: Seconds, height: float) -> Mark:
    few = lost[:: max(1, len(lost) // COLUMNS)]
    return Dots([(float(at), height) for at in few], "lost", "lost", cross=True)


def _top(band: Band | None) -> list[float]:
    return [] if band is None else [float(band.high.max())]


def _edges(band: Band) -> list[Mark]:
    """Return the edges of a band as dashed steps, which leave the colours of what was alone."""
    both = band.low.mean() >= 1
    label = "9 of 10 runs between" if both else "19 of 20 runs below"
    high = Line(list(zip(band.x, band.high, strict=True)), label, "purple", steps=True, dashed=True, thin=True)
    low = Line(list(zip(band.x, band.low, strict=True)), "", "purple", steps=True, dashed=True, thin=True)
    return [high, low] if both else [high]


def number_over_time(path: Path) -> tuple[Seconds, Seconds, Seconds]:
    """Return (t, in work, in the system): what both are from each instant on.

    Raises:
        UsageError: nobody came.
    """
    if not len(path):
        raise UsageError("there is nothing to draw: nobody came", "draw a longer time, or another log")
    t_all, total = path.in_system()
    t_wait, waiting = path.waiting()
    t = np.unique(np.concatenate([t_all, t_wait, path.arrived]))
    inside = level_at(t_all, total.astype(float), t)
    return t, inside - level_at(t_wait, waiting.astype(float), t), inside
