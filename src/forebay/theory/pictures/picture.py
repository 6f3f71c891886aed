"""A picture: SVG for pages and notebooks, text for terminals, its data for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File
from typing import Any

from forebay.errors import UsageError
from forebay.theory.pictures.chart import Figure
from forebay.theory.pictures.chart_svg import draw_svg
from forebay.theory.pictures.chart_text import draw_text
from forebay.theory.result import finite

WIDTH = 80
NARROWEST = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """What `draw` returns; equal input gives an equal picture, to the byte.

    Arguments:
        kind: timeline, number, cumulative, ... title: what is drawn.
        svg: the whole file; valid XML, without scripts, for light and dark pages.
        data: the numbers that are drawn.
        written: the text of a width in columns, in plain ASCII or with blocks and Braille.
    """

    kind: str
    title: str
    svg: str
    data: Mapping[str, Any]
    written: Callable[[int, bool], str]

    def text(self, width: int = WIDTH, ascii: bool = False) -> str:
        """Return the picture for a terminal of so many columns (at least 40)."""
        return self.written(max(width, NARROWEST), ascii)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers of the picture in a form that JSON can hold; what is infinite becomes None."""
        form: dict[str, Any] = finite({"kind": self.kind, "title": self.title, **self.data})
        return form

    def save(self, path: str | File) -> None:
        """Write a file: .svg, .txt, or .json with the numbers.

        Raises:
            UsageError: another ending.
            OSError: the file cannot be written.
        """
        file = File(path)
        forms: dict[str, Callable[[], str]] = {
            ".svg": lambda: self.svg,
            ".txt": lambda: self.text() + "\n",
            ".json": lambda: json.dumps(self.as_dict()) + "\n",
        }
        if file.suffix not in forms:
            raise UsageError(f"{file.name!r} is of no known form", f"end it with {', '.join(forms)}")
        file.write_text(forms[file.suffix](), "utf-8")

    def __str__(self) -> str:
        return self.text()

    def _repr_svg_(self) -> str:
        """Return the SVG, for notebooks."""
        return self.svg


def charted(kind: str, figure: Figure, data: Mapping[str, Any]) -> Picture:
    """Return the picture of a figure of charts."""
    return Picture(kind, figure.title, draw_svg(figure), data, partial(draw_text, figure))
