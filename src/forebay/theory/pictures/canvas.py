"""A grid of characters to draw on: dots in Braille (two by four in a character), or signs in plain ASCII."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from forebay.theory.pictures.curves import Unit

_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of the dots of a character: four rows, two columns."""


class Canvas:
    """Columns by rows of characters; the unit square fills it.

    Arguments:
        dots: how many dots a character has across and down: (2, 4) in Braille, (1, 1) in ASCII.
    """

    def __init__(self, columns: int, rows: int, ascii: bool) -> None:
        self.columns, self.rows, self.ascii = columns, rows, ascii
        self.dots = (1, 1) if ascii else (2, 4)
        self._set: dict[tuple[int, int], str] = {}
        self._signs: dict[tuple[int, int], str] = {}

    def curve(self, points: Sequence[Unit], sign: str, dashed: bool = False) -> None:
        """Draw straight pieces through points; in ASCII with a sign of its own."""
        wide, high = self.columns * self.dots[0] - 1, self.rows * self.dots[1] - 1
        grid = [(u * wide, (1 - v) * high) for u, v in points]
        for (x, y), (to_x, to_y) in pairwise(grid):
            steps = max(1, round(max(abs(to_x - x), abs(to_y - y))))
            for i in range(steps + 1):
                dot = round(x + (to_x - x) * i / steps), round(y + (to_y - y) * i / steps)
                if not dashed or sum(dot) % (6 * self.dots[0]) < 3 * self.dots[0]:
                    self._set[dot] = sign

    def fill(self, border: Sequence[Unit], sign: str, dense: bool = False) -> None:
        """Shade the inside of a border, densely or lightly."""
        wide, high = self.columns * self.dots[0] - 1, self.rows * self.dots[1] - 1
        grid = [(u * wide, (1 - v) * high) for u, v in border]
        for x in range(0, wide + 1, 1 if dense else 2):
            crossings = sorted(_crossings(grid, x + 0.01))
            for first, last in zip(crossings[::2], crossings[1::2], strict=False):
                for y in range(round(first), round(last) + 1):
                    if (x + y) % 2 == 0 if dense else (x // 2 + y // 2) % 2 == 0 and y % 2 == 0:
                        self._set.setdefault((x, y), sign)

    def put(self, at: Unit, text: str, before: bool = False) -> None:
        """Write a text whose first character (or last, with `before`) is at a point; it is moved to fit in."""
        column = min(max(round(at[0] * (self.columns - 1)), 0), self.columns - 1)
        row = min(max(round((1 - at[1]) * (self.rows - 1)), 0), self.rows - 1)
        first = max(0, min(column - (len(text) - 1 if before else 0), self.columns - len(text)))
        for i, sign in enumerate(text[: self.columns]):
            self._signs[first + i, row] = sign

    def lines(self) -> list[str]:
        """Return the rows of text."""
        cells: dict[tuple[int, int], int | str] = {}
        across, down = self.dots
        for (x, y), sign in self._set.items():
            cell = x // across, y // down
            before = cells.get(cell, _BRAILLE)
            cells[cell] = sign if self.ascii else int(before) | _BITS[y % down][x % across]
        return ["".join(self._cell(cells, column, row) for column in range(self.columns)) for row in range(self.rows)]

    def _cell(self, cells: dict[tuple[int, int], int | str], column: int, row: int) -> str:
        if (column, row) in self._signs:
            return self._signs[column, row]
        cell = cells.get((column, row), " ")
        return chr(cell) if isinstance(cell, int) else cell


def _crossings(border: Sequence[tuple[float, float]], x: float) -> Iterable[float]:
    """Yield where an upright line meets a closed border."""
    for (x1, y1), (x2, y2) in pairwise([*border, border[0]]):
        if (x1 <= x) != (x2 <= x):
            yield y1 + (y2 - y1) * (x - x1) / (x2 - x1)
