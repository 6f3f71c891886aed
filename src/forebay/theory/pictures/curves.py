"""Curves in the unit square, where both renderers meet: (0, 0) is the low end of both axes, (1, 1) the high one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from forebay.theory.pictures.chart import Area, Line, Panel

Unit = tuple[float, float]
_FAR = 50.0
"""How far outside a point may lie: rounding would bend a line to one at infinity."""


def placed(points: Iterable[tuple[float, float]], panel: Panel) -> list[Unit]:
    """Return where points lie."""
    return [(_near(panel.x.at(x)), _near(panel.y.at(y))) for x, y in points]


def runs(line: Line, panel: Panel) -> list[list[Unit]]:
    """Return the pieces of a line that can be seen, in their order."""
    points = placed(line.points, panel)
    return clipped(stepped(points) if line.steps else points)


def outline(area: Area, panel: Panel) -> list[Unit]:
    """Return the border of an area, with what is outside pressed against the edges."""
    low, high = (placed(zip(area.x, edge, strict=True), panel) for edge in (area.low, area.high))
    if area.steps:
        low, high = stepped(low), stepped(high)
    return [(_pressed(u), _pressed(v)) for u, v in [*high, *reversed(low)]]


def stepped(points: Sequence[Unit]) -> list[Unit]:
    """Return the corners of what keeps its value until the next point."""
    corners = list(points[:1])
    for (_, before), (x, now) in pairwise(points):
        corners += [(x, before), (x, now)] if now != before else [(x, now)]
    return corners


def clipped(points: Sequence[Unit]) -> list[list[Unit]]:
    """Return the pieces of a line within the unit square."""
    pieces: list[list[Unit]] = []
    for begin, end in pairwise(points):
        inside = _inside(begin, end)
        if inside is None:
            continue
        if pieces and pieces[-1][-1] == inside[0]:
            pieces[-1].append(inside[1])
        else:
            pieces.append(list(inside))
    return pieces


def thinned(points: Sequence[Unit], columns: float) -> list[Unit]:
    """Return a line that looks the same in so many columns: of each its first, lowest, highest and last point."""
    if len(points) <= 4 * columns:
        return list(points)
    kept: list[Unit] = []
    for _, column in groupby(points, key=lambda point: int(point[0] * columns)):
        kept += _extremes(list(column))
    return kept


def at_height(pieces: Sequence[Sequence[Unit]], v: float) -> float | None:
    """Return the last u at which a curve passes a height; None where it never does."""
    found = None
    for piece in pieces:
        for (u1, v1), (u2, v2) in pairwise(piece):
            if min(v1, v2) <= v <= max(v1, v2):
                found = max(u1, u2) if v1 == v2 else u1 + (u2 - u1) * (v - v1) / (v2 - v1)
    return found


def _extremes(points: list[Unit]) -> Iterator[Unit]:
    order = {0, len(points) - 1}
    order |= {chosen(range(len(points)), key=lambda i: points[i][1]) for chosen in (min, max)}
    return (points[i] for i in sorted(order))


def _inside(begin: Unit, end: Unit) -> tuple[Unit, Unit] | None:
    """Return the part of a segment within the unit square. Source: Y.-D. Liang, B. A. Barsky, ACM TOG 3 (1984)."""
    (x, y), dx, dy = begin, end[0] - begin[0], end[1] - begin[1]
    first, last = 0.0, 1.0
    for direction, room in ((-dx, x), (dx, 1 - x), (-dy, y), (dy, 1 - y)):
        if direction == 0:
            if room < 0:
                return None
        elif direction < 0:
            first = max(first, room / direction)
        else:
            last = min(last, room / direction)
    if first > last:
        return None
    return (
        begin if first == 0 else (x + first * dx, y + first * dy),
        end if last == 1 else (x + last * dx, y + last * dy),
    )


def _near(x: float) -> float:
    return min(max(x, -_FAR), _FAR)


def _pressed(x: float) -> float:
    return min(max(x, 0.0), 1.0)
