"""Measured points of a scalability law on the command line: how many workers or clients, and what they did a second."""

from __future__ import annotations

import re
from pathlib import Path

from forebay.errors import UsageError

_POINT = re.compile(r"\s*([0-9.]+)\s*[:,;\s]\s*([0-9.]+)\s*(?:/s)?\s*")
_HINT = "write '1:600, 20:2500, 140:2750': how many, and what they did a second; or a file with two columns"


def measured_points(points: str | None) -> list[tuple[float, float]]:
    """Return (N, X) of '1:600, 20:2500', or of the lines of a file, whose heading is passed over.

    Raises:
        UsageError: there are none; names what is not a point.
    """
    if points is None:
        raise UsageError("usl needs what was measured", f"--points: {_HINT}")
    return [_point(part) for part in _parts(points)]


def _parts(points: str) -> list[str]:
    if not Path(points).is_file():
        return points.split(",")
    lines = [line for line in Path(points).read_text(encoding="utf-8").splitlines() if line.strip()]
    return lines[1:] if lines and not _POINT.fullmatch(lines[0]) else lines


def _point(part: str) -> tuple[float, float]:
    match = _POINT.fullmatch(part)
    try:
        if match is not None:
            return float(match[1]), float(match[2])
    except ValueError:
        pass
    raise UsageError(f"{part.strip()!r} is not a point", _HINT)
