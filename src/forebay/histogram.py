"""A log-linear histogram of durations: any percentile within 0.05 %, mergeable, constant memory.

The layout is that of HDR histograms (G. Tene): each power of two is cut into 1024 equal cells, and below 2048 ns
every nanosecond has its own. A cell is at most 1/1024 of its lower edge wide, and its middle stands for it, so a
reported value is off by at most 1/2048. All state is whole numbers, which makes `merge` exactly associative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from forebay.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 10
"""Each power of two has 2**BITS cells, where nothing else is asked for."""
_NANOSECONDS = 1_000_000_000


def edges(cell: int, bits: int) -> tuple[int, int]:
    """Return the lowest and the highest value of a cell in nanoseconds.

    Arguments:
        cell: its number. bits: of the histogram.
    """
    shift = max((cell >> bits) - 1, 0)
    lowest = (cell - (shift << bits)) << shift
    return lowest, lowest + (1 << shift) - 1


def _cell(value: int, bits: int) -> int:
    """Return the cell of a value in nanoseconds."""
    shift = value.bit_length() - bits - 1
    return value if shift <= 0 else (shift << bits) + (value >> shift)


class Counted(NamedTuple):
    """Durations by cell, not yet in a histogram: what is to be added to several is counted once.

    Arguments:
        cells, counts: shape (k,), rising by cell. total, max: in nanoseconds. bits: as of `Histogram`.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    total: int
    max: int
    bits: int

    @classmethod
    def of(cls, nanoseconds: NDArray[np.int64], bits: int = BITS) -> Counted:
        """Count an array of durations, each below 2**53."""
        import numpy as np

        if not len(nanoseconds):
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0, bits)
        values = np.maximum(nanoseconds, 0)
        cells = _cells(values, bits)
        first = int(cells.min())
        counts = np.bincount(cells - first)
        found = np.flatnonzero(counts)
        return cls(found + first, counts[found], int(values.sum()), int(values.max()), bits)

    def coarser(self, bits: int) -> Counted:
        """Return the same counts in fewer cells.

        Raises:
            ValueError: it has fewer already.
        """
        import numpy as np

        if bits > self.bits:
            raise ValueError(f"a histogram of {self.bits} bits cannot be made one of {bits}")
        shifts = np.maximum((self.cells >> self.bits) - 1, 0)
        cells, whose = np.unique(_cells((self.cells - (shifts << self.bits)) << shifts, bits), return_inverse=True)
        counts = np.zeros(len(cells), np.int64)
        np.add.at(counts, whose, self.counts)
        return Counted(cells, counts, self.total, self.max, bits)


def _cells(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return the cells of values in nanoseconds."""
    import numpy as np

    shifts = np.maximum(np.frexp(values.astype(np.float64))[1] - (bits + 1), 0).astype(np.int64)
    cells: NDArray[np.int64] = (shifts << bits) + (values >> shifts)
    return cells


class Histogram:
    """Counts of durations; empty when it is made. Two are equal when they hold the same counts.

    Arguments:
        bits: each power of two has 2**bits cells, so a reported value is off by at most 1/2**(bits + 1).
    """

    __slots__ = ("_bits", "_cells", "_max", "_total")

    def __init__(self, bits: int = BITS) -> None:
        self._bits = bits
        self._cells: dict[int, int] = {}
        self._total = 0
        self._max = 0

    def record(self, seconds: float) -> None:
        """Count one duration; below 0, as clocks of two machines may yield, it counts as 0.

        Raises:
            ValueError, OverflowError: not a finite number.
        """
        value = int(seconds * 1e9)
        if value < 0:
            value = 0
        bits = self._bits  # `_cell`, written out: this is the hot path
        shift = value.bit_length() - bits - 1
        cell = value if shift <= 0 else (shift << bits) + (value >> shift)
        cells = self._cells
        cells[cell] = cells.get(cell, 0) + 1
        self._total += value
        if value > self._max:
            self._max = value

    def record_many(self, values: Iterable[float]) -> None:
        """Count durations in seconds."""
        for seconds in values:
            self.record(seconds)

    def record_array(self, nanoseconds: NDArray[np.int64]) -> None:
        """Count an array of durations, in nanoseconds, each below 2**53; the same as `record` of each."""
        self.add(Counted.of(nanoseconds, self._bits))

    def add(self, counted: Counted) -> None:
        """Add durations that were counted apart, in cells as fine as these or finer."""
        if counted.bits != self._bits:
            counted = counted.coarser(self._bits)
        mine = self._cells
        for cell, count in zip(counted.cells.tolist(), counted.counts.tolist(), strict=True):
            mine[cell] = mine.get(cell, 0) + count
        self._total += counted.total
        self._max = max(self._max, counted.max)

    def merge(self, other: Histogram) -> None:
        """Add all that the other one has counted; the order of merging changes nothing.

        Raises:
            ValueError: its cells are others; make the finer one `coarser`.
        """
        if other._bits != self._bits:
            raise ValueError(f"a histogram of {other._bits} bits cannot be added to one of {self._bits}")
        for cell, count in other._cells.items():
            self._cells[cell] = self._cells.get(cell, 0) + count
        self._total += other._total
        self._max = max(self._max, other._max)

    def coarser(self, bits: int) -> Histogram:
        """Return the same counts in fewer cells.

        Raises:
            ValueError: it has fewer already.
        """
        if bits > self._bits:
            raise ValueError(f"a histogram of {self._bits} bits cannot be made one of {bits}")
        made = Histogram(bits)
        made._total, made._max = self._total, self._max
        if bits == self._bits:
            made._cells = dict(self._cells)
            return made
        for cell, count in self._cells.items():
            wider = _cell(edges(cell, self._bits)[0], bits)
            made._cells[wider] = made._cells.get(wider, 0) + count
        return made

    @property
    def bits(self) -> int:
        """Each power of two has 2**bits cells."""
        return self._bits

    @property
    def count(self) -> int:
        """How many durations were recorded."""
        return sum(self._cells.values())

    @property
    def mean(self) -> float:
        """The mean in seconds, exact to a nanosecond; nan when nothing was recorded."""
        return self._total / self.count / _NANOSECONDS if self._cells else math.nan

    @property
    def max(self) -> float:
        """The longest duration in seconds, exact to a nanosecond; nan when nothing was recorded."""
        return self._max / _NANOSECONDS if self._cells else math.nan

    def percentile(self, q: float) -> float:
        """Return the smallest duration that q % of all do not exceed, in seconds; nan when nothing was recorded.

        Raises:
            ValueError: q is not from 0 to 100.
        """
        return self.percentiles([q])[0]

    def percentiles(self, qs: Sequence[float]) -> list[float]:
        """Return several percentiles for the price of one pass; see `percentile`."""
        if not all(0 <= q <= 100 for q in qs):
            raise ValueError(f"a percentile is from 0 to 100, not {list(qs)}")
        count = self.count
        if not count:
            return [math.nan] * len(qs)
        found: dict[float, float] = {}
        ranks = sorted((max(1, math.ceil(q / 100 * count)), q) for q in set(qs))
        seen, position = 0, 0
        for cell in sorted(self._cells):
            seen += self._cells[cell]
            while position < len(ranks) and ranks[position][0] <= seen:
                found[ranks[position][1]] = min(sum(edges(cell, self._bits)) / 2, self._max) / _NANOSECONDS
                position += 1
        if 100 in found:
            found[100] = self.max
        return [found[q] for q in qs]

    @property
    def counts(self) -> dict[int, int]:
        """The count of each cell that holds something, by the number of the cell."""
        return dict(self._cells)

    def steps(self) -> list[tuple[float, int]]:
        """Return (seconds, count) of each cell that holds something, rising; its middle stands for a cell."""
        return [
            (min(sum(edges(cell, self._bits)) / 2, self._max) / _NANOSECONDS, self._cells[cell])
            for cell in sorted(self._cells)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold; `from_dict` reads it back.

        `cells` lists the counts of one cell after the other; a number below 0 passes over so many empty ones.
        """
        cells: list[int] = []
        following = 0
        for cell in sorted(self._cells):
            if cell > following:
                cells.append(following - cell)
            cells.append(self._cells[cell])
            following = cell + 1
        return {"unit": "ns", "bits": self._bits, "total": self._total, "max": self._max, "cells": cells}

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Histogram:
        """Return the histogram that `as_dict` described.

        Raises:
            UsageError: it is not such a form.
        """
        try:
            made = cls(int(form["bits"]))
            if form["unit"] != "ns" or not 0 < made._bits <= BITS:
                raise ValueError(f"unit {form['unit']!r} with {form['bits']!r} bits is another layout")
            cell = 0
            for number in form["cells"]:
                if number > 0:
                    made._cells[cell] = int(number)
                cell += 1 if number > 0 else -int(number)
            made._total, made._max = int(form["total"]), int(form["max"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this is not a histogram: {error!r}", "write it with Histogram.as_dict()") from error
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if not self._cells:
            return "Histogram(empty)"
        p50, p99 = self.percentiles([50, 99])
        return f"Histogram(count={self.count}, p50={p50:.3g}s, p99={p99:.3g}s, max={self.max:.3g}s)"
