"""Draws the lanes of a timeline as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from forebay.theory.path import Fate
from forebay.theory.pictures.chart_svg import EDGE, WIDTH, heading
from forebay.theory.pictures.lettering import text_width
from forebay.theory.pictures.staff import Lane, Staff, token
from forebay.theory.pictures.svg import Sheet
from forebay.theory.timelines.timeline import Visit

_HEAD = 88
_ROW = 30
_BETWEEN = 10
_CHIP = 9
"""Radius of the disc of an arrival."""
_ROUND = 4


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where time lies, in pixels."""

    staff: Staff
    left: float
    width: float

    def at(self, time: Fraction) -> float:
        return self.left + min(max(float(self.staff.at(time)), 0.0), 1.0) * self.width

    @property
    def right(self) -> float:
        return self.left + self.width


def draw(staff: Staff) -> str:
    """Return the file."""
    rows = 1 + bool(staff.timeline.lost) + bool(staff.departures()) + len(staff.lanes)
    bottom = _HEAD + rows * (_ROW + _BETWEEN)
    sheet = Sheet(WIDTH, bottom + 62 + 20 * len(staff.told) + 12, staff.title, _about(staff))
    heading(sheet, staff.title, staff.subtitle)
    left = EDGE + max([text_width(lane.name) for lane in staff.lanes] + [text_width("arrivals")]) + 24
    beside = max([text_width(lane.beside) for lane in staff.lanes] + [24]) + 12
    scale = _Scale(staff, left, WIDTH - EDGE - beside - left)
    _axis(sheet, scale, bottom)
    top = _arrivals(sheet, scale, _HEAD)
    for lane in staff.lanes:
        _lane(sheet, scale, lane, top)
        top += _ROW + _BETWEEN
    for i, (name, text) in enumerate(staff.told):
        sheet.text(EDGE, bottom + 62 + 20 * i, name, "muted")
        sheet.text(left, bottom + 62 + 20 * i, text, "strong")
    return str(sheet)


def _about(staff: Staff) -> str:
    told = "; ".join(f"{name}: {text}" for name, text in staff.told)
    return f"{staff.subtitle}. {told}." if staff.subtitle else f"{told}."


def _axis(sheet: Sheet, scale: _Scale, bottom: float) -> None:
    sheet.line((scale.left, bottom), (scale.right, bottom), "l-axis")
    end = 0.0
    for time, text in scale.staff.ticks:
        x = scale.at(time)
        sheet.line((x, _HEAD - 4), (x, bottom), "l-grid")
        sheet.line((x, bottom), (x, bottom + 5), "l-axis")
        if x - text_width(text) / 2 > end:
            sheet.text(x, bottom + 19, text, "muted", "middle")
            end = x + text_width(text) / 2 + 6
    sheet.text(max(scale.right + 12, end + 4), bottom + 19, scale.staff.unit, "muted")


def _arrivals(sheet: Sheet, scale: _Scale, top: float) -> float:
    """Draw who comes, below it who is lost and who gives up, and return where the next row begins."""
    staff, middle = scale.staff, top + _ROW / 2
    sheet.text(EDGE, middle + 4, "arrivals", "muted")
    below = top + _ROW + _BETWEEN
    if staff.timeline.lost:
        sheet.text(EDGE, below + _ROW / 2 + 4, "lost", "lost")
    batches = staff.batches()
    starts = [scale.at(now) for now, _ in batches]
    for x, after, (_, together) in zip(starts, [*starts[1:], WIDTH], batches, strict=True):
        _batch(sheet, (x, middle), after - x, together, below + _ROW / 2)
    below += _ROW + _BETWEEN if staff.timeline.lost else 0
    gone = staff.departures()
    if not gone:
        return below
    sheet.text(EDGE, below + _ROW / 2 + 4, "gave up", "wait")
    for now, together in gone:
        sheet.text(scale.at(now), below + _ROW / 2 + 4, token("", [v.number for v in together], 12), "wait", "middle")
    return below + _ROW + _BETWEEN


def _batch(sheet: Sheet, at: tuple[float, float], room: float, together: list[Visit], below: float) -> None:
    """Draw discs with the numbers of those who come together, or a stroke and their count where there is no room."""
    x, y = at
    lost = [visit for visit in together if visit.fate is Fate.LOST]
    if room >= 2 * _CHIP * len(together) + 4 and max(visit.number for visit in together) < 1000:
        for i, visit in enumerate(together):
            _disc(sheet, (x + _CHIP + 2 + i * (2 * _CHIP + 2), y), visit, below)
        return
    colour = "lost" if len(lost) == len(together) else "ink"
    sheet.line((x, y - 8), (x, y + 10), f"line l-{colour}")
    if len(together) > 1 and room > 20:
        sheet.text(x + 4, y + 2, f"×{len(together)}", f"{colour} small")
    if lost:
        sheet.cross((x, below), 4, "line l-lost")
        if len(lost) > 1 and room > 20:
            sheet.text(x + 7, below + 4, f"×{len(lost)}", "lost small")


def _disc(sheet: Sheet, at: tuple[float, float], visit: Visit, below: float) -> None:
    x, y = at
    colour = "lost" if visit.fate is Fate.LOST else "slate"
    sheet.dot(at, _CHIP, colour)
    sheet.text(x, y + 4, str(visit.number), "on small strong", "middle")
    if visit.fate is Fate.LOST:
        sheet.line((x, y + _CHIP), (x, below - 8), "line l-lost thin")
        sheet.cross((x, below), 5, "line l-lost")


def _lane(sheet: Sheet, scale: _Scale, lane: Lane, top: float) -> None:
    middle = top + _ROW / 2 + 4
    sheet.text(EDGE, middle, lane.name, "strong" if lane.works else "muted")
    sheet.rect(scale.left, top, scale.width, _ROW, "lane", _ROUND)
    for begin, end, number in lane.bars:
        x, right = scale.at(begin), scale.at(end)
        if right - x <= 0:
            continue
        inset = 1.0 if right - x > 4 else 0.0
        kind = "work" if lane.works else "queue"
        sheet.rect(x + inset, top + 2, right - x - 2 * inset, _ROW - 4, kind, _ROUND - 1)
        if text_width(str(number)) + 6 <= right - x:
            sheet.text((x + right) / 2, middle, str(number), "on strong" if lane.works else "on-queue strong", "middle")
    sheet.text(scale.right + 12, middle, lane.beside, "strong" if lane.works else "muted")
