"""Figures as people read them in the tables of a page; a dash where there is nothing to show."""

from __future__ import annotations

import math

from forebay.quantity import show_seconds

_LONGEST = 300


def time(seconds: float) -> str:
    """Return a duration with three digits."""
    return "–" if math.isnan(seconds) else show_seconds(seconds)


def share(part: float) -> str:
    """Return a part of 1 in percent."""
    return "–" if math.isnan(part) else f"{part * 100:.3g}%"


def rate(rate: float) -> str:
    """Return a number a second, with three digits or all before the point."""
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def count(number: float) -> str:
    """Return a whole number."""
    return f"{number:,.0f}"


def size(octets: float) -> str:
    """Return bytes in the greatest unit of which there is at least one."""
    for unit in ("B", "KB", "MB"):
        if octets < 1000:
            return f"{octets:.3g} {unit}"
        octets /= 1000
    return f"{octets:,.3g} GB"


def short(text: str) -> str:
    """Return text without the rest of what is too long for a page."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
