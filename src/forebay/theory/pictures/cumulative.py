"""How many have come and how many have left: what lies between the two curves is the queue, both ways of reading it.

Upwards it is the backlog, to the right the time of who comes now (under FIFO), and its area is all the time that
customers spend in the system: L = λW, drawn. Source: G. F. Newell, "Applications of Queueing Theory" (2nd ed. 1982),
chapter 1.
"""

from __future__ import annotations

import numpy as np

from forebay.errors import UsageError
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.pictures.axes import over_time, rising
from forebay.theory.pictures.chart import Area, Dots, Figure, Gap, Line, Mark, Panel
from forebay.theory.pictures.lettering import plain, seconds
from forebay.theory.pictures.picture import Picture, charted
from forebay.theory.pictures.steps import COLUMNS, shown


def draw_cumulative(path: Path, name: str = "", note: str = "", *, begin: float | None = None) -> Picture:
    """Return the picture of the accepted arrivals and of those who have left.

    Arguments:
        begin: of the axis of time, seconds; None: 0.

    Raises:
        UsageError: nobody was accepted.
    """
    inside = path.fate != Fate.LOST
    came, left = path.arrived[inside], np.sort(path.ended[inside & ~np.isnan(path.ended)])
    if not len(came):
        raise UsageError("there is nothing to draw: nobody was accepted", "draw a longer time, or another log")
    t = np.unique(np.concatenate([came, left]))
    arrived, gone = _count(came, t), _count(left, t)
    area = float(np.sum((arrived - gone)[:-1] * np.diff(t)))
    peak = int(np.argmax(arrived - gone))
    backlog, sojourn = int(arrived[peak] - gone[peak]), _sojourn(left, float(t[peak]), int(arrived[peak]))
    gaps = _gaps(float(t[peak]), (float(gone[peak]), float(arrived[peak])), sojourn)
    drawn = shown(t, arrived - gone)
    t, arrived, gone = t[drawn], arrived[drawn], gone[drawn]
    marks = [*_stairs(t, arrived, gone), *gaps, _lost(path.arrived[~inside])]
    panel = Panel(over_time(t, begin), rising("customers", float(len(came))), marks)
    about = f"At most {backlog} at once; the time between the curves is {seconds(area)} in all."
    title = f"{name}: who has come and who has left" if name else "who has come and who has left"
    data: dict[str, object] = {"t": t.tolist(), "arrived": arrived.tolist(), "left": gone.tolist()}
    data |= {"backlog": backlog, "sojourn": sojourn, "area": area}
    return charted("cumulative", Figure(title, note, [panel], about), data)


def _stairs(t: Seconds, arrived: Seconds, gone: Seconds) -> list[Mark]:
    return [
        Area(list(t), list(gone), list(arrived), "wait", steps=True),
        Line(list(zip(t, arrived, strict=True)), "arrived", "wait", steps=True),
        Line(list(zip(t, gone, strict=True)), "left", "work", steps=True),
    ]


def _gaps(at: float, between: tuple[float, float], sojourn: float | None) -> list[Mark]:
    """Return the backlog at its peak, and the time in the system of who comes then."""
    low, high = between
    gaps: list[Mark] = [Gap((at, low), (at, high), f"backlog {plain(high - low)}")] if high > low else []
    if sojourn:
        gaps.append(Gap((at, high), (at + sojourn, high), f"{seconds(sojourn)} in the system"))
    return gaps


def _lost(instants: Seconds) -> Mark:
    few = instants[:: max(1, len(instants) // COLUMNS)]
    return Dots([(float(at), 0.0) for at in few], "lost", "lost", cross=True)


def _count(instants: Seconds, t: Seconds) -> Seconds:
    return np.searchsorted(instants, t, side="right").astype(float)


def _sojourn(left: Seconds, at: float, number: int) -> float | None:
    """Return how long it is from an instant until so many have left: the time of the last to come, under FIFO."""
    return float(left[number - 1]) - at if len(left) >= number else None
