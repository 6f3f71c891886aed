"""How much of the beginning of a run is not yet the steady state: MSER-5.

A run begins empty, so its first waits are too short. The means Y_i of batches of five are cut at

    d* = argmin over d of Σ_{i>d} (Y_i − Ȳ_d)²/(m − d)²,   Ȳ_d the mean of Y_{d+1} ... Y_m,

where what is left has the narrowest interval; a d* behind the middle of the run says that the run is too short. Source:
K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69(6) (1997);
recommended for automation by K. Hoad, S. Robinson, R. Davies, "Automating warm-up length estimation", Journal of the
Operational Research Society 61(9) (2010).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIVE = 5
_CELLS = 1 << 14
_LEAST_LEFT = 5
"""The end of a run, where a few means that are alike by chance would win, is not looked at."""


def cut(means: NDArray[np.float64]) -> int | None:
    """Return d*, how many of the first batch means to leave away; None: the run is too short to say.

    Arguments:
        means: of the batches, shape (m,).
    """
    m = len(means)
    if m <= 2 * _LEAST_LEFT:
        return None
    Y = means - means.mean()  # the variance is of differences, not of large numbers
    left = np.arange(m, 0, -1)
    S1, S2 = (np.cumsum(x[::-1])[::-1] for x in (Y, Y * Y))
    spread = np.maximum(S2 - S1 * S1 / left, 0.0) / (left * left.astype(np.float64))
    d = int(np.argmin(spread[: m - _LEAST_LEFT]))
    return d if d <= m // 2 else None


class Series:
    """The means of batches of five of a run of any length, in constant memory: when it is full, pairs become one."""

    __slots__ = ("_cells", "_fives", "_per_cell", "_rest", "_taken")

    def __init__(self) -> None:
        self._cells = np.zeros(_CELLS)
        self._taken = 0
        self._per_cell = 1  # batches of five in a cell
        self._fives = self._rest = np.zeros(0)  # what is too short yet for a cell, and for a batch

    def add(self, values: NDArray[np.float64]) -> None:
        """Append observations; the batches do not depend on the portions in which they come."""
        values = np.concatenate([self._rest, values])
        whole = len(values) - len(values) % FIVE
        self._rest = values[whole:].copy()
        a, b, c, d, e = (values[i:whole:FIVE] for i in range(FIVE))
        self._push(np.concatenate([self._fives, a + b + c + d + e]))

    @property
    def size(self) -> int:
        """Observations in one batch: 5, 10, 20 ..."""
        return FIVE * self._per_cell

    @property
    def means(self) -> NDArray[np.float64]:
        """The means of the whole batches."""
        return self._cells[: self._taken] / self.size

    def _push(self, fives: NDArray[np.float64]) -> None:
        while len(fives) >= self._per_cell:
            cells = min(_CELLS - self._taken, len(fives) // self._per_cell)
            used = cells * self._per_cell
            sums = fives[:used].reshape(cells, self._per_cell).sum(axis=1)
            self._cells[self._taken : self._taken + cells] = sums
            self._taken += cells
            fives = fives[used:]
            if self._taken == _CELLS:
                self._cells[: _CELLS // 2] = self._cells[::2] + self._cells[1::2]
                self._taken //= 2
                self._per_cell *= 2
        self._fives = fives.copy()
