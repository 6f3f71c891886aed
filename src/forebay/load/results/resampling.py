"""How far the figures of a run may be off by chance: the block bootstrap over its seconds.

Shots of one second share their fate, so a run of a minute is not thousands of measurements but rather 60. Blocks of
some seconds are drawn with replacement, as many as there are, and each figure is taken of the whole again (H. R.
Künsch, "The jackknife and the bootstrap for general stationary observations", 1989). Two runs of the same plan are
drawn together, second for second: what the plan does to both is no difference between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forebay.histogram import edges
from forebay.load.results.figures import NANOSECONDS, Figures
from forebay.load.results.run import Run
from forebay.load.results.runfile import SECOND_BITS

Floats = NDArray[np.float64]

DRAWS = 2000
_MOST_BLOCKS = 500
FEWEST_BLOCKS = 5
CONFIDENCE = 0.99
"""Of a dozen figures side by side, one must seldom differ by chance."""
_TIMES = ("response", "service", "lag", "late")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The seconds of a run in blocks; arrays have the shape (blocks,), cells the shape (blocks, cells).

    Arguments:
        seconds: how long each block is. counts: of shots, by name. cells: of each time. totals: seconds of each time.
        lows, highs: the edges of the cells of each time, in seconds.
    """

    seconds: Floats
    counts: dict[str, Floats]
    cells: dict[str, Floats]
    totals: dict[str, Floats]
    lows: dict[str, Floats]
    highs: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.seconds)


def block_seconds(run: Run) -> int:
    """Return how many seconds a block has: the cube root of those of the run, which is the order that is best."""
    length = _length(run)
    return max(1, round(math.cbrt(length)), math.ceil(length / _MOST_BLOCKS))


def blocks(run: Run) -> Blocks:
    """Return the whole seconds of a run in blocks of `block_seconds`; the last ones may be a shorter block."""
    size = block_seconds(run)
    length = _length(run)
    starts = range(0, length, size)
    figures = [_figures(run, start, min(start + size, length)) for start in starts]
    seconds = np.array([min(start + size, length) - start for start in starts], dtype=np.float64)
    cells, totals, lows, highs = {}, {}, {}, {}
    for time in _TIMES:
        histograms = [getattr(one, time) for one in figures]
        counts = [histogram.counts for histogram in histograms]
        numbers = sorted(set().union(*counts))
        cells[time] = np.array([[count.get(cell, 0) for cell in numbers] for count in counts], dtype=np.float64)
        totals[time] = np.array([h.mean * h.count if h.count else 0.0 for h in histograms])
        spans = np.array([edges(cell, SECOND_BITS) for cell in numbers], dtype=np.float64).reshape(-1, 2)
        lows[time], highs[time] = spans[:, 0] / NANOSECONDS, (spans[:, 1] + 1) / NANOSECONDS
    return Blocks(seconds, _counts(figures), cells, totals, lows, highs)


def _figures(run: Run, start: int, end: int) -> Figures:
    made = Figures().coarser(SECOND_BITS)
    for i in range(start, end):
        if i in run.series:
            made.merge(run.series[i].of_plan.coarser(SECOND_BITS))
    return made


def _counts(figures: list[Figures]) -> dict[str, Floats]:
    good = [sum(count for status, count in one.statuses.items() if status < 400) for one in figures]
    planned = np.array([one.planned for one in figures], dtype=np.float64)
    answered = np.array([one.answered for one in figures], dtype=np.float64)
    return {"planned": planned, "answered": answered, "failed": planned - np.array(good, dtype=np.float64)}


def _length(run: Run) -> int:
    """Return how many seconds something was planned in, from the first on."""
    return max((i + 1 for i, second in run.series.items() if second.planned), default=0)


class Draws:
    """Blocks drawn many times.

    Arguments:
        blocks: what is drawn. weights: how often each was, shape (draws, blocks).
    """

    def __init__(self, blocks: Blocks, weights: Floats) -> None:
        self.blocks = blocks
        self.weights = weights
        self._seen: dict[str, Floats] = {}

    def sum(self, values: Floats) -> Floats:
        """Return the sum of a value of each block, shape (draws,)."""
        return self.weights @ values

    def seen(self, time: str) -> Floats:
        """Return how many shots took no longer than each cell of a time, shape (draws, cells)."""
        if time not in self._seen:
            self._seen[time] = np.cumsum(self.weights @ self.blocks.cells[time], axis=1)
        return self._seen[time]


Statistic = Callable[[Draws], Floats]
"""Returns a figure of each draw, shape (draws,)."""


def rate_of(name: str) -> Statistic:
    """Return the statistic of counts a second."""
    return lambda draws: draws.sum(draws.blocks.counts[name]) / draws.sum(draws.blocks.seconds)


def share_of(name: str) -> Statistic:
    """Return the statistic of counts to what was planned."""
    return lambda draws: _ratio(draws.sum(draws.blocks.counts[name]), draws.sum(draws.blocks.counts["planned"]))


def mean_of(time: str) -> Statistic:
    """Return the statistic of the mean of a time."""
    return lambda draws: _ratio(draws.sum(draws.blocks.totals[time]), draws.sum(draws.blocks.cells[time].sum(axis=1)))


def percentile_of(time: str, q: float) -> Statistic:
    """Return the statistic of a percentile of a time; within a cell it is interpolated."""

    def statistic(draws: Draws) -> Floats:
        seen = draws.seen(time)
        if not seen.size:
            return np.full(len(seen), math.nan)
        rank = seen[:, -1] * q / 100
        cell = np.minimum((seen < rank[:, None]).sum(axis=1), seen.shape[1] - 1)
        which = np.arange(len(seen))
        before = np.where(cell > 0, seen[which, cell - 1], 0.0)
        within = _ratio(rank - before, seen[which, cell] - before)
        low, high = draws.blocks.lows[time][cell], draws.blocks.highs[time][cell]
        found: Floats = low + within * (high - low)
        return found

    return statistic


class Resampling:
    """Two runs drawn again and again.

    Arguments:
        first, other: their blocks.
        paired: whether both are drawn together; they have equally many blocks then.
        seed: of the draws.
    """

    def __init__(self, first: Blocks, other: Blocks, paired: bool, seed: int = 1) -> None:
        self.fewest = min(len(first), len(other))
        """Blocks of the run that has fewer."""
        self._as_they_are = [Draws(one, np.ones((1, len(one)))) for one in (first, other)]
        self._drawn: list[Draws] = []
        if self.fewest >= FEWEST_BLOCKS:
            draw = np.random.default_rng(seed)
            weights = _weights(draw, len(first))
            self._drawn = [Draws(first, weights), Draws(other, weights if paired else _weights(draw, len(other)))]

    def interval(self, statistic: Statistic) -> tuple[float, float]:
        """Return how far the difference of a figure, other − first, may lie from what it is: (low, high).

        (nan, nan) where there are too few blocks to tell, or nothing was measured.
        """
        if not self._drawn:
            return math.nan, math.nan
        first, other = (statistic(draws) for draws in self._drawn)
        changes = other - first
        if not np.isfinite(changes).any():
            return math.nan, math.nan
        as_it_is = statistic(self._as_they_are[1])[0] - statistic(self._as_they_are[0])[0]
        tail = (1 - CONFIDENCE) / 2
        low, high = np.nanquantile(changes, [tail, 1 - tail])
        wider = _widening(self.fewest)
        return float(low - as_it_is) * wider, float(high - as_it_is) * wider


def _widening(count: int) -> float:
    """Return how much wider an interval has to be because its spread is known from so few blocks: Student's t to z.

    The quantile of t is that of Cornish and Fisher (Abramowitz and Stegun, 26.7.5).
    """
    z, n = NormalDist().inv_cdf((1 + CONFIDENCE) / 2), count - 1
    t = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    return t / z * math.sqrt(count / n)


def _weights(draw: np.random.Generator, count: int) -> Floats:
    drawn: Floats = draw.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)
    return drawn


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.divide(part, whole, out=np.full(len(part), math.nan), where=whole > 0)
    return found
