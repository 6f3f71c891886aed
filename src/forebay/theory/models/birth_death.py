"""Birth and death: the steady state of a chain that goes up or down by one, and the waits that follow."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from forebay.theory.models.mixing import Vector


def stationary(births: Vector, deaths: Vector) -> Vector:
    """Return p_0 ... p_K of a chain that goes from k to k + 1 at births[k] and from k + 1 to k at deaths[k].

    Products go from the most probable state outwards, so that they neither overflow nor lose digits. Source:
    L. Kleinrock, "Queueing Systems" I (1975), equation 3.11.

    Arguments:
        births, deaths: per second, above 0, shape (K,).
    """
    mode = int(np.argmax(np.concatenate([[0.0], np.cumsum(np.log(births / deaths))])))
    up = np.cumprod(births[mode:] / deaths[mode:])
    down = np.cumprod((deaths[:mode] / births[:mode])[::-1])[::-1]
    p = np.concatenate([down, [1.0], up])
    shares: Vector = p / p.sum()
    return shares


def from_above(p: Vector) -> Vector:
    """Return Σ_{j >= i} p_j for every i, smallest first so that small tails keep their digits."""
    sums: Vector = np.cumsum(p[::-1])[::-1]
    return sums


class Ends:
    """Who finds j waiting waits for j + 1 ends of work, and its own work takes a geometric number of such times.

    Arguments:
        n: workers. finds: P(an accepted arrival finds all at work and j waiting), for j = 0, 1, ...
    """

    def __init__(self, n: int, finds: Vector) -> None:
        self._own = 1 - 1 / n
        self._waits = np.append(from_above(finds), 0.0)
        arrives = np.append(1 - self._waits[0], finds)  # at its work, after 0, 1, 2, ... ends
        self._works = np.fromiter(accumulate(arrives, lambda at, more: at * self._own + more), np.float64, len(arrives))

    @property
    def p_wait(self) -> float:
        """P(an accepted arrival waits)."""
        return float(self._waits[0])

    def more_wait(self, i: Vector) -> Vector:
        """Return P(it waits for more than i ends of work)."""
        found: Vector = self._waits[np.minimum(i, len(self._waits) - 1).astype(np.int64)]
        return found

    def more_stay(self, i: Vector) -> Vector:
        """Return P(it stays for more than i times between ends of work)."""
        known = np.minimum(i, len(self._works) - 1)
        found: Vector = self.more_wait(i) + self._works[known.astype(np.int64)] * self._own ** (i - known)
        return found
