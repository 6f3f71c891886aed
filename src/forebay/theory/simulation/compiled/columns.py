"""The arrays that a block is written to: made once and filled again and again, for new memory costs more than work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.theory.simulation.block import Block, Priorities, Seconds
from forebay.theory.simulation.rules import Algorithm, Rules


class Columns:
    """Columns of a block, as long as they ever had to be."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._make(0)

    def of(self, rows: int) -> Columns:
        """Return the columns, with room for so many rows."""
        if rows > len(self.customer):
            self._make(rows + rows // 2)
        return self

    def block(self, rows: int, arrived: Seconds | None = None, priority: Priorities | None = None) -> Block:
        """Return the first rows; columns that are those of the customers that were fed may be given."""
        classes = self.priority[:rows] if priority is None else priority
        return Block(
            self.customer[:rows],
            self.arrived[:rows] if arrived is None else arrived,
            self.started[:rows],
            self.ended[:rows],
            self.worker[:rows],
            self.fate[:rows],
            self.attempts[:rows] if self._rules.algorithm is Algorithm.EVENTS else None,
            classes if self._rules.classes > 1 else None,
        )

    def _make(self, rows: int) -> None:
        self.customer: NDArray[np.int64] = np.zeros(rows, dtype=np.int64)
        self.arrived, self.started, self.ended = np.zeros(rows), np.zeros(rows), np.zeros(rows)
        self.worker, self.attempts, self.priority = (np.zeros(rows, dtype=np.int32) for _ in range(3))
        self.fate: NDArray[np.int8] = np.zeros(rows, dtype=np.int8)


def plain(column: Any) -> Any:
    """Return an array that the kernels are compiled for: contiguous, and not read-only."""
    return np.require(column, requirements=("C", "W"))
