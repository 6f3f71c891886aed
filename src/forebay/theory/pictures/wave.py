"""A load that changes with time, levelled by a queue: the load and the capacity, the backlog, the wait."""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

from forebay.theory.pictures.axes import Axis, rising
from forebay.theory.pictures.bands import Band
from forebay.theory.pictures.chart import Area, Figure, Level, Line, Mark, Note, Panel
from forebay.theory.pictures.lettering import plain, seconds
from forebay.theory.pictures.picture import Picture, charted
from forebay.theory.system import Load
from forebay.theory.varying.fluid import Prediction

_POINTS = 600


def draw_wave(
    load: Load,
    end: float,
    prediction: Prediction,
    name: str = "",
    note: str = "",
    *,
    measured: list[tuple[float, float]] | None = None,
    band: Band | None = None,
) -> Picture:
    """Return the picture of a load S(t) from 0 to `end` seconds against a capacity.

    Arguments:
        prediction: of the fluid model. measured: (t, Q) of a run or of a simulation. band: of many.
    """
    times = [end * i / _POINTS for i in range(_POINTS + 1)]
    rates = [load.rate(t) for t in times]
    C = prediction.capacity
    stride = max(1, len(prediction.trace) // _POINTS)
    Q = [*list(prediction.trace)[::stride], prediction.trace[-1]]
    waits = [(t, q / C if C else 0.0) for t, q in Q]
    x = Axis("time", 0.0, end, "time")
    panels = [
        Panel(x, rising("per second", max(*rates, C)), _loads(times, rates, C), 1.2),
        Panel(
            x,
            rising("backlog", _highest(prediction, measured, band), room=0.25),
            _backlog(prediction, Q, measured, band),
        ),
        Panel(x, rising("wait", max(wait for _, wait in waits), "time", 0.25), _waits(prediction, waits)),
    ]
    title = f"{name}: the wave levelled" if name else "the wave levelled"
    about = (
        f"Above the capacity for {seconds(prediction.over_capacity_seconds)}; a backlog of up to "
        f"{plain(prediction.peak_backlog, 3)} at {seconds(prediction.peak_at)}, a wait of up to "
        f"{seconds(prediction.longest_wait)}."
    )
    data = prediction.as_dict() | {"t": times, "rate": rates, "backlog": Q, "wait": waits, "measured": measured}
    return charted("wave", Figure(title, note, panels, about), data)


def _loads(times: list[float], rates: list[float], capacity: float) -> list[Mark]:
    above = [max(rate, capacity) for rate in rates]
    return [
        Area(times, [capacity] * len(times), above, "lost"),
        Line(list(zip(times, rates, strict=True)), "load S(t)", "ink"),
        Level(capacity, f"capacity {plain(capacity, 3)}", "work"),
    ]


def _backlog(
    prediction: Prediction, Q: list[tuple[float, float]], measured: list[tuple[float, float]] | None, band: Band | None
) -> list[Mark]:
    t = [at for at, _ in Q]
    marks: list[Mark] = [Area(t, [0.0] * len(t), [level for _, level in Q], "wait")]
    if band is not None:
        marks.append(Area(list(band.x), list(band.low), list(band.high), "slate", band.label))
    if measured:
        marks.append(Line(measured, "measured", "slate", steps=True, thin=True))
    marks.append(Line(Q, "backlog Q(t)", "wait"))
    if math.isfinite(prediction.places):
        marks.append(Level(prediction.places, f"places {plain(prediction.places)}", "lost"))
    if prediction.peak_backlog > 0:
        label = f"{plain(round(prediction.peak_backlog))} at {seconds(prediction.peak_at)}"
        marks.append(Note((prediction.peak_at, prediction.peak_backlog), label, "wait"))
    return marks


def _waits(prediction: Prediction, waits: list[tuple[float, float]]) -> list[Mark]:
    marks: list[Mark] = [Line(waits, "wait W(t)", "purple")]
    longest = prediction.longest_wait
    if 0 < longest < math.inf:
        marks.append(Note((prediction.peak_at, longest), f"up to {seconds(longest)}", "purple"))
    return marks


def _highest(prediction: Prediction, measured: list[tuple[float, float]] | None, band: Band | None) -> float:
    found = [prediction.peak_backlog, *(level for _, level in measured or ())]
    if band is not None:
        found += [float(band.high.max())]
    if math.isfinite(prediction.places):
        found += [prediction.places] if prediction.places < 3 * max(found) else []
    return max(found)
