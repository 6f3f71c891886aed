"""How much is done for a number: until it is precise enough, and at most so long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from forebay.errors import UsageError
from forebay.theory.simulation.estimate import Estimate

Progress = Callable[[int, Estimate], None]
"""Told now and then: customers so far, and the quantity that decides with its interval."""
MOST = 1 << 33
"""Customers of a run for which neither number nor precision says when it ends: 8.6 thousand million."""


@dataclass(slots=True)
class Effort:
    """The stop rule of a run.

    Arguments:
        precision: half of the width of the interval as a share of the value; None: the run has a given length.
        customers: at most so many; None: no limit. timeout: at most so many seconds of time on the wall.
        progress: is told now and then.

    Raises:
        UsageError: the precision is not above 0, there is nobody, or nothing would end the run.
    """

    precision: float | None
    customers: int | None
    timeout: float
    progress: Progress | None = None
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.precision is not None and not 0 < self.precision < 1:
            raise UsageError(f"a precision of {self.precision:g} is not possible", "a share above 0, as 0.01 or 1%")
        if self.customers is not None and self.customers < 1:
            raise UsageError("nobody would come", "give one customer or more")
        if self.precision is None and self.customers is None:
            raise UsageError("nothing says when the run ends", "give a precision, or a number of customers")

    def begin(self) -> None:
        """Let the timeout run from now: what was compiled before is no part of it."""
        self._began = time.monotonic()

    @property
    def most(self) -> int:
        """The largest number of customers."""
        return MOST if self.customers is None else self.customers

    def enough(self, estimate: Estimate) -> bool:
        """Return whether the interval is narrow enough."""
        return self.precision is not None and estimate.relative <= self.precision

    @property
    def late(self) -> bool:
        """Whether its time is over; a run of a given length takes what it takes."""
        return self.precision is not None and time.monotonic() - self._began > self.timeout

    def out(self, customers: int) -> bool:
        """Return whether it has to end, precise or not."""
        return customers >= self.most or self.late

    def tell(self, customers: int, estimate: Estimate) -> None:
        """Tell whoever watches."""
        if self.progress is not None:
            self.progress(customers, estimate)

    def next_look(self, customers: int, estimate: Estimate) -> int:
        """Return how many customers to have before the interval is looked at again.

        By the square root law, but at most twice as many and at least a quarter more: each look is a chance to stop
        by luck, so there must be few.
        """
        factor = 2.0
        if self.precision is not None and math.isfinite(estimate.relative):
            factor = min(2.0, max(1.25, (estimate.relative / self.precision) ** 2))
        return min(self.most, math.ceil(customers * factor))
