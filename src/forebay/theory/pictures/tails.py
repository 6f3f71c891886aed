"""P(T > t) on a logarithmic scale, where percentiles can be read: theory, simulation and measurement together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forebay.errors import UsageError
from forebay.theory.path import Seconds
from forebay.theory.percentiles import Tail, invert
from forebay.theory.pictures.axes import Axis
from forebay.theory.pictures.bands import Band, simulated_tail
from forebay.theory.pictures.chart import SERIES, Area, Colour, Dots, Figure, Level, Line, Mark, Panel
from forebay.theory.pictures.lettering import plain, seconds
from forebay.theory.pictures.picture import Picture, charted

_POINTS = 200
_LOWEST = 1e-3
_MEASURED = 24
"""Dots of a measurement."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A tail of theory, and its name."""

    label: str
    tail: Tail
    mean: float
    """Seconds: where to begin to look for its end."""


def draw_tails(
    curves: Sequence[Curve],
    title: str,
    note: str = "",
    *,
    simulated: Sequence[tuple[str, Seconds]] = (),
    measured: Seconds | None = None,
    promise: float | None = None,
    of: str = "wait",
    kind: str = "tail",
) -> Picture:
    """Return the picture of tails.

    Arguments:
        simulated: names with samples in the order of arrival, seconds. measured: samples of a run.
        promise: seconds, a line. of: what T is.

    Raises:
        UsageError: there is neither theory nor a sample above 0.
    """
    end = _end(curves, [samples for _, samples in simulated], measured, promise)
    times = np.linspace(0.0, end, _POINTS + 1)
    drawn = [(curve.label, [(float(t), curve.tail(float(t))) for t in times]) for curve in curves]
    bands = [simulated_tail(samples, times, label) for label, samples in simulated]
    marks: list[Mark] = [_band(band, SERIES[i % len(SERIES)], bool(curves)) for i, band in enumerate(bands)]
    marks += [_middle(b, SERIES[i % len(SERIES)]) for i, b in enumerate(bands) if not curves]
    marks += [Line(points, label, SERIES[i % len(SERIES)]) for i, (label, points) in enumerate(drawn)]
    data: dict[str, object] = {
        "curves": dict(drawn),
        "simulated": {b.label: [b.x.tolist(), b.low.tolist(), b.high.tolist()] for b in bands},
    }
    if measured is not None and len(measured):
        dots = _quantiles(measured)
        marks.append(Dots(dots, "measured", "ink"))
        data["measured"] = dots
        note = f"{note}; dots: measured" if note else "dots: measured"
    if promise is not None:
        marks.append(Level(promise, f"promise {seconds(promise)}", "lost", upright=True))
    panel = Panel(
        Axis(of, 0.0, end, "time"), Axis(f"share whose {of} is longer", _LOWEST, 1.0, "share", log=True), marks
    )
    return charted(kind, Figure(title, note, [panel], _about(curves, of)), data)


def _end(
    curves: Sequence[Curve], simulated: Sequence[Seconds], measured: Seconds | None, promise: float | None
) -> float:
    """Return where the last but the longest tail has fallen to the floor: the longest may leave at the right."""
    ends = [invert(curve.tail, _LOWEST, curve.mean or 1.0) for curve in curves]
    samples = [*(simulated if not curves else []), *([measured] if measured is not None else [])]
    ends += [float(np.quantile(one, 1 - _LOWEST)) for one in samples if len(one)]
    ends = sorted(end for end in ends if 0 < end < math.inf)
    if not ends:
        raise UsageError("nobody waits, so there is no tail to draw", "draw a higher load, or another time")
    end = ends[-1] if len(ends) == 1 or ends[-1] < 2 * ends[-2] else 2 * ends[-2]
    return max(end, 1.1 * (promise or 0.0))


def _band(band: Band, colour: Colour, beside_theory: bool) -> Area:
    return Area(list(band.x), list(band.low), list(band.high), colour, band.label if beside_theory else "")


def _middle(band: Band, colour: Colour) -> Line:
    points = [(float(t), (float(a) + float(b)) / 2) for t, a, b in zip(band.x, band.low, band.high, strict=True)]
    return Line([(t, p) for t, p in points if p > 0], band.label, colour)


def _quantiles(samples: Seconds) -> list[tuple[float, float]]:
    """Return points of the tail of samples at equal distances of the logarithm, as far as there are samples."""
    lowest = max(_LOWEST, 1 / len(samples))
    levels = np.geomspace(1.0, lowest, _MEASURED)[1:]
    times = np.unique(np.quantile(samples, 1 - levels, method="inverted_cdf"))
    reached = 1 - np.searchsorted(np.sort(samples), times) / len(samples)
    return [(float(t), float(p)) for t, p in zip(times, reached, strict=True)]


def _about(curves: Sequence[Curve], of: str) -> str:
    ends = [f"{curve.label}: one in a hundred above {_p99(curve)}" for curve in curves]
    return f"The share whose {of} is longer than t. {'; '.join(ends)}." if ends else f"The share by {of}."


def _p99(curve: Curve) -> str:
    found = invert(curve.tail, 0.01, curve.mean or 1.0)
    return seconds(found) if math.isfinite(found) else plain(found)
