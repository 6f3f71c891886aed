"""What a real service adds to A/B/n/q: time on the way to a free worker, and time of a worker between two works."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forebay.theory.fit.log import Log
from forebay.theory.path import Fate, Path, Seconds

_FEW = 20


@dataclass(frozen=True, slots=True)
class Overheads:
    """Seconds that are neither wait nor work.

    Arguments:
        handover: from acceptance to the beginning of the work, even with a worker free: the durable write, the way
            through the broker. Every message has it.
        turnaround: from the end of a work to the beginning of the worker's next, though a message is ready. It costs
            capacity as work does.
    """

    handover: float
    turnaround: float


def overheads_of(log: Log, n: float) -> Overheads:
    """Return the median hand-over and the mean turnaround; 0 where too few messages tell.

    Arguments:
        log: what was read. n: workers.
    """
    if log.path is None:
        return Overheads(0.0, 0.0)
    free = _waits_for_free(log.path, n)
    if len(free) < _FEW:
        return Overheads(0.0, 0.0)
    return Overheads(float(np.median(free)), _turnaround(log.path, float(np.percentile(free, 95))))


def _waits_for_free(path: Path, n: float) -> Seconds:
    """Return the waits of those who came while fewer than n were in the system."""
    inside = (path.fate != Fate.LOST) & ~np.isnan(path.started)
    arrived, started, ended = path.arrived[inside], path.started[inside], path.ended[inside]
    before = np.arange(len(arrived))
    left = np.searchsorted(np.sort(ended[~np.isnan(ended)]), arrived, side="right")
    free = before - left < n
    waits: Seconds = (started - arrived)[free]
    return waits


def _turnaround(path: Path, ready: float) -> float:
    """Return the mean pause of a worker whose next message had come `ready` seconds before it was free."""
    known = (path.worker >= 0) & ~np.isnan(path.started) & ~np.isnan(path.ended)
    order = np.lexsort((path.started[known], path.worker[known]))
    worker, arrived, started, ended = (
        column[known][order] for column in (path.worker, path.arrived, path.started, path.ended)
    )
    next_waits = (worker[1:] == worker[:-1]) & (arrived[1:] + ready < ended[:-1])
    pauses = (started[1:] - ended[:-1])[next_waits]
    return max(0.0, float(pauses.mean())) if len(pauses) >= _FEW else 0.0
