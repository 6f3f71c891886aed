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
from forebay.load.figures import NANOSECONDS, Figures
from forebay.load.run import Run
from forebay.load.runfile import SECOND_BITS

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


Statistic = Callable[[Blocks, Floats], Floats]
"""Blocks, and how often each was drawn, shape (draws, blocks), to the figure of each draw, shape (draws,)."""


def rate_of(name: str) -> Statistic:
    """Return the statistic of counts a second."""
    return lambda blocks, weights: (weights @ blocks.counts[name]) / (weights @ blocks.seconds)


def share_of(name: str) -> Statistic:
    """Return the statistic of counts to what was planned."""
    return lambda blocks, weights: _ratio(weights @ blocks.counts[name], weights @ blocks.counts["planned"])


def mean_of(time: str) -> Statistic:
    """Return the statistic of the mean of a time."""
    return lambda blocks, weights: _ratio(weights @ blocks.totals[time], (weights @ blocks.cells[time]).sum(axis=1))


def percentile_of(time: str, q: float) -> Statistic:
    """Return the statistic of a percentile of a time; within a cell it is interpolated."""

    def statistic(blocks: Blocks, weights: Floats) -> Floats:
        if not blocks.cells[time].size:
            return np.full(len(weights), math.nan)
        seen = np.cumsum(weights @ blocks.cells[time], axis=1)
        rank = seen[:, -1] * q / 100
        cell = np.minimum((seen < rank[:, None]).sum(axis=1), seen.shape[1] - 1)
        draws = np.arange(len(weights))
        before = np.where(cell > 0, seen[draws, cell - 1], 0.0)
        within = _ratio(rank - before, seen[draws, cell] - before)
        low, high = blocks.lows[time][cell], blocks.highs[time][cell]
        found: Floats = low + within * (high - low)
        return found

    return statistic


def difference_interval(
    first: Blocks, other: Blocks, statistic: Statistic, paired: bool, seed: int = 1
) -> tuple[float, float]:
    """Return how far the difference of a figure, other − first, may lie from that of the blocks as they are.

    Arguments:
        paired: whether both runs are drawn together; they have equally many blocks then.
        seed: of the draws.

    Returns (low, high), to be added to the difference; (nan, nan) where there are too few blocks to tell.
    """
    if min(len(first), len(other)) < FEWEST_BLOCKS:
        return math.nan, math.nan
    draw = np.random.default_rng(seed)
    weights = _weights(draw, len(first))
    others = weights if paired else _weights(draw, len(other))
    drawn = statistic(other, others) - statistic(first, weights)
    as_it_is = statistic(other, np.ones((1, len(other)))) - statistic(first, np.ones((1, len(first))))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail]) if np.isfinite(drawn).any() else (math.nan, math.nan)
    wider = _widening(min(len(first), len(other)))
    return float(low - as_it_is[0]) * wider, float(high - as_it_is[0]) * wider


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
