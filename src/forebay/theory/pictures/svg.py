"""Writes SVG: few elements, escaped text, one style sheet for light and dark.

The colours are told apart with every kind of colour blindness (after M. Okabe and K. Ito, "Color Universal Design"
(2008), darkened on white and lightened on black until each has a contrast of 3:1 or better).
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterable

from forebay.theory.pictures.lettering import FONT, number

COLOURS = (
    ("work", "#0072b2", "#56b4e9"),
    ("wait", "#c07c00", "#f0b429"),
    ("lost", "#d1242f", "#ff7b72"),
    ("green", "#00835f", "#3fc79a"),
    ("purple", "#9c4f88", "#e09ccb"),
    ("slate", "#5b6675", "#a3adba"),
    ("ink", "#1f2328", "#e6edf3"),
)
"""Name, on light, on dark."""
_SHADES = (
    ("paper", "#ffffff", "#0d1117"),
    ("muted", "#59636e", "#9aa4af"),
    ("grid", "#e4e8ec", "#252c36"),
    ("axis", "#8c959f", "#5d6875"),
    ("lane", "#f3f5f8", "#161c25"),
    ("queue", "#f2b544", "#d99e22"),
)
_SCOPE = "forebay"
_UNPRINTABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Point = tuple[float, float]


def escape(text: str) -> str:
    """Return text that can stand anywhere in XML; what XML cannot hold becomes a replacement sign."""
    return html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))


class Sheet:
    """A drawing of a size in pixels, to which elements are added; `str` is the file."""

    def __init__(self, width: float, height: float, title: str, about: str) -> None:
        self._size = number(width), number(height)
        self._told = escape(title), escape(about)
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, round: float = 0) -> None:
        """Add a rectangle of a kind: a class of the style sheet."""
        rounded = f' rx="{number(round)}"' if round else ""
        size = f'width="{number(width)}" height="{number(height)}"'
        self._parts.append(f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" {size}{rounded}/>')

    def line(self, begin: Point, end: Point, kind: str) -> None:
        """Add a straight line."""
        ends = f'x1="{number(begin[0])}" y1="{number(begin[1])}" x2="{number(end[0])}" y2="{number(end[1])}"'
        self._parts.append(f'<line class="{kind}" {ends}/>')

    def path(self, points: Iterable[Point], kind: str, closed: bool = False) -> None:
        """Add a line through points, or the area that they enclose."""
        steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self._parts.append(f'<{"polygon" if closed else "polyline"} class="{kind}" points="{steps}"/>')

    def dot(self, at: Point, radius: float, kind: str) -> None:
        """Add a circle."""
        self._parts.append(f'<circle class="{kind}" cx="{number(at[0])}" cy="{number(at[1])}" r="{number(radius)}"/>')

    def cross(self, at: Point, arm: float, kind: str) -> None:
        """Add a cross: what is lost."""
        (x, y), a = at, arm
        strokes = f"M{number(x - a)} {number(y - a)}L{number(x + a)} {number(y + a)}"
        strokes += f"M{number(x - a)} {number(y + a)}L{number(x + a)} {number(y - a)}"
        self._parts.append(f'<path class="{kind}" d="{strokes}"/>')

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Add a text whose baseline is at y; anchor: start, middle or end."""
        placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
        styled = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text{styled} x="{number(x)}" y="{number(y)}"{placed}>{escape(text)}</text>')

    def __str__(self) -> str:
        width, height = self._size
        title, about = self._told
        name = f"{_SCOPE}-{zlib.crc32(f'{title}{about}'.encode()):x}"  # pictures on one page have names of their own
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{_SCOPE}" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="{name}-title {name}-about">'
        )
        told = f'<title id="{name}-title">{title}</title>\n<desc id="{name}-about">{about}</desc>'
        paper = f'<rect class="paper" x="0" y="0" width="{width}" height="{height}" rx="8"/>'
        return "\n".join([head, told, f"<style>{_STYLE}</style>", paper, *self._parts, "</svg>", ""])


def _rules() -> dict[str, str]:
    return {
        "text": f"font:12px {FONT}",
        ".line": "fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round",
        ".dashed": "stroke-dasharray:6 4",
        ".thin": "stroke-width:1",
        ".area": "fill-opacity:.28",
        ".halo": "stroke-width:4;stroke-linejoin:round;paint-order:stroke",
        ".title": "font-size:17px;font-weight:600",
        ".strong": "font-weight:600",
        ".small": "font-size:11px",
    }


def _colours(column: int) -> dict[str, str]:
    known = {one[0]: one[column] for one in (*COLOURS, *_SHADES)}
    rules = {"text": f"fill:{known['ink']}"}
    rules |= {f".{name}": f"fill:{colour}" for name, colour in known.items()}
    rules |= {f".l-{name}": f"stroke:{colour}" for name, colour in known.items()}
    on_bar = {1: "#ffffff", 2: "#0d1117"}[column]
    return rules | {".halo": f"stroke:{known['paper']}", ".on": f"fill:{on_bar}", ".on-queue": "fill:#1f2328"}


def _written(rules: dict[str, str]) -> str:
    """Return the rules for what is inside of our pictures alone: a notebook has other things on its page."""
    return "".join(f".{_SCOPE} {selector}{{{rule}}}" for selector, rule in rules.items())


_STYLE = f"{_written(_rules())}{_written(_colours(1))}@media(prefers-color-scheme:dark){{{_written(_colours(2))}}}"
