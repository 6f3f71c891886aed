"""Histograms of times in constant memory, a row for each part of a run: for percentiles and their intervals.

Each power of two is cut into 512 equal cells, from a nanosecond to twelve days; a value's cell is the upper part of
the bits of its float, so that counting costs a shift and a `bincount`. What is below a nanosecond counts as 0.

`forebay.histogram` is for what services measure: sparse, merged between processes. Here are rows of a matrix, which a
run fills by tens of millions a second, and whose batches give the intervals; a cell remembers the time it stands for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebay.theory.path import Seconds
from forebay.theory.simulation.estimate import NOTHING, Estimate, of_ratio

_BITS = 9
_LOWEST = -30
"""2**-30 s is a nanosecond."""
_OCTAVES = 50
SIZE = (_OCTAVES << _BITS) + 1
_SHIFT = 52 - _BITS
_OFFSET = ((1023 + _LOWEST) << _BITS) - 1

_LEARNT = 200_000
"""Times after which no new time again and again is to be expected."""
_MANY = 0.02
"""A share of all times that no smooth law has in one cell."""

Counts = NDArray[np.int64]
"""How many times fell into each cell, shape (SIZE,), or (rows, SIZE)."""


def edges() -> Seconds:
    """Return the lower edges of the cells, and the upper one of the last: shape (SIZE + 1,)."""
    bits = (np.arange(SIZE + 1, dtype=np.int64) + _OFFSET) << _SHIFT
    found = bits.view(np.float64)
    found[0] = 0.0
    return found


class Times:
    """Histograms of times, a row for each batch.

    Of the first times one is kept for each cell: where a law gives the same time again and again, it is that one.

    Arguments:
        counts: shape (rows, SIZE). typical: seconds, shape (SIZE,); nan: not known.
    """

    __slots__ = ("_learning", "counts", "typical")

    def __init__(self, counts: Counts, typical: Seconds) -> None:
        self.counts, self.typical = counts, typical
        self._learning = _LEARNT

    @classmethod
    def empty(cls, rows: int) -> Times:
        """Return histograms without times."""
        return cls(np.zeros((rows, SIZE), dtype=np.int64), np.full(SIZE, np.nan))

    def count(self, row: int, times: Seconds) -> None:
        """Count times, seconds, contiguous, without nan, into one row."""
        if not len(times):
            return
        cells = times.view(np.int64) >> _SHIFT
        cells -= _OFFSET
        np.clip(cells, 0, SIZE - 1, out=cells)
        if self._learning > 0:
            self.typical[cells] = times
            self._learning -= len(times)
        low = int(cells.min())
        found = np.bincount(cells - low)
        self.counts[row, low : low + len(found)] += found

    def halve(self) -> None:
        """Make of each two rows one, in the first half."""
        half = len(self.counts) // 2
        self.counts[:half] = self.counts[::2] + self.counts[1::2]
        self.counts[half:] = 0

    def part(self, rows: slice) -> Times:
        """Return some of the rows."""
        return Times(self.counts[rows], self.typical)

    def pairs(self) -> Times:
        """Return rows of two each; an odd first one is left away."""
        even = self.counts[len(self.counts) % 2 :]
        return Times(even[::2] + even[1::2], self.typical)

    def share_below(self, t: float) -> Seconds:
        """Return the share of the times of each row that are t or less: shape (rows,), nan where a row is empty."""
        at = edges()
        cell = min(int(np.searchsorted(at, t, side="right")) - 1, SIZE - 1)
        part = min((t - at[cell]) / (at[cell + 1] - at[cell]), 1.0) if cell else 1.0
        below = self.counts[:, :cell].sum(axis=1) + part * self.counts[:, cell]
        total = self.counts.sum(axis=1)
        return np.asarray(np.divide(below, total, out=np.full(len(total), np.nan), where=total > 0))

    def quantile(self, share: float) -> Estimate:
        """Return the time that this share does not exceed, seconds; nan when nothing was counted.

        The interval is that of the share of customers below it, put through the distribution. Source: R. S. Woodruff,
        "Confidence intervals for medians and other position measures", JASA 47 (1952).
        """
        running = np.cumsum(self.counts.sum(axis=0))
        size = self.counts.sum(axis=1).astype(np.float64)
        if not running[-1]:
            return NOTHING
        t = self._inverse(running, share)
        below = of_ratio(np.nan_to_num(self.share_below(t)) * size, size)
        low, high = max(share - below.half, 0.0), min(share + below.half, 1.0)
        return Estimate(self._told(running, share), self._told(running, low), self._told(running, high))

    def _told(self, running: Counts, share: float) -> float:
        """Return the quantile, or the time that stands for its cell where many are in it."""
        cell = _cell(running, share)
        many = running[cell] - (running[cell - 1] if cell else 0) > _MANY * running[-1]
        known = not np.isnan(self.typical[cell])
        return float(self.typical[cell]) if cell and many and known else self._inverse(running, share)

    def _inverse(self, running: Counts, share: float) -> float:
        """Return the quantile as if the times of a cell lay evenly in it."""
        cell = _cell(running, share)
        if cell == 0:
            return 0.0
        at, before = edges()[cell : cell + 2], float(running[cell - 1])
        part = (share * float(running[-1]) - before) / (float(running[cell]) - before)
        return float(at[0] + (at[1] - at[0]) * min(max(part, 0.0), 1.0))


def _cell(running: Counts, share: float) -> int:
    return int(np.searchsorted(running, max(share * float(running[-1]), 0.5)))
