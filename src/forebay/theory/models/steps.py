"""Times that are a random number of steps, all steps exponential at one rate: uniformisation.

P(T > t) = Σ_k e^(−Λt) (Λt)^k/k! · P(K > k), where K is the number of steps. All terms are positive, so nothing is lost
by cancellation. Source: A. Jensen, "Markoff chains as an aid in the study of Markoff processes" (1953).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from forebay.theory.models.mixing import Vector, poisson_window

_NOTHING = 1e-15


class Steps:
    """t -> P(T > t) of a time of K steps of rate Λ.

    Arguments:
        rate: Λ, per second.
        survivals: P(K > 0), P(K > 1), ...; falling, read as far as they are needed, and 0 behind their end.
    """

    def __init__(self, rate: float, survivals: Iterator[float]) -> None:
        self._rate = rate
        self._survivals = survivals
        self._known: list[float] = []

    def __call__(self, t: float) -> float:
        """Return P(T > t)."""
        first, weights = poisson(self._rate * t)
        self._read(first + len(weights))
        known = np.asarray(self._known[first : first + len(weights)])
        return min(1.0, float(weights[: len(known)] @ known))

    def _read(self, count: int) -> None:
        for survival in self._survivals if len(self._known) < count else ():
            self._known.append(survival)
            if len(self._known) >= count or survival < _NOTHING:
                return


def poisson(x: float) -> tuple[int, Vector]:
    """Return (k, weights): the Poisson probabilities of mean x from k on, as far as there is anything."""
    k, weights = poisson_window(x if x > 1e-300 else 0.0)
    return int(k[0]), weights


def chain(
    start: Vector, up: Vector, down: Vector, leave: Vector, rate: float, last: float, begun: float = 0.0
) -> Iterator[float]:
    """Yield P(K > k) of a birth-death chain that is left at last, and then of one more exponential time.

    Arguments:
        start: probabilities of the states. up, down, leave: their rates to the next one, to the one before, and out.
        rate: Λ >= up + down + leave.
        last: rate of the time that follows; inf: none does.
        begun: P(that time has begun already).
    """
    stay = 1 - (up + down + leave) / rate
    above, below, out = up[:-1] / rate, down[1:] / rate, leave / rate
    p, follows = start.copy(), begun if math.isfinite(last) else 0.0
    goes_on = 1 - last / rate if math.isfinite(last) else 0.0
    while True:
        yield float(p.sum()) + follows
        follows = follows * goes_on + (float(out @ p) if math.isfinite(last) else 0.0)
        new = stay * p
        new[1:] += above * p[:-1]
        new[:-1] += below * p[1:]
        p = new


def erlangs(stages: Vector, rate: float, last: float) -> Iterator[float]:
    """Yield P(K > k) where `stages[m]` is the probability of m steps, followed by a time of rate `last`; inf: none."""
    if math.isinf(last):
        yield from np.cumsum(stages[::-1])[::-1][1:].tolist()
        return
    waiting, follows = float(stages[1:].sum()), float(stages[0])
    goes_on = 1 - last / rate
    for m in range(1, len(stages)):
        yield waiting + follows
        waiting = max(0.0, waiting - float(stages[m]))
        follows = follows * goes_on + float(stages[m])
    while True:
        yield follows
        follows *= goes_on
