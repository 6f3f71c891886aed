"""Histograms of times in constant memory, a row for each part of a run: for percentiles and their intervals.

Each power of two is cut into 512 equal cells, from a nanosecond to twelve days; a value's cell is the upper part of
the bits of its float, so that counting costs a shift and a `bincount`. Within a cell the values are taken to lie
evenly. What is below a nanosecond counts as 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebay.theory.path import Seconds

_BITS = 9
_LOWEST = -30
"""2**-30 s is a nanosecond."""
_OCTAVES = 50
SIZE = (_OCTAVES << _BITS) + 1
_SHIFT = 52 - _BITS
_OFFSET = ((1023 + _LOWEST) << _BITS) - 1

Counts = NDArray[np.int64]
"""How many times fell into each cell, shape (SIZE,), or (rows, SIZE)."""


def edges() -> Seconds:
    """Return the lower edges of the cells, and the upper one of the last: shape (SIZE + 1,)."""
    bits = (np.arange(SIZE + 1, dtype=np.int64) + _OFFSET) << _SHIFT
    found = bits.view(np.float64)
    found[0] = 0.0
    return found


def count(times: Seconds, into: Counts) -> None:
    """Count times into one row.

    Arguments:
        times: seconds, contiguous; without nan.
        into: shape (SIZE,).
    """
    if not len(times):
        return
    cells = times.view(np.int64) >> _SHIFT
    cells -= _OFFSET
    np.clip(cells, 0, SIZE - 1, out=cells)
    low = int(cells.min())
    found = np.bincount(cells - low)
    into[low : low + len(found)] += found


def share_below(counts: Counts, t: float) -> NDArray[np.float64]:
    """Return the share of the times of each row that are t or less: shape (rows,), nan where a row is empty."""
    at = edges()
    cell = min(int(np.searchsorted(at, t, side="right")) - 1, SIZE - 1)
    part = min((t - at[cell]) / (at[cell + 1] - at[cell]), 1.0) if cell else 1.0
    below = counts[:, :cell].sum(axis=1) + part * counts[:, cell]
    total = counts.sum(axis=1)
    return np.asarray(np.divide(below, total, out=np.full(len(counts), np.nan), where=total > 0))


def quantile(counts: Counts, share: float) -> float:
    """Return the time that this share does not exceed, seconds; nan when nothing was counted.

    Arguments:
        counts: shape (SIZE,).
        share: 0 to 1.
    """
    total = int(counts.sum())
    if not total:
        return float("nan")
    rank = share * total
    running = np.cumsum(counts)
    cell = int(np.searchsorted(running, max(rank, 0.5)))
    if cell == 0:
        return 0.0
    at = edges()[cell : cell + 2]
    part = (rank - float(running[cell - 1])) / float(counts[cell])
    return float(at[0] + (at[1] - at[0]) * min(max(part, 0.0), 1.0))
