"""Runs of the cannon made of rows, without a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.load.results.figures import NANOSECONDS, Reason
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record
from forebay.load.shot import Kind

NO_ANSWER = (Kind.UNKNOWN, "no answer in time")
NO_CONNECTION = (Kind.REFUSED, "no connection: Connection refused")
REASONS: tuple[Reason, ...] = (NO_ANSWER, NO_CONNECTION)
STARTED_AT = 1_795_000_000.25

Rows = NDArray[np.int64]


def rows(
    planned: Sequence[float],
    service: Sequence[float] | float = 0.010,
    *,
    late: float = 0.0,
    wait: float = 0.0,
    status: Sequence[int] | int = 200,
    tag: Sequence[int] | int = 0,
    first: int = 0,
) -> Rows:
    """Return rows of shots; seconds since the beginning of the run, whose zero is 0.

    Arguments:
        planned: when. service: from the sending to the end. late: by how much they were taken up late. wait: from then
            to the sending. status: also −1 and below, by `REASONS`; −2 was never sent.
        first: the index of the first.
    """
    made = np.zeros((len(planned), 9), dtype=np.int64)
    at = np.round(np.asarray(planned, dtype=np.float64) * NANOSECONDS).astype(np.int64)
    taken = at + round(late * NANOSECONDS)
    sent = taken + round(wait * NANOSECONDS)
    made[:, 0] = np.arange(first, first + len(at))
    made[:, 1], made[:, 2], made[:, 3] = at, taken, sent
    made[:, 4] = sent + np.round(np.asarray(service) * NANOSECONDS).astype(np.int64)
    made[:, 5], made[:, 6], made[:, 7], made[:, 8] = status, tag, 100, 300
    made[made[:, 5] == -2, 3] = 0
    return made


def evenly(rate: float, seconds: float, begin: float = 0.0) -> list[float]:
    """Return the instants of a constant rate."""
    return [begin + i / rate for i in range(round(rate * seconds))]


def empty(profile: str = "const(10)", seconds: float = 10.0, url: str = "http://127.0.0.1:8080/orders") -> Run:
    """Return a run before its first shot, whose zero is 0."""
    run = Run(url, profile, seconds)
    run.zero, run.started_at = 0, STARTED_AT
    return run


def fired(shots: Rows, tags: Sequence[str] = ("",), **options: Any) -> Run:
    """Return a run that has fired these shots; `options` are those of `empty`."""
    run = empty(**options)
    run.absorb(shots, REASONS, tags)
    run.elapsed_seconds = run.seconds
    run.connections = 4
    return run


def record(run: Run, name: str = "run", **about: Any) -> Record:
    """Return what would be read of the file of a run."""
    return Record(run, about, complete=True, name=name)
