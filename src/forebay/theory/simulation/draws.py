"""Random numbers: one stream for each purpose, so that a change of one thing never shifts the draws of another.

With the same seed the k-th customer brings the same work to three workers as to four: two systems are compared under
common random numbers. Numbers are drawn in quanta of a fixed size, so they do not depend on the portions asked for.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from forebay.theory.laws import Law
from forebay.theory.path import Seconds
from forebay.theory.simulation.block import Stream

QUANTUM = 5 << 13
"""Draws at a time: the buffers of a handful of streams stay in the cache of a core; 5 is the batch of MSER-5."""


class Purpose(IntEnum):
    """What random numbers are for; the numbers are part of what a seed means and never change."""

    ARRIVALS = 0
    SERVICES = 1
    CLASSES = 2
    PATIENCE = 3
    CHOICES = 4
    RETURNS = 5
    DELAYS = 6
    UPS = 7
    DOWNS = 8
    PHASES = 9
    START = 10
    STAYS = 11


class Seed:
    """What random numbers are made of: a seed, and which of the replications it is.

    Arguments:
        number: 0 or above. replication: 0 or above.
    """

    __slots__ = ("number", "replication")

    def __init__(self, number: int, replication: int = 0) -> None:
        self.number, self.replication = number, replication

    def generator(self, purpose: Purpose, which: int = 0) -> np.random.Generator:
        """Return the generator for one purpose; `which` where there are several, as the work of each class."""
        key = (self.replication, int(purpose), which)
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(self.number, spawn_key=key)))

    def times(self, law: Law, purpose: Purpose, which: int = 0) -> Draws:
        """Return a stream of independent times of a law."""
        source = self.generator(purpose, which)
        return Draws(lambda out: law.draw(source, out))

    def shares(self, purpose: Purpose) -> Draws:
        """Return a stream of independent numbers, uniform from 0 to below 1."""
        source = self.generator(purpose)

        def fill(out: Seconds) -> None:
            source.random(out=out)

        return Draws(fill)


class Draws:
    """An endless stream of numbers, a `block.Stream`: called with an array, it fills it with the next ones.

    Arguments:
        fill: draws the next QUANTUM.
    """

    __slots__ = ("_buffer", "_fill", "_used")

    def __init__(self, fill: Stream) -> None:
        self._fill = fill
        self._buffer = np.empty(0)
        self._used = QUANTUM

    def __call__(self, out: Seconds) -> None:
        """Fill `out`."""
        filled = 0
        while filled < len(out):
            if self._used == QUANTUM and len(out) - filled >= QUANTUM:  # whole quanta need no copy
                self._fill(out[filled : filled + QUANTUM])
                filled += QUANTUM
                continue
            if self._used == QUANTUM:
                self._refill()
            part = min(len(out) - filled, QUANTUM - self._used)
            out[filled : filled + part] = self._buffer[self._used : self._used + part]
            self._used += part
            filled += part

    def _refill(self) -> None:
        if not len(self._buffer):
            self._buffer = np.empty(QUANTUM)
        self._fill(self._buffer)
        self._used = 0
