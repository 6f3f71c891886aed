"""The integral of a rate that has no closed form: parabolas over pieces that are halved where the rate bends or jumps.

Simpson's rule over a piece is right where the two rules over its halves say the same. Within a piece the integral is
that of the parabola through its ends and its middle, so the slope of the integral is the rate, as those need who invert
it. A jump is closed in until the piece around it holds hardly any shots.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Seconds

_CELL = 0.0625
"""Seconds, a power of two, so that the cells add up exactly: the longest piece."""
_WITHIN = 1e-7
"""Shots by which the integral over a piece may be off."""
_BISECTIONS = 40
"""Of a piece: its share of 2**-40 is far below a nanosecond."""


class Integral:
    """The integral from 0 on, summed up as far as it has been asked for.

    Arguments:
        rate: a second, of t in seconds.
    """

    def __init__(self, rate: Callable[[float], float]) -> None:
        self._rate = rate
        self._end = 0.0
        self._value = rate(0.0)
        """Of the rate, at the end."""
        self._begins = [0.0]
        self._sums = [0.0]
        """Up to the beginning of each piece, and of the one that comes next."""
        self._shapes: list[tuple[float, float, float, float]] = []
        """Of each piece: its length, and the rate at its beginning, middle and end."""
        self._arrays: tuple[Any, Any, Any] = (), (), ()
        """Beginnings, sums and shapes for `inverse`, as many as there were."""

    def __call__(self, t: float) -> float:
        """Return the integral up to t, seconds."""
        while self._end <= t:
            end = self._end + _CELL
            ends = self._value, self._rate(end)
            self._add(self._end, end, ends[0], self._rate((self._end + end) / 2), ends[1])
            self._end, self._value = end, ends[1]
        i = bisect_right(self._begins, t) - 1
        return float(self._sums[i] + _part(t - self._begins[i], *self._shapes[i]))

    def inverse(self, x: Seconds) -> Seconds:
        """Return the smallest t at which the integral reaches each x, of those up to the last t that was asked for."""
        import numpy as np

        if len(self._arrays[0]) < len(self._shapes):
            self._arrays = np.array(self._begins[:-1]), np.array(self._sums), np.array(self._shapes)
        begins, sums, shapes = self._arrays
        piece = np.clip(np.searchsorted(sums, x) - 1, 0, len(begins) - 1)
        h, left, middle, right = shapes[piece].T
        rest, low, high = x - sums[piece], np.zeros_like(x), h.copy()
        for _ in range(_BISECTIONS):
            u = (low + high) / 2
            before = _part(u, h, left, middle, right) < rest
            low, high = np.where(before, u, low), np.where(before, high, u)
        return np.asarray(np.where(rest > 0, begins[piece] + high, begins[piece]))

    def _add(self, a: float, b: float, left: float, middle: float, right: float) -> None:
        """Add the piece from a to b, or its halves."""
        m, h = (a + b) / 2, b - a
        first, last = self._rate((a + m) / 2), self._rate((m + b) / 2)
        halves = _simpson(h / 2, left, first, middle) + _simpson(h / 2, middle, last, right)
        bent = h * max(abs(first - _between(left, middle, right)), abs(last - _between(right, middle, left)))
        fine = abs(_simpson(h, left, middle, right) - halves) <= _WITHIN and bent <= 8 * _WITHIN
        if fine or h <= 8 * math.ulp(b):
            self._shapes.append((h, left, middle, right))
            self._begins.append(b)
            self._sums.append(self._sums[-1] + _simpson(h, left, middle, right))
        else:
            self._add(a, m, left, first, middle)
            self._add(m, b, middle, last, right)


def _simpson(h: float, left: float, middle: float, right: float) -> float:
    return h * (left + 4 * middle + right) / 6


def _between(near: float, middle: float, far: float) -> float:
    """Return the parabola through three values half-way from the near one to the middle."""
    return (3 * near + 6 * middle - far) / 8


def _part(u: Any, h: Any, left: Any, middle: Any, right: Any) -> Any:
    """Return the integral of the parabola over the first u of h seconds; of numbers, or of arrays."""
    s = u / h
    slope, bend = -3 * left + 4 * middle - right, 2 * (left - 2 * middle + right)
    return h * s * (left + s * (slope / 2 + s * bend / 3))
