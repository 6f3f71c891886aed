"""What becomes of customers, added up in batches while they pass: constant memory for a run of any length.

A run is a row of 32 to 64 batches of equal size; when there are 64, each two become one. For each batch there are the
sums that means and shares are made of, and histograms of the wait and of the whole time. The warm-up is found on finer
batches (`warmup`) and left away in whole batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from forebay.theory.path import Fate, Path
from forebay.theory.simulation.block import Block
from forebay.theory.simulation.cells import Times
from forebay.theory.simulation.draws import QUANTUM
from forebay.theory.simulation.estimate import Estimate, Numbers, lag_one, of_ratio
from forebay.theory.simulation.warmup import Series, cut

_BATCHES = 64
_LEAST = 10
"""Fewer batches make no interval."""
_CORRELATED = 0.2
"""A lag-1 correlation above which batches are too short to be taken as independent."""


class Sum(IntEnum):
    """What is added up over the customers of a batch."""

    CAME = 0
    SPAN = 1
    """Seconds from the first arrival of the batch to that of the next."""
    ACCEPTED = 2
    SERVED = 3
    LOST = 4
    ABANDONED = 5
    WAITED = 6
    """How many waited at all."""
    WAIT = 7
    """Seconds; of the accepted, as the next two."""
    SOJOURN = 8
    WORK = 9
    """Seconds from the beginning of the work to the end."""
    GIVEN_UP = 10
    """Seconds in the system of those who are lost in the end: between their attempts, or in work that was lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """The batches of a run without its warm-up.

    Arguments:
        sums: shape (batches, len(Sum)). waits, sojourns: histograms of their times, a row for each.
        warmup: customers that were left away.
        independent: whether they may be taken as independent.
    """

    sums: Numbers
    waits: Times
    sojourns: Times
    warmup: int
    independent: bool

    def ratio(self, above: Sum, below: Sum) -> Estimate:
        """Return the one sum by the other."""
        return of_ratio(self.sums[:, above], self.sums[:, below])

    def total(self, of: Sum) -> float:
        """Return the sum over all batches."""
        return float(self.sums[:, of].sum())

    def share(self, above: Sum, below: Sum) -> Estimate:
        """Return a share, from 0 to 1; where there was none the end of its interval is by the rule of three.

        Source: J. A. Hanley, A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983).
        """
        found = self.ratio(above, below)
        if found.value == 0:
            return Estimate(0.0, 0.0, min(1.0, 3 / self.total(below)))
        return found.within(0.0, 1.0)


class Tally:
    """Adds up customers, in batches of a number of customers (`add`) or of whole runs or periods (`add_whole`).

    Arguments:
        losses: whether the warm-up is seen in who is lost, and not in the waits (where nobody waits).
        whole: whether `add_whole` is used; a batch then begins with one.
    """

    def __init__(self, losses: bool = False, whole: bool = False) -> None:
        self.came = 0
        self.clock = 0.0
        self._losses = losses
        self._series = Series()
        self._size = 1 if whole else QUANTUM // _BATCHES
        self._batch = self._filled = 0
        self._sums = np.zeros((_BATCHES, len(Sum)))
        self._waits, self._sojourns = Times.empty(_BATCHES), Times.empty(_BATCHES)

    def add(self, block: Block) -> None:
        """Add the customers of a block, in its order."""
        if not len(block):
            return
        observed = Observed(block)
        self._series.add(observed.lost if self._losses else observed.wait)
        begin = 0
        while begin < len(block):
            part = slice(begin, min(len(block), begin + self._size - self._filled))
            clock = max(self.clock, observed.latest(part))
            self._put(observed, part, clock - self.clock, part.stop - begin)
            self.clock, begin = clock, part.stop

    def add_whole(self, observed: Observed, part: slice, span: float) -> None:
        """Add a run or a period of `span` seconds, as one."""
        self._put(observed, part, span, 1)

    def whole(self) -> Batches:
        """Return all that was added by `add_whole`."""
        used = slice(0, self._batch + (self._filled > 0))
        independent = lag_one(self._sums[used, Sum.WAIT]) <= _CORRELATED if self._batch else True
        return Batches(self._sums[used], self._waits.part(used), self._sojourns.part(used), 0, independent)

    def batches(self) -> Batches | None:
        """Return the whole batches behind the warm-up; None: the run is too short for any."""
        warm = cut(self._series.means)
        if warm is None:
            return None
        left = max(1, -(-warm * self._series.size // self._size))  # the first batch has no arrival before it
        used, signal = slice(left, self._batch), Sum.LOST if self._losses else Sum.WAIT
        sums, waits, sojourns = self._sums[used], self._waits.part(used), self._sojourns.part(used)
        while len(sums) >= 2 * _LEAST and lag_one(sums[:, signal]) > _CORRELATED:
            sums, waits, sojourns = _pairs(sums), waits.pairs(), sojourns.pairs()
        if len(sums) < _LEAST:
            return None
        return Batches(sums, waits, sojourns, left * self._size, lag_one(sums[:, signal]) <= _CORRELATED)

    def _put(self, observed: Observed, part: slice, span: float, size: int) -> None:
        if self._batch == _BATCHES:
            self._merge()
        self._sums[self._batch] += observed.sums(part, span)
        observed.count(part, self._batch, self._waits, self._sojourns)
        self.came += part.stop - part.start
        self._filled += size
        if self._filled == self._size:
            self._batch, self._filled = self._batch + 1, 0

    def _merge(self) -> None:
        half = _BATCHES // 2
        self._sums[:half] = self._sums[::2] + self._sums[1::2]
        self._sums[half:] = 0
        self._waits.halve()
        self._sojourns.halve()
        self._batch, self._size = half, 2 * self._size


class Observed:
    """A block as columns to be added up; who is lost waits for 0 s, and is not counted among the times."""

    def __init__(self, block: Block | Path) -> None:
        self._arrived, self._fate = block.arrived, block.fate
        served = not block.fate.any()
        self._lost_stays: Numbers | None = None
        left = block.started if served else np.where(np.isnan(block.started), block.ended, block.started)
        self.wait, self._sojourn = left - block.arrived, block.ended - block.arrived
        self._accepted = None if served else block.fate != Fate.LOST
        if self._accepted is not None:
            self.wait *= self._accepted
            if block.attempts is not None:
                self._lost_stays = np.where(self._accepted, 0.0, self._sojourn)
            self._sojourn *= self._accepted

    @property
    def lost(self) -> Numbers:
        """1 for each that found no place."""
        return np.zeros(len(self.wait)) if self._accepted is None else np.where(self._accepted, 0.0, 1.0)

    def latest(self, part: slice) -> float:
        """Return the last arrival, seconds."""
        return float(self._arrived[part].max())

    def sums(self, part: slice, span: float) -> tuple[float, ...]:
        """Return a row of Sum."""
        wait, came = self.wait[part], part.stop - part.start
        waited, seconds, sojourn = int(np.count_nonzero(wait)), float(wait.sum()), float(self._sojourn[part].sum())
        accepted = served = came
        if self._accepted is not None:
            accepted = int(np.count_nonzero(self._accepted[part]))
            served = int(np.count_nonzero(self._fate[part] == Fate.SERVED))
        lost, abandoned = came - accepted, accepted - served
        given_up = 0.0 if self._lost_stays is None else float(self._lost_stays[part].sum())
        return came, span, accepted, served, lost, abandoned, waited, seconds, sojourn, sojourn - seconds, given_up

    def count(self, part: slice, row: int, waits: Times, sojourns: Times) -> None:
        """Count the times of the accepted."""
        inside = self._accepted
        for times, into in ((self.wait[part], waits), (self._sojourn[part], sojourns)):
            into.count(row, times if inside is None else times[inside[part]])


def _pairs(rows: Numbers) -> Numbers:
    """Return sums of two rows each; an odd first one is left away."""
    even = rows[len(rows) % 2 :]
    return even[::2] + even[1::2]
