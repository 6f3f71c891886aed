"""The columns of a log: under which names they are known, and what a cell of each may hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from forebay.theory.path import Fate, Seconds

INSTANTS = {
    "accepted": ("arrived", "arrival", "arrived_at", "accepted_at", "enqueued", "t_accept", "t_arrive", "t_enqueued"),
    "started": ("began", "start", "started_at", "t_start"),
    "ended": ("finished", "departed", "end", "ended_at", "t_ack", "t_end"),
}
"""Columns of instants: seconds since the epoch, seconds from 0, or ISO 8601 (UTC unless it says otherwise); with _ms or
_us behind the name, that unit."""

TIMES = {
    "wait": ("waiting", "queue_time"),
    "work": ("service", "service_time", "duration"),
    "latency": ("total", "sojourn", "response", "response_time"),
}
"""Columns of times: seconds; with _ms or _us behind the name, that unit. What instant is missing follows from them."""

WORDS = {
    "topic": ("queue",),
    "id": ("message_id",),
    "attempt": ("attempts",),
    "worker": ("server", "lane"),
    "outcome": ("fate", "status", "result"),
}

FATES = {
    Fate.SERVED: ("done", "dropped", "dead", "served", "ok", "error", "failed", "success"),
    Fate.LOST: ("refused", "lost", "rejected", "full"),
    Fate.ABANDONED: ("abandoned", "expired", "reneged"),
    Fate.UNFINISHED: ("unfinished", "accepted", "waiting", "running"),
}
"""Outcomes; a message that was worked off in vain was worked off."""

AGAIN = ("retry", "released")
"""Outcomes of attempts that were not the last."""

_UNITS = {"_ms": 1e-3, "_us": 1e-6, "_seconds": 1.0, "_s": 1.0}
_LATEST = 1e11
"""Seconds since the epoch until the year 5138: a larger number counts something else."""


def meaning(name: str) -> tuple[str, float] | None:
    """Return the column that a name stands for, and how many seconds its unit is; None: one that is not looked at."""
    name = name.strip().lower()
    for known in (INSTANTS, WORDS, TIMES):
        for column, others in known.items():
            if name == column or name in others:
                return column, 1.0
    for suffix, unit in _UNITS.items():
        bare = name.removesuffix(suffix)
        if bare != name and (found := meaning(bare)) and found[0] not in WORDS:
            return found[0], unit
    return None


def all_names() -> str:
    """Return the names of the columns, for hints."""
    return ", ".join([*INSTANTS, *TIMES, *WORDS])


def instants(cells: Sequence[Any], unit: float = 1.0) -> Seconds:
    """Return instants, in the unit of the column; an empty cell is nan.

    Raises:
        ValueError: names the cell that is none.
    """
    found = _each(cells, _instant)
    if len(found) and np.nanmax(found, initial=-math.inf) * unit > _LATEST:
        latest = f"{np.nanmax(found):.0f} is no instant"
        raise ValueError(f"{latest}: seconds are wanted, or a column that is named accepted_ms, started_ms, ended_ms")
    return found


def times(cells: Sequence[Any]) -> Seconds:
    """Return times of 0 or above; an empty cell is nan.

    Raises:
        ValueError: names the cell that is none.
    """
    found = _each(cells, _time)
    if len(found) and np.nanmin(found, initial=0.0) < 0:
        raise ValueError(f"a time of {np.nanmin(found):g} s is not possible")
    return found


def whole(cells: Sequence[Any]) -> Seconds:
    """Return whole numbers of 0 or above as floats; an empty cell is nan.

    Raises:
        ValueError: names the cell that is none.
    """
    found = times(cells)
    if len(found) and np.nanmax(found % 1, initial=0.0) > 0:
        raise ValueError(f"{found[found % 1 > 0][0]:g} is not a whole number")
    return found


def marks(cells: Sequence[Any]) -> Seconds:
    """Return a number for each cell, the same for equal ones (two others have the same once in 10^15); empty is nan."""
    found = np.array([*map(hash, cells)], dtype=np.int64) & _53_BITS
    return np.where(np.isin(found, _EMPTY_MARKS), math.nan, found.astype(float))


def numbered(cells: Sequence[Any], known: dict[str, int]) -> Seconds:
    """Return a number for each different cell, the next free one for one that `known` has not; an empty one is nan."""
    kinds = {
        cell: math.nan if cell in _EMPTY else known.setdefault(str(cell), len(known)) for cell in dict.fromkeys(cells)
    }
    return np.array([*map(kinds.__getitem__, cells)], dtype=float)


def fates(cells: Sequence[Any]) -> Seconds:
    """Return the Fate of each outcome, −1 for an attempt that was not the last, nan for an empty cell.

    Raises:
        ValueError: names the outcome that is not known.
    """
    try:
        return np.array([*map(_FATE.__getitem__, cells)])
    except (KeyError, TypeError):
        return np.array([_fate(cell) for cell in cells])


_53_BITS = 2**53 - 1
_EMPTY = frozenset(("", None, "nan", "null", "None", "-"))
_EMPTY_MARKS = [hash(cell) & _53_BITS for cell in _EMPTY]
_FATE: dict[Any, float] = {
    **dict.fromkeys(_EMPTY, math.nan),
    **{word: float(fate) for fate, words in FATES.items() for word in words},
    **dict.fromkeys(AGAIN, -1.0),
}


def _fate(cell: Any) -> float:
    word = str(cell).strip().lower()
    if word in _FATE:
        return _FATE[word]
    if word.isdigit() and 100 <= int(word) < 600:  # a status of HTTP
        return float(Fate.LOST if word in {"429", "503"} else Fate.SERVED)
    known = ", ".join(word for word in _FATE if word not in _EMPTY)
    raise ValueError(f"{cell!r} is not an outcome that is known: {known}")


def _each(cells: Sequence[Any], read: Callable[[Any], float]) -> Seconds:
    try:
        found = np.array([*map(float, cells)])
    except (ValueError, TypeError):
        found = np.array([read(cell) for cell in cells], dtype=float)
    if np.isinf(found).any():
        raise ValueError("inf is not a time")
    return found


def _number(cell: Any) -> float:
    return float(cell) if cell not in _EMPTY else math.nan


def _time(cell: Any) -> float:
    try:
        return _number(cell)
    except (ValueError, TypeError):
        raise ValueError(f"{cell!r} is not a number of seconds") from None


def _instant(cell: Any) -> float:
    try:
        return _number(cell)
    except (ValueError, TypeError):
        pass
    try:
        found = datetime.fromisoformat(str(cell).strip())
    except ValueError:
        raise ValueError(f"{cell!r} is neither seconds nor ISO 8601") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
