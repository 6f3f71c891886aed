"""Percentiles of a time from its tail P(T > t): few evaluations, as one of them may cost a millisecond."""

from __future__ import annotations

import math
from collections.abc import Callable

Tail = Callable[[float], float]
"""t in seconds to P(time > t)."""

_PRECISE = 1e-11
_JUMP = 1e-6
_ROUNDED = 1e-8
"""By so much, as a share of p, a tail may be off at 0: one that begins at p is there at once, not after 1e-17 s."""
_SMALLEST = 1e-300
_FARTHEST = 1e18


def invert(tail: Tail, p: float, scale: float) -> float:
    """Return the smallest t >= 0 with P(T > t) <= p, seconds; inf where there is none.

    Arguments:
        scale: seconds, where to look first, above 0.
    """
    return Percentiles(tail, scale)(p)


class Percentiles:
    """p -> the smallest t >= 0 with P(T > t) <= p; what was found out for one p brackets the next.

    Arguments:
        tail: falling. scale: seconds, where to look first, above 0.
    """

    def __init__(self, tail: Tail, scale: float) -> None:
        self._tail, self._scale = tail, scale
        self._known: dict[float, float] = {}

    def __call__(self, p: float) -> float:
        """Return t in seconds; inf where there is none."""
        if self._at(0.0) <= p * (1 + _ROUNDED):
            return 0.0
        low = max(t for t, value in self._known.items() if value > p)
        above = [t for t in self._known if t > low]
        high = min(above) if above else max(self._scale, 2 * low)
        while self._at(high) > p:
            low, high = high, 2 * high
            if high > _FARTHEST * self._scale:
                return math.inf
        return _crossing(lambda t: math.log(max(self._at(t), _SMALLEST) / max(p, _SMALLEST)), low, high)

    def _at(self, t: float) -> float:
        if t not in self._known:
            self._known[t] = self._tail(t)
        return self._known[t]


def _crossing(f: Callable[[float], float], low: float, high: float) -> float:
    """Return where f, above 0 at `low`, is not so any more: by inverse quadratic interpolation, else by halving.

    The logarithm of a tail that falls exponentially is a straight line, for which three evaluations are enough. Source:
    T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function without
    using derivatives", Advances in Engineering Software 28 (1997).
    """
    x1, f1, x2, f2 = low, f(low), high, f(high)
    share = f1 / (f1 - f2)
    while (width := abs(x2 - x1) / max(x1, x2)) > _PRECISE or abs(f1 - f2) > _JUMP:  # a jump is found to the last bit
        least = min(0.5, _PRECISE / width / 2)
        x = x1 + min(1 - least, max(least, share)) * (x2 - x1)
        if x in (x1, x2):
            break
        at = f(x)
        if (at > 0) == (f1 > 0):
            x3, f3 = x1, f1
        else:
            x3, f3, x2, f2 = x2, f2, x1, f1
        x1, f1 = x, at
        share = _interpolated(x1, f1, x2, f2, x3, f3)
    return max(x1, x2)


def _interpolated(x1: float, f1: float, x2: float, f2: float, x3: float, f3: float) -> float:
    """Return the share of the way from x1 to x2; a half where the three points bend too much."""
    xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
    if not (phi * phi < xi and (1 - phi) ** 2 < 1 - xi):
        return 0.5
    return f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
