"""Quantities as people write them: ``80ms``, ``2m``, ``1.5h``, ``10KiB``, ``50/s``, ``inf``."""

from __future__ import annotations

import math
import re

from forebay.errors import UsageError

_NUMBER = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MOST_HOURS = 48
"""Below which a duration is shown in hours, else in days."""
_DURATION = re.compile(rf"{_NUMBER}\s*({'|'.join(_SECONDS)})")
_SIZE = re.compile(rf"{_NUMBER}\s*({'|'.join(_BYTES)})?")
_RATE = re.compile(rf"{_NUMBER}\s*/\s*({'|'.join(_SECONDS)})")


def duration(text: str) -> float:
    """Return the seconds of ``80ms``, ``2m``, ``1m30s``, ``0`` or ``inf``.

    Raises:
        UsageError: the text is not a duration.
    """
    text = text.strip()
    if text in {"0", "inf"}:
        return float(text)
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part.group(0) for part in parts) != text:
        raise UsageError(f"{text!r} is not a duration", "write it as 80ms, 2s, 1m30s or 1.5h")
    return sum(float(part.group(1)) * _SECONDS[part.group(2)] for part in parts)


def rate(text: str) -> float:
    """Return the events a second of ``50/s``, ``3000/m`` or ``2/ms``.

    Raises:
        UsageError: the text is not a rate.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a rate", "write it as 50/s, 3000/m or 2/ms")
    return float(match.group(1)) / _SECONDS[match.group(2)]


def size(text: str) -> int:
    """Return the bytes of ``256KiB``, ``1MB`` or a plain number.

    Raises:
        UsageError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a size", "write it as 512, 256KiB or 1MB")
    return round(float(match.group(1)) * _BYTES[match.group(2) or "B"])


def places(text: str) -> float:
    """Return the number of waiting places of ``0``, ``1000`` or ``inf``.

    Raises:
        UsageError: the text is neither a whole number nor ``inf``.
    """
    text = text.strip()
    if text == "inf":
        return math.inf
    if text.isascii() and text.isdigit():
        return int(text)
    raise UsageError(f"{text!r} is not a number of places", "write 0, a whole number, or inf")


def show_seconds(seconds: float) -> str:
    """Return seconds as people write them: with three significant digits, ``11.2s``, ``80ms``; from a minute on whole
    seconds, ``1m30s``, ``3h05m00s``; from two days on whole minutes, ``2d03h05m``."""
    if math.isinf(seconds):
        return "inf"
    if seconds >= 60:
        return _long(round(seconds))
    for unit in ("s", "ms", "us"):
        if seconds >= _SECONDS[unit]:
            return f"{_three_digits(seconds / _SECONDS[unit])}{unit}"
    return "0s" if seconds <= 0 else f"{_three_digits(seconds / 1e-9)}ns"


def _long(seconds: int) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    if not hours:
        return f"{m}m{s:02d}s"
    if hours < _MOST_HOURS:
        return f"{hours}h{m:02d}m{s:02d}s"
    hours, m = divmod((seconds + 30) // 60, 60)
    return f"{hours // 24}d{hours % 24:02d}h{m:02d}m"


def _three_digits(number: float) -> str:
    return f"{float(f'{number:.3g}'):g}"  # 999.6 becomes 1000, not 1e+03
