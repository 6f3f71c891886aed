"""Text in columns: numbers stand right, words left; and words of others made harmless."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], left: int = 1, gap: int = 2) -> list[str]:
    """Return one line a row.

    Arguments:
        rows: of cells; a shorter one has empty cells at its end.
        left: how many columns, from the first on, are words.
        gap: spaces between columns.
    """
    count = max(map(len, rows), default=0)
    whole = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(len(row[i]) for row in whole) for i in range(count)]
    lines = []
    for row in whole:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append((" " * gap).join(cells).rstrip())
    return lines


def printable(words: str) -> str:
    """Return words without what would steer a terminal: a server may have said them."""
    return "".join(c if c.isprintable() else "�" for c in words)
