"""Draws a figure as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forebay.theory.pictures.canvas import Canvas
from forebay.theory.pictures.chart import Area, Dots, Figure, Gap, Level, Line, Note, Panel
from forebay.theory.pictures.curves import at_height, outline, placed, runs, thinned
from forebay.theory.pictures.labels import Label, labels, spread

_ROWS = {1: 18, 2: 10, 3: 8}
"""Of each panel, by the number of panels."""
_SIGNS = "*o+x#@%&"
_FINER = 4
"""Than the dots are: so much of a curve is kept when it is thinned."""
_TO_ASCII = str.maketrans({"×": "x", "−": "-", "→": "->", "≥": ">=", "≤": "<=", "µ": "u", "∞": "inf", "–": "-"} | {
    "λ": "lambda", "μ": "mu", "ρ": "rho", "²": "^2", "·": ".", "…": "...", "Σ": "sum", "α": "alpha", "β": "beta",
    "γ": "gamma",
    "⁻": "^-", "⁰": "0", "¹": "1", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9",
})  # fmt: skip


def draw_text(figure: Figure, width: int, ascii: bool) -> str:
    """Return the figure in so many columns."""
    left = max(len(text) for panel in figure.panels for _, text in panel.y.ticks(_ticks(figure)))
    beside = [label for panel in figure.panels for label in labels(panel) if label.side == "right"]
    right = min(max((len(label.text) + 3 for label in beside), default=1), width // 3)
    lines = [figure.title, *([figure.subtitle] if figure.subtitle else [])]
    for i, panel in enumerate(figure.panels):
        last = i == len(figure.panels) - 1
        lines += ["", *_panel(panel, _rows(figure, panel), (left, width - left - right - 2, right), ascii, last)]
    return "\n".join(plain_text(line, ascii)[:width].rstrip() for line in lines)


def plain_text(text: str, ascii: bool) -> str:
    """Return text without what may steer a terminal; with `ascii`, without what ASCII lacks."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text.translate(_TO_ASCII).encode("ascii", "replace").decode() if ascii else text


def _ticks(figure: Figure) -> int:
    return 5 if len(figure.panels) == 1 else 3


def _rows(figure: Figure, panel: Panel) -> int:
    count = len(figure.panels)
    whole = _ROWS[min(count, 3)] * count
    return max(4, round(whole * panel.height / sum(one.height for one in figure.panels)))


def _panel(panel: Panel, rows: int, widths: tuple[int, int, int], ascii: bool, last: bool) -> Iterable[str]:
    left, middle, right = widths
    canvas = Canvas(middle, rows, ascii)
    signs = _drawn(canvas, panel)
    named = labels(panel)
    axis = {_row(panel.y.at(value), rows): text for value, text in panel.y.ticks(5 if rows > 12 else 3)}
    beside = _beside([label for label in named if label.side == "right"], rows, right, signs if ascii else {})
    _below(canvas, [label for label in named if label.side == "bottom"], signs if ascii else {})
    yield panel.y.title
    yield from _above([label for label in named if label.side == "top"], left, middle, signs if ascii else {})
    edge, tick = ("|", "+") if ascii else ("│", "┤")
    for i, line in enumerate(canvas.lines()):
        yield f"{axis.get(i, '').rjust(left)} {tick if i in axis else edge}{line}{beside.get(i, '')}"
    yield from _axis(panel, left, middle, ascii, last)


def _drawn(canvas: Canvas, panel: Panel) -> dict[str, str]:
    """Draw the marks, and return the sign of each name."""
    signs: dict[str, str] = {}
    for mark in panel.marks:
        if isinstance(mark, Area):
            border = outline(mark, panel)
            half, dots = len(border) // 2, _FINER * canvas.columns * canvas.dots[0]
            border = [*thinned(border[:half], dots), *thinned(border[half:], dots)]
            canvas.fill(border, ":", dense=mark.colour in ("work", "lost"))
    for mark in panel.marks:
        if isinstance(mark, Line):
            sign = _SIGNS[len(signs) % len(_SIGNS)]
            signs[mark.label or f" {len(signs)}"] = sign
            for piece in runs(mark, panel):
                canvas.curve(thinned(piece, _FINER * canvas.columns * canvas.dots[0]), sign, mark.dashed)
        elif isinstance(mark, Level):
            ((u, v),) = placed([(mark.value, mark.value)], panel)
            if 0 <= (u if mark.upright else v) <= 1:
                canvas.curve([(u, 0), (u, 1)] if mark.upright else [(0, v), (1, v)], "|" if mark.upright else "-", True)
    for mark in panel.marks:
        _point(canvas, panel, mark)
    return signs


def _point(canvas: Canvas, panel: Panel, mark: object) -> None:
    cross, dot = ("X", "O") if canvas.ascii else ("✗", "●")
    if isinstance(mark, Dots):
        for unit in placed(mark.points, panel):
            if all(0 <= part <= 1 for part in unit):
                canvas.put(unit, cross if mark.cross else dot)
    elif isinstance(mark, Note):
        (at,) = placed([mark.at], panel)
        text = plain_text(mark.label, canvas.ascii)
        before = mark.side == "left" or at[0] * canvas.columns + len(text) + 2 > canvas.columns
        canvas.put(at, f"{text} {dot}" if before else f"{dot} {text}", before)
    elif isinstance(mark, Gap):
        begin, end = placed([mark.begin, mark.end], panel)
        upright = begin[0] == end[0]
        canvas.curve([begin, end], "|" if upright else "-")
        text, room = plain_text(mark.label, canvas.ascii), 2 / canvas.columns
        if upright:
            canvas.put((begin[0] + room, min(begin[1], end[1])), text)
        else:
            canvas.put((min(begin[0], end[0]) - room, begin[1]), text, before=True)


def _row(v: float, rows: int) -> int:
    return min(max(round((1 - v) * (rows - 1)), 0), rows - 1)


def _beside(named: Sequence[Label], rows: int, width: int, signs: dict[str, str]) -> dict[int, str]:
    heights = spread([float(_row(label.at[1], rows)) for label in named], [1.0] * len(named), -0.5, rows - 0.5)
    found = {}
    for label, height in zip(named, heights, strict=True):
        found[round(height)] = f" {_signed(label, signs)}"[:width]
    return found


def _above(named: Sequence[Label], left: int, middle: int, signs: dict[str, str]) -> Iterable[str]:
    """Yield a row with the names of what leaves above, if anything does."""
    if not named:
        return
    texts = [_signed(label, signs) for label in named]
    wanted = [left + 2 + label.at[0] * middle for label in named]
    middles = spread(wanted, [len(text) + 2.0 for text in texts], left + 1, left + middle + 20)
    row = [" "] * (left + middle + 30)
    for text, at in zip(texts, middles, strict=True):
        first = round(at - len(text) / 2)
        row[first : first + len(text)] = text
    yield "".join(row).rstrip()


def _below(canvas: Canvas, named: Sequence[Label], signs: dict[str, str]) -> None:
    """Write the names of what falls through the floor beside it, each higher than one that it would cover."""
    free = [0] * canvas.rows
    for label in sorted(named, key=lambda label: label.at[0]):
        text = _signed(label, signs)
        for row in reversed(range(canvas.rows)):
            v = 1 - row / (canvas.rows - 1)
            u = at_height(label.pieces, v)
            column = round((label.at[0] if u is None else u) * (canvas.columns - 1)) + 2
            if column >= free[row] and column + len(text) <= canvas.columns:
                canvas.put((column / (canvas.columns - 1), v), text)
                free[row] = column + len(text) + 1
                break


def _signed(label: Label, signs: dict[str, str]) -> str:
    return f"{signs[label.text]} {label.text}" if label.text in signs else label.text


def _axis(panel: Panel, left: int, middle: int, ascii: bool, last: bool) -> Iterable[str]:
    corner, flat, down = ("+", "-", "+") if ascii else ("└", "─", "┬")
    ticks = panel.x.ticks(max(2, middle // 9))
    at = {min(round(panel.x.at(value) * (middle - 1)), middle - 1): text for value, text in ticks}
    yield " " * left + " " + corner + "".join(down if i in at else flat for i in range(middle))
    if last:
        row = [" "] * (left + 2 + middle + 12)
        end = 0
        for i, text in sorted(at.items()):
            first = max(end, left + 2 + i - len(text) // 2)
            row[first : first + len(text)] = text
            end = first + len(text) + 1
        yield "".join(row).rstrip()
        yield " " * (left + 2) + panel.x.title.center(middle).rstrip()
