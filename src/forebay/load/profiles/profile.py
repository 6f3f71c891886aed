"""What a profile is: a rate R(t), its integral Λ(t), and the instants that follow from them.

Shot k (0, 1, 2 ...) is due when Λ(t) = k, so the number of shots in an interval is within 1 of the integral of the rate
over it, and nothing drifts.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Seconds = NDArray[np.float64]

_BLOCK = 8_192
_ROUNDING = 1e-12


class Rush(NamedTuple):
    """From `begin` to `end`, seconds, a shot is due whenever a connection is free."""

    begin: float
    end: float


class Profile(ABC):
    """A rate over time. Frozen; its text form is what `notation.parse` reads."""

    @property
    def span(self) -> float:
        """How long it lasts as a stage of several, seconds; inf: as long as the run."""
        return math.inf

    @abstractmethod
    def rate(self, t: float) -> float:
        """Return R(t), shots a second, t seconds after the beginning."""

    @abstractmethod
    def cumulative(self, t: float) -> float:
        """Return Λ(t), the integral of the rate from 0 to t."""

    def at(self, x: Seconds) -> Seconds:
        """Return the smallest t at which Λ(t) reaches each x, seconds.

        Arguments:
            x: numbers of shots, rising; shape (k,).
        """
        from forebay.theory.simulation.inversion import Inverse

        return Inverse.of(self)(x)

    def blocks(self, seconds: float) -> Iterator[Seconds]:
        """Yield the instants of all shots within a run of `seconds`, rising, some thousands at once."""
        import numpy as np

        total = self.cumulative(seconds)
        shots = math.ceil(total * (1 - _ROUNDING))  # a sum that is whole but for its rounding is whole
        for first in range(0, shots, _BLOCK):
            yield np.minimum(self.at(np.arange(first, min(first + _BLOCK, shots), dtype=np.float64)), seconds)

    def shots(self, seconds: float) -> Iterator[float]:
        """Yield the instants of all shots within a run of `seconds`, rising, as seconds since its beginning."""
        return itertools.chain.from_iterable(block.tolist() for block in self.blocks(seconds))

    def plan(self, seconds: float, part: int = 0, parts: int = 1) -> Iterator[float | Rush]:
        """Yield what one of several equal engines has to do: every `parts`-th instant from number `part` on."""
        return itertools.islice(self.shots(seconds), part, None, parts)
