"""Draws a figure as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forebay.theory.pictures.axes import Tick
from forebay.theory.pictures.chart import Area, Dots, Figure, Gap, Level, Line, Mark, Note, Panel
from forebay.theory.pictures.curves import Unit, at_height, outline, placed, runs, thinned
from forebay.theory.pictures.labels import Label, labels, spread
from forebay.theory.pictures.lettering import text_width
from forebay.theory.pictures.svg import Point, Sheet

WIDTH = 800
EDGE = 28
_HEAD = 96
_FOOT = 52
_PLOT = {1: 330, 2: 400, 3: 480}
"""Height of all panels together, by their number."""
_BETWEEN = 46
_LINE = 16


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a panel lies, in pixels."""

    left: float
    top: float
    width: float
    height: float

    def at(self, unit: Unit) -> Point:
        return self.left + unit[0] * self.width, self.top + (1 - unit[1]) * self.height

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


def draw_svg(figure: Figure) -> str:
    """Return the file."""
    room = _PLOT[min(len(figure.panels), max(_PLOT))]
    lift = _LINE if _lifted(figure.panels[0]) else 0
    height = _HEAD + lift + room + _BETWEEN * (len(figure.panels) - 1) + _FOOT
    sheet = Sheet(WIDTH, height, figure.title, figure.about or figure.subtitle)
    heading(sheet, figure.title, figure.subtitle)
    left = EDGE + max(text_width(text) for panel in figure.panels for _, text in panel.y.ticks(_rows(room))) + 10
    right = WIDTH - EDGE - max((_beside(panel) for panel in figure.panels), default=0)
    top, whole = float(_HEAD + lift), sum(panel.height for panel in figure.panels)
    for i, panel in enumerate(figure.panels):
        box = _Box(left, top, right - left, room * panel.height / whole)
        _panel(sheet, box, panel, last=i == len(figure.panels) - 1)
        top = box.bottom + _BETWEEN
    return str(sheet)


def heading(sheet: Sheet, title: str, subtitle: str) -> None:
    """Write what the picture is."""
    sheet.text(EDGE, 36, title, "title")
    sheet.text(EDGE, 56, subtitle, "muted")


def _beside(panel: Panel) -> float:
    """Return how wide the labels at the right are, with room before them."""
    widths = [text_width(label.text) + 12 for label in labels(panel) if label.side == "right" and _reaches(label)]
    return max([20.0, *widths])


def _reaches(label: Label) -> bool:
    return label.at[0] > 0.97


def _lifted(panel: Panel) -> bool:
    """Return whether labels stand above the panel, so that what is above them moves up."""
    return any(label.side == "top" for label in labels(panel))


def _panel(sheet: Sheet, box: _Box, panel: Panel, last: bool) -> None:
    named = labels(panel)
    _grid(sheet, box, panel, last)
    sheet.text(EDGE, box.top - (12 + _LINE if _lifted(panel) else 12), panel.y.title, "muted small")
    for mark in panel.marks:
        _MARKS[type(mark)](sheet, box, panel, mark)
    _right(sheet, box, [label for label in named if label.side == "right"])
    _above(sheet, box, [label for label in named if label.side == "top"])
    _below(sheet, box, [label for label in named if label.side == "bottom"])


def _grid(sheet: Sheet, box: _Box, panel: Panel, last: bool) -> None:
    for value, text in panel.y.ticks(_rows(box.height)):
        y = box.at((0, panel.y.at(value)))[1]
        sheet.line((box.left, y), (box.right, y), "l-grid")
        sheet.text(box.left - 8, y + 4, text, "muted", "end")
    sheet.line((box.left, box.bottom), (box.right, box.bottom), "l-axis")
    for value, text in columns(panel, box.width):
        x = box.at((panel.x.at(value), 0))[0]
        sheet.line((x, box.bottom), (x, box.bottom + 5), "l-axis")
        if last:
            sheet.text(x, box.bottom + 19, text, "muted", "middle")
    if last:
        sheet.text(box.left + box.width / 2, box.bottom + 38, panel.x.title, "muted small", "middle")


def _rows(height: float) -> int:
    return max(2, min(7, int(height // 45)))


def columns(panel: Panel, width: float) -> list[Tick]:
    """Return the ticks of the x axis whose texts have room."""
    most = 11
    while most > 2:
        ticks = panel.x.ticks(most)
        if sum(text_width(text) + 14 for _, text in ticks) <= width:
            return ticks
        most -= 1
    return panel.x.ticks(2)


def _line(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Line)
    kind = f"line l-{mark.colour}{' dashed' if mark.dashed else ''}{' thin' if mark.thin else ''}"
    for piece in runs(mark, panel):
        sheet.path(map(box.at, thinned(piece, box.width)), kind)


def _area(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Area)
    if len(mark.x) > 1:
        border = outline(mark, panel)
        half = len(border) // 2
        border = [*thinned(border[:half], box.width), *thinned(border[half:], box.width)]
        sheet.path(map(box.at, border), f"area {mark.colour}", closed=True)


def _dots(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Dots)
    for unit in placed(mark.points, panel):
        if all(0 <= part <= 1 for part in unit):
            if mark.cross:
                sheet.cross(box.at(unit), 4, f"line l-{mark.colour}")
            else:
                sheet.dot(box.at(unit), 4, mark.colour)


def _level(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Level)
    ((u, v),) = placed([(mark.value, mark.value)], panel)
    if 0 <= (u if mark.upright else v) <= 1:
        ends = ((u, 0.0), (u, 1.0)) if mark.upright else ((0.0, v), (1.0, v))
        sheet.line(box.at(ends[0]), box.at(ends[1]), f"line l-{mark.colour} dashed thin")


def _gap(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Gap)
    begin, end = (box.at(unit) for unit in placed([mark.begin, mark.end], panel))
    sheet.line(begin, end, f"line l-{mark.colour}")
    _arrow(sheet, begin, end, mark.colour)
    _arrow(sheet, end, begin, mark.colour)
    kind = f"{mark.colour} strong halo"
    if abs(begin[0] - end[0]) < abs(begin[1] - end[1]):
        _aside(sheet, box, (begin[0], max(begin[1], end[1]) + 4), mark.label, kind, 8)
    elif (x := min(begin[0], end[0]) - 8) - text_width(mark.label) > box.left:
        sheet.text(x, begin[1] + 4, mark.label, kind, "end")
    else:
        sheet.text(max(x - 20, box.left + 6), begin[1] - 10, mark.label, kind)


def _arrow(sheet: Sheet, tip: Point, tail: Point, colour: str) -> None:
    dx, dy = tail[0] - tip[0], tail[1] - tip[1]
    length = (dx * dx + dy * dy) ** 0.5
    if length < 16:
        return
    ux, uy = dx / length, dy / length
    base = tip[0] + 8 * ux, tip[1] + 8 * uy
    wings = ((base[0] - 4 * uy, base[1] + 4 * ux), (base[0] + 4 * uy, base[1] - 4 * ux))
    sheet.path([tip, *wings], colour, closed=True)


def _note(sheet: Sheet, box: _Box, panel: Panel, mark: Mark) -> None:
    assert isinstance(mark, Note)
    ((u, v),) = placed([mark.at], panel)
    x, y = box.at((min(max(u, 0.0), 1.0), min(max(v, 0.0), 1.0)))
    sheet.dot((x, y), 4, mark.colour)
    height = y - 9 if y - 9 > box.top - 4 and mark.side != "below" else y + 18
    if mark.side == "left" and x - 8 - text_width(mark.label) > box.left:
        sheet.text(x - 8, height, mark.label, f"{mark.colour} strong halo", "end")
    else:
        _aside(sheet, box, (x, height), mark.label, f"{mark.colour} strong halo", 8)


def _aside(sheet: Sheet, box: _Box, at: Point, text: str, kind: str, room: float) -> None:
    """Write to the right of a point, or to the left where that leaves the panel."""
    if at[0] + room + text_width(text) * 1.05 <= box.right:
        sheet.text(at[0] + room, at[1], text, kind)
    else:
        sheet.text(at[0] - room, at[1], text, kind, "end")


def _right(sheet: Sheet, box: _Box, named: Sequence[Label]) -> None:
    """Write the labels of what reaches the right edge beside it; of what ends before, at its end."""
    beside = [label for label in named if _reaches(label)]
    heights = spread([box.at(label.at)[1] for label in beside], [_LINE] * len(beside), box.top - 8, box.bottom + 8)
    for label, y in zip(beside, heights, strict=True):
        sheet.text(box.right + 8, y + 4, label.text, f"{label.colour} strong")
    for label in named:
        if not _reaches(label):
            x, y = box.at(label.at)
            _aside(sheet, box, (x, y - 6), label.text, f"{label.colour} strong halo", 6)


def _above(sheet: Sheet, box: _Box, named: Sequence[Label]) -> None:
    sizes = [text_width(label.text) + 10 for label in named]
    middles = spread([box.at(label.at)[0] for label in named], sizes, box.left, WIDTH - EDGE + 8)
    for label, x in zip(named, middles, strict=True):
        sheet.text(x, box.top - 8, label.text, f"{label.colour} strong", "middle")


def _below(sheet: Sheet, box: _Box, named: Sequence[Label]) -> None:
    """Write the labels of what falls through the floor: to its right where the next one is far, else to its left."""
    order = sorted(named, key=lambda label: label.at[0])
    ends = [box.at(label.at)[0] for label in order]
    taken, low = box.left, box.bottom - 6
    for i, label in enumerate(order):
        x, width = ends[i], text_width(label.text) + 16
        after = ends[i + 1] if i + 1 < len(order) else box.right
        if x + width <= after:
            sheet.text(x + 8, low, label.text, f"{label.colour} strong halo")
            taken = x + width
        elif x - width >= taken:
            sheet.text(x - 8, low, label.text, f"{label.colour} strong halo", "end")
            taken = x
        else:
            v = (6 + _LINE * (1 + i % 4)) / box.height
            u = at_height(label.pieces, v)
            sheet.text(box.at((u or 0.0, v))[0] + 8, low - v * box.height, label.text, f"{label.colour} strong halo")


_MARKS = {Line: _line, Area: _area, Dots: _dots, Level: _level, Gap: _gap, Note: _note}
