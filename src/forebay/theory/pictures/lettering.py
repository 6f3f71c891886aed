"""Letters and figures in pictures: how wide a text is, how numbers and times are written."""

from __future__ import annotations

import math

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_NARROW = frozenset("iljtfrI.,:;'|!()[]/ ·1")
_WIDE = frozenset("mwMW@%—")
TIMES = (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0))
_MINUS = "\N{MINUS SIGN}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def text_width(text: str, size: float = 12) -> float:
    """Return about how many pixels wide a text is in a sans-serif font: rather a little too many."""
    ems = sum(0.34 if c in _NARROW else 0.92 if c in _WIDE else 0.68 if c.isupper() else 0.57 for c in text)
    return ems * size * 1.05


def number(x: float) -> str:
    """Return a coordinate with at most two decimals."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def plain(value: float, digits: int = 4) -> str:
    """Return a number as people write it: 1,200 and 0.05 and 3×10⁻⁶."""
    if not math.isfinite(value):
        return "inf" if value > 0 else f"{_MINUS}inf"
    if value and not 1e-4 <= abs(value) < 1e7:
        return power(value, digits)
    text = f"{float(f'{value:.{digits}g}'):,.10f}".rstrip("0").rstrip(".")
    return text.replace("-", _MINUS) if float(text.replace(",", "")) else "0"


def power(value: float, digits: int = 3) -> str:
    """Return a number as a power of ten: 10⁻³, 2.5×10⁸."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    raised = "10" + str(int(exponent)).translate(_RAISED)
    return raised if mantissa == "1" else f"{mantissa.replace('-', _MINUS)}×{raised}"


def share(value: float) -> str:
    """Return a share in per cent: 50 %, 0.1 %."""
    return f"{plain(100 * value, 3)} %"


def unit_of(seconds: float) -> tuple[str, float]:
    """Return the unit in which an axis that ends at so many seconds is written, and how many seconds that is."""
    for unit, size in reversed(TIMES):
        if abs(seconds) >= (5 * size if size >= 60 else size):
            return unit, size
    return TIMES[0]


def seconds(value: float) -> str:
    """Return a time with its unit: 11.2 s, 80 ms."""
    if not math.isfinite(value) or not value:
        return "∞" if value else "0 s"
    unit, size = unit_of(value * (1 + 1e-9))
    return f"{plain(value / size, 3)} {unit}"
