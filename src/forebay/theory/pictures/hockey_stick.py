"""The hockey stick: the time in the system against the utilisation, for few and for many workers."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from forebay.theory.pictures.axes import Axis, rising
from forebay.theory.pictures.chart import SERIES, Figure, Level, Line, Mark, Note, Panel
from forebay.theory.pictures.lettering import seconds, share
from forebay.theory.pictures.picture import Picture, charted

WORKERS = (1, 2, 5, 10)
_STEPS = 100
_LEAST, _STEEPEST = 1e-3, 0.995
_HEIGHT = 8.0
"""Of the picture, in times of the work."""

Point = tuple[float, float]


def draw_hockey_stick(
    time: Callable[[int, float], float | None],
    service: float,
    name: str = "",
    note: str = "",
    *,
    workers: Sequence[int] = WORKERS,
    operating: tuple[int, float, float] | None = None,
    promise: float | None = None,
    what: str = "mean time in the system",
) -> Picture:
    """Return the picture.

    Arguments:
        time: seconds in the system by n and utilisation; None or inf where there is no answer.
        service: mean work, seconds.
        operating: (n, utilisation, seconds) of the user's own system. promise: seconds that are not to be passed.
    """
    own = (operating[0],) if operating else ()
    curves = {n: _curve(time, n) for n in sorted({*workers, *own})}
    high = _highest(service, operating, promise)
    marks: list[Mark] = [
        Line(points, f"n = {n}" if i == 0 else str(n), SERIES[i % len(SERIES)])
        for i, (n, points) in enumerate(curves.items())
    ]
    if promise is not None:
        marks.append(Level(promise, f"promise {seconds(promise)}", "lost"))
    if operating is not None and math.isfinite(operating[2]):
        n, rho, W = operating
        marks.append(Note((rho, W), f"n = {n}, {share(rho)}: {seconds(W)}", side="left"))
    panel = Panel(Axis("utilisation of each worker", 0.0, 1.0, "share"), rising(what, high, "time", 0.0), marks)
    title = f"{name}: time against utilisation" if name else "time against utilisation"
    about = f"The {what} rises without end as the utilisation nears 100 %, later and more steeply with more workers."
    data = {"curves": {str(n): points for n, points in curves.items()}, "service": service, "promise": promise}
    return charted("hockey-stick", Figure(title, note, [panel], about), data | {"operating": operating})


def _highest(service: float, operating: tuple[int, float, float] | None, promise: float | None) -> float:
    own = operating[2] if operating and math.isfinite(operating[2]) else 0.0
    return max(_HEIGHT * service, 1.25 * own, 1.25 * (promise or 0.0))


def _curve(time: Callable[[int, float], float | None], n: int) -> list[Point]:
    """Return points that lie the closer the steeper the curve is."""
    rhos = [max(_LEAST, _STEEPEST * (1 - (1 - i / _STEPS) ** 2)) for i in range(_STEPS + 1)]
    found = [(rho, time(n, rho)) for rho in rhos]
    return [(rho, W) for rho, W in found if W is not None and math.isfinite(W)]
