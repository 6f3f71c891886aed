"""A path: what became of each of a row of customers. Made by a simulation, or read from the log of a real run.

Everything measured is computed from it alone, so that model, simulation and run are judged by the same eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


class Fate(IntEnum):
    """How it ended."""

    SERVED = 0
    LOST = 1
    """Found no place and did not come again; or its work was begun (`started` is set), its worker broke down, and
    nothing is delivered again: at most once."""
    ABANDONED = 2
    """Lost patience while it waited."""
    UNFINISHED = 3
    """Was still waiting or in work when the watching ended."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Customers in the order of their arrival; all arrays have the shape (customers,).

    Arguments:
        arrived: seconds; rising.
        started: when its work began for the last time, seconds; nan: never.
        ended: when it left, served or not, seconds; nan: has not.
        worker: from 0; -1: none.
        fate: a Fate.
        attempts: how often its work began, or how often it came, whatever is more; None: once each.
        priority: class, 0 the most urgent; None: one class.
        workers: n, how many there were; inf: one for each; 0: not known.
    """

    arrived: Seconds
    started: Seconds
    ended: Seconds
    worker: NDArray[np.int32]
    fate: NDArray[np.int8]
    attempts: NDArray[np.int32] | None = None
    priority: NDArray[np.int32] | None = None
    workers: float = 0

    def __len__(self) -> int:
        return len(self.arrived)

    @property
    def served(self) -> NDArray[np.bool_]:
        """Who was worked off, as a mask."""
        return np.equal(self.fate, Fate.SERVED)

    @property
    def waits(self) -> Seconds:
        """Wait of the served, seconds, in the order of their arrival."""
        return self.started[self.served] - self.arrived[self.served]

    @property
    def services(self) -> Seconds:
        """Work on the served, seconds."""
        return self.ended[self.served] - self.started[self.served]

    @property
    def sojourns(self) -> Seconds:
        """Whole time of the served, seconds."""
        return self.ended[self.served] - self.arrived[self.served]

    @property
    def loss(self) -> float:
        """The share that found no place."""
        return float(np.mean(self.fate == Fate.LOST)) if len(self) else 0.0

    def in_system(self) -> tuple[Seconds, NDArray[np.int64]]:
        """Return (t, N): the instants at which the number in the system changes, and what it is from then on.

        At one instant who leaves goes before who comes, and a lost one is never in; equal instants are one.
        """
        came = self.arrived[self.fate != Fate.LOST]
        left = self.ended[(self.fate != Fate.LOST) & ~np.isnan(self.ended)]
        return _steps(came, left)

    def waiting(self) -> tuple[Seconds, NDArray[np.int64]]:
        """Return (t, N) of those that wait, as `in_system`; a wait of no time is none."""
        inside = self.fate != Fate.LOST
        left = np.where(np.isnan(self.started), self.ended, self.started)[inside]
        return _steps(self.arrived[inside], left[~np.isnan(left)])


def _steps(up: Seconds, down: Seconds) -> tuple[Seconds, NDArray[np.int64]]:
    t = np.concatenate([down, up])
    change = np.concatenate([np.full(len(down), -1), np.ones(len(up), dtype=np.int64)])
    order = np.argsort(t, kind="stable")
    t, level = t[order], np.cumsum(change[order])
    last = np.append(t[1:] != t[:-1], True) if len(t) else np.zeros(0, dtype=bool)
    return t[last], level[last]
