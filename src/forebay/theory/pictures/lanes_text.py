"""Draws the lanes of a timeline as text: the first picture that a student sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from forebay.theory.path import Fate
from forebay.theory.pictures.chart_text import plain_text
from forebay.theory.pictures.staff import Bar, Lane, Staff, token
from forebay.theory.timelines.timeline import Visit


@dataclass(frozen=True, slots=True)
class _Signs:
    came: str
    lost: str
    gone: str
    work: tuple[str, str, str]
    """Left end, inside, right end."""
    wait: tuple[str, str, str]
    idle: str
    flat: str
    tick: str
    corners: tuple[str, str]


_BLOCKS = _Signs("↓", "✗", "↺", ("▐", "█", "▌"), ("├", "─", "┤"), "·", "─", "┴", ("└", "┘"))
_ASCII = _Signs("v", "x", "g", ("[", "#", "]"), ("|", "-", "|"), ".", "-", "+", ("+", "+"))


def draw(staff: Staff, width: int, ascii: bool) -> str:
    """Return the timeline in so many columns."""
    signs = _ASCII if ascii else _BLOCKS
    names = max(len(name) for name in ["arrivals", *(lane.name for lane in staff.lanes)]) + 2
    beside = max((len(lane.beside) for lane in staff.lanes), default=0) + 2
    grid = _Grid(staff, width - names - max(beside, len(staff.unit) + 4))
    lines = [f"{staff.title}  {staff.subtitle}".rstrip(), ""]
    lines += [f"{name.ljust(names)}{row}" for name, row in _arrivals(staff, grid, signs)]
    for lane in staff.lanes:
        row = grid.lane(lane, signs)
        lines.append(f"{lane.name.ljust(names)}{row}  {lane.beside}")
    lines += [" " * names + row for row in grid.axis(signs)]
    lines += ["", *(f"{name.ljust(names)}{text}" for name, text in staff.told)]
    return "\n".join(plain_text(line, ascii)[:width].rstrip() for line in lines)


class _Grid:
    """Columns of text for time; where the ticks allow it, each tick lies exactly on a column."""

    def __init__(self, staff: Staff, width: int) -> None:
        self.staff = staff
        steps = len(staff.ticks) - 1
        self.width = width // steps * steps if 0 < steps <= width else width

    def column(self, time: Fraction) -> int:
        return min(max(round(self.staff.at(time) * self.width), 0), self.width)

    def together(self, batches: Iterable[tuple[Fraction, list[Visit]]]) -> Iterator[tuple[int, int, list[Visit]]]:
        """Yield those who come (or go) in one column: which, how many columns there are until the next, and who."""
        by_column: dict[int, list[Visit]] = {}
        for now, visits in batches:
            by_column.setdefault(self.column(now), []).extend(visits)
        for column, after in zip(by_column, [*list(by_column)[1:], self.width + 1], strict=True):
            yield column, after - column, by_column[column]

    def lane(self, lane: Lane, signs: _Signs) -> str:
        row = [" "] * self.width
        if lane.works:
            row = [signs.idle] * self.width
        for bar in lane.bars:
            first, last = self.column(bar[0]), self.column(bar[1])
            row[first:last] = self._bar(bar, last - first, signs.work if lane.works else signs.wait)
        return "".join(row)

    def _bar(self, bar: Bar, width: int, signs: tuple[str, str, str]) -> str:
        begin, end, number = bar
        left, inside, right = signs
        left = left if begin >= self.staff.timeline.begin else inside
        right = right if end <= self.staff.timeline.end else inside
        if width < 3:
            return inside * width
        named = f" {number} " if len(str(number)) + 4 <= width else str(number) if len(str(number)) + 2 <= width else ""
        return left + named.center(width - 2, "\0").replace("\0", inside) + right

    def axis(self, signs: _Signs) -> Iterator[str]:
        line = [signs.flat] * (self.width + 1)
        told = [" "] * (self.width + 12)
        end = 0
        for time, text in self.staff.ticks:
            column = self.column(time)
            line[column] = signs.tick
            first = max(column - len(text) // 2, 0)
            if first >= end:
                told[first : first + len(text)] = text
                end = first + len(text) + 1
        if self.staff.ticks and line[0] == line[-1] == signs.tick:
            line[0], line[-1] = signs.corners
        yield "".join(line)
        yield f"{''.join(told).rstrip()} {self.staff.unit}"


def _arrivals(staff: Staff, grid: _Grid, signs: _Signs) -> Iterator[tuple[str, str]]:
    """Yield the row of those who come, and the rows of those who are lost or give up where there are any."""
    came, lost = [" "] * (grid.width + 1), [" "] * (grid.width + 1)
    for column, room, together in grid.together(staff.batches()):
        text = token(signs.came, [visit.number for visit in together], room)
        _put(came, column, text)
        refused = [visit.number for visit in together if visit.fate is Fate.LOST]
        each = [(text + " ").find(f"{signs.came}{number} ") for number in refused]
        if refused and min(each) >= 0:
            for place, number in zip(each, refused, strict=True):
                _put(lost, column + place, f"{signs.lost}{number}")
        elif refused:
            _put(lost, column, token(signs.lost, refused, room))
    yield "arrivals", "".join(came)
    if staff.timeline.lost:
        yield "lost", "".join(lost)
    gone = staff.departures()
    if gone:
        left = [" "] * (grid.width + 1)
        for column, room, together in grid.together(gone):
            _put(left, column, token(signs.gone, [visit.number for visit in together], room))
        yield "gave up", "".join(left)


def _put(row: list[str], column: int, text: str) -> None:
    row[column : column + len(text)] = text[: len(row) - column]
