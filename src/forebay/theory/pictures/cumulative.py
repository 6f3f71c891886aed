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


def draw_cumulative(path: Path, name: str = "", note: str = "") -> Picture:
    """Return the picture of the accepted arrivals and of those who have left.

    Raises:
        UsageError: nobody was accepted.
    """
    inside = path.fate != Fate.LOST
    came, left = path.arrived[inside], np.sort(path.ended[inside & ~np.isnan(path.ended)])
    if not len(came):
        raise UsageError("there is nothing to draw: nobody was accepted", "draw a longer time, or another log")
    end = float(max(came[-1], left[-1] if len(left) else came[-1]))
    t = np.unique(np.concatenate([came[:1], came, left, [end]]))
    arrivals, departures = _count(came, t), _count(left, t)
    peak = int(np.argmax(arrivals - departures))
    at, backlog = float(t[peak]), int(arrivals[peak] - departures[peak])
    marks: list[Mark] = [
        Area(list(t), list(departures), list(arrivals), "wait", steps=True),
        Line(list(zip(t, arrivals, strict=True)), "arrived", "wait", steps=True),
        Line(list(zip(t, departures, strict=True)), "left", "work", steps=True),
    ]
    if backlog:
        marks.append(Gap((at, float(departures[peak])), (at, float(arrivals[peak])), f"backlog {plain(backlog)}"))
    sojourn = _sojourn(left, at, int(arrivals[peak]))
    if sojourn:
        height = float(arrivals[peak])
        marks.append(Gap((at, height), (at + sojourn, height), f"{seconds(sojourn)} in the system"))
    lost = path.arrived[~inside]
    marks.append(Dots([(float(x), 0.0) for x in lost], "lost", "lost", cross=True))
    panel = Panel(over_time(t), rising("customers", float(len(came))), marks)
    area = float(np.sum((arrivals - departures)[:-1] * np.diff(t)))
    title = f"{name}: who has come and who has left" if name else "who has come and who has left"
    about = f"At most {backlog} at once; the time between the curves is {seconds(area)} in all."
    data = {
        "t": t.tolist(), "arrived": arrivals.tolist(), "left": departures.tolist(), "backlog": backlog, "at": at,
        "sojourn": sojourn, "area": area,
    }  # fmt: skip
    return charted("cumulative", Figure(title, note, [panel], about), data)


def _count(instants: Seconds, t: Seconds) -> Seconds:
    return np.searchsorted(instants, t, side="right").astype(float)


def _sojourn(left: Seconds, at: float, number: int) -> float | None:
    """Return how long it is from an instant until so many have left: the time of the last to come, under FIFO."""
    return float(left[number - 1]) - at if len(left) >= number else None
