"""A log that was read: the path of its messages, and what else it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.theory.path import Fate, Path, Seconds

_SINCE_EPOCH = 1e8
"""Instants above it count from 1970; they are counted anew from the first."""
_CLOCKS = 1e-3
"""Seconds that the clocks of two machines may disagree by; what was before its cause by less, was at once."""


@dataclass(frozen=True, slots=True)
class Table:
    """A log as columns of numbers; nan where nothing is told.

    Arguments:
        name: of the log. lines: where each row stands. columns: by name.
    """

    name: str
    lines: Seconds
    columns: dict[str, Seconds]

    def get(self, column: str) -> Seconds:
        """Return a column; where there is none, one that tells nothing."""
        return self.columns.get(column, np.full(len(self.lines), np.nan))

    def refuse(self, wrong: NDArray[np.bool_], what: str, hint: str = "") -> None:
        """Raise UsageError with the first line that is wrong, if one is."""
        if wrong.any():
            raise UsageError(f"{self.name}, line {self.lines[np.argmax(wrong)]:.0f}: {what}", hint)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """What a log tells; times are seconds.

    Arguments:
        name: of the log.
        known: the columns that were found.
        path: the messages; None where it is not told when they came.
        began: the instant from which the path counts, seconds since the epoch; 0: the log itself counts from 0.
        works: times of work, of all attempts. waits, latencies: of the messages that were neither lost nor gave up.
        again: (started, ended) of the attempts that were not the last of their message.
    """

    name: str
    known: tuple[str, ...]
    path: Path | None
    began: float
    works: Seconds
    waits: Seconds
    latencies: Seconds
    again: tuple[Seconds, Seconds]

    @property
    def busy(self) -> tuple[Seconds, Seconds]:
        """(started, ended) of all work that ended, in no order."""
        if self.path is None:
            return self.again
        worked = ~np.isnan(self.path.started) & ~np.isnan(self.path.ended)
        started, ended = self.path.started[worked], self.path.ended[worked]
        return np.concatenate([started, self.again[0]]), np.concatenate([ended, self.again[1]])


def assembled(table: Table, workers: float = 0) -> Log:
    """Return the log of a table: missing instants from the times, rows by arrival, attempts of a message as one.

    Raises:
        UsageError: a row ends before it begins, or has no instant of arrival where others have one.
    """
    table, (accepted, started, ended) = _in_order(table, _instants(table))
    fate = _fates(table, accepted, ended)
    last = _last(table, fate)
    zero = _zero(accepted)
    known = tuple(table.columns)
    works = _told(table.get("work"), ended - started)
    path = None
    if not np.isnan(accepted).all():
        table.refuse(np.isnan(accepted) & last, "it is not told when this one came", "every row needs it, or none")
        path = _path(table, (accepted - zero, started - zero, ended - zero), fate, last, workers)
    stayed = last & (fate != Fate.LOST) & (fate != Fate.ABANDONED)
    before = (fate == -1) & ~np.isnan(started) & ~np.isnan(ended)
    return Log(
        table.name,
        known,
        path,
        zero if zero else 0.0,
        works,
        _told(table.get("wait"), started - accepted, stayed),
        _told(table.get("latency"), ended - accepted, stayed),
        (started[before] - zero, ended[before] - zero),
    )


def _instants(table: Table) -> tuple[Seconds, Seconds, Seconds]:
    """Return accepted, started and ended, each from the others and the times where it is not told itself."""
    accepted, started, ended = (table.get(name) for name in ("accepted", "started", "ended"))
    wait, work, latency = (table.get(name) for name in ("wait", "work", "latency"))
    for _ in range(2):  # the second time, what the first has found leads on
        accepted = _first(accepted, started - wait, ended - latency)
        started = _first(started, accepted + wait, ended - work)
        ended = _first(ended, started + work, accepted + latency)
    table.refuse(started < accepted - _CLOCKS, "its work began before it came", "do two clocks disagree?")
    table.refuse(ended < started - _CLOCKS, "its work ended before it began", "do two clocks disagree?")
    table.refuse(ended < accepted - _CLOCKS, "it ended before it came", "do two clocks disagree?")
    started = np.where(started < accepted, accepted, started)
    return accepted, started, np.where(ended < started, started, ended)


def _in_order(table: Table, instants: tuple[Seconds, ...]) -> tuple[Table, tuple[Seconds, ...]]:
    """Return rows by arrival: the errors of means are of neighbours in time, and logs may stand one after the other."""
    order = np.argsort(instants[0], kind="stable")
    columns = {name: column[order] for name, column in table.columns.items()}
    return Table(table.name, table.lines[order], columns), tuple(array[order] for array in instants)


def _first(*choices: Seconds) -> Seconds:
    found = choices[0]
    for choice in choices[1:]:
        found = np.where(np.isnan(found), choice, found)
    return found


def _fates(table: Table, accepted: Seconds, ended: Seconds) -> NDArray[np.int8]:
    """Return the fates: as told, but what has no end is unfinished; −1 for an attempt that was not the last."""
    told = np.where(np.isnan(table.get("outcome")), float(Fate.SERVED), table.get("outcome"))
    unfinished = np.isnan(ended) & (told == Fate.SERVED)
    return np.where(unfinished, float(Fate.UNFINISHED), told).astype(np.int8)


def _last(table: Table, fate: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which rows stand for their message: the last attempt of each."""
    last: NDArray[np.bool_] = fate != -1
    ids = table.get("id")
    again = np.flatnonzero(~last & ~np.isnan(ids))
    if len(again):
        pending = again[~np.isin(ids[again], ids[last])]
        attempts = table.get("attempt")[pending]
        order = np.lexsort((attempts, ids[pending]))  # of those that never ended, the latest attempt
        latest = np.append(np.diff(ids[pending][order]) != 0, True) if len(order) else np.zeros(0, dtype=bool)
        last[pending[order][latest]] = True
    return last


def _zero(accepted: Seconds) -> float:
    """Return the instant from which seconds are counted."""
    if np.isnan(accepted).all():
        return 0.0
    first = float(np.nanmin(accepted))
    return first if first > _SINCE_EPOCH else 0.0


def _path(
    table: Table,
    instants: tuple[Seconds, Seconds, Seconds],
    fate: NDArray[np.int8],
    last: NDArray[np.bool_],
    workers: float,
) -> Path:
    rows = np.flatnonzero(last)
    rows = rows[np.argsort(instants[0][rows], kind="stable")]
    accepted, started, ended = (array[rows] for array in instants)
    fates = np.where(fate[rows] == -1, Fate.UNFINISHED, fate[rows]).astype(np.int8)
    lost, unfinished = fates == Fate.LOST, fate[rows] == -1
    ended = np.where(lost, _first(ended, accepted), np.where(unfinished, np.nan, ended))
    attempts = table.get("attempt")[rows]
    return Path(
        accepted,
        np.where(lost, np.nan, started),
        ended,
        _whole(table.get("worker")[rows], -1),
        fates,
        None if np.isnan(attempts).all() else _whole(attempts, 1),
        None,
        workers,
    )


def _whole(numbers: Seconds, otherwise: int) -> NDArray[np.int32]:
    return np.where(np.isnan(numbers), otherwise, numbers).astype(np.int32)


def _told(times: Seconds, derived: Seconds, rows: Any = slice(None)) -> Seconds:
    """Return the times that are known of these rows: as told, else from the instants."""
    found: Seconds = _first(times, derived)[rows]
    return np.maximum(found[~np.isnan(found)], 0.0)
