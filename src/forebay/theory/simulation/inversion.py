"""When a load S(t) has brought its x-th customer: the inverse of Λ(t) = ∫S, for whole arrays.

A table holds Λ and S at nodes that lie so close that the cubic between two of them (Hermite's, right at either end in
value and in slope) gives Λ within a ten-millionth of a customer; where the rate jumps the nodes crowd. For an x the
table gives the cell, the cubic of t(x) the first guess, and Newton's steps on the cubic of Λ(t) the rest: one is usual,
and where the rate touches 0 they are kept between brackets. A load that says its `period` needs one period of table.

Source: E. Çinlar, "Introduction to Stochastic Processes" (1975), chapter 4, section 7: the times of a Poisson process
of rate 1, put through the inverse of Λ, are one of rate S(t).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import functools
import math
from collections.abc import Hashable

import numpy as np

from forebay.errors import UsageError
from forebay.theory.path import Seconds
from forebay.theory.system import Load

_WITHIN = 1e-7
"""Customers by which the table may be off; the rounding of Λ itself comes on top."""
_CELLS = 64
"""To begin with; each is halved where it must be."""
_HALVINGS = 48
_SETTLED = 1e-6
"""After a Newton step of this share of a cell the error is its square."""
_STEPS = 60
_NODES = 1 << 18
"""More than these no smooth load needs: it jumps at every customer."""
_LONGEST = 1e12
"""Seconds after which nobody comes any more."""

Node = tuple[float, float, float]
"""(t, Λ(t), S(t))."""


class Inverse:
    """The inverse of the cumulative rate of a load.

    Arguments:
        load: whatever has rate(t) and cumulative(t); with an attribute `period`, in seconds, it repeats itself.

    Raises:
        UsageError: a rate is negative, nobody comes within a period, or it jumps at every customer, as instants do.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self.period: float | None = getattr(load, "period", None)
        self._nodes = [_node(load, 0.0)]
        self._extend(self.period or 1.0)
        if self.period and not self._top > 0:
            raise UsageError("this load brings nobody", "its rate is above 0 somewhere")

    @classmethod
    def of(cls, load: Load) -> Inverse:
        """Return the inverse of a load, the same for the same load: its table is made once."""
        return _kept(load) if isinstance(load, Hashable) else cls(load)

    def __call__(self, x: Seconds) -> Seconds:
        """Return the smallest t with Λ(t) >= x, seconds; inf where the load never brings so many.

        Arguments:
            x: numbers of customers, 0 or above, rising; shape (k,).
        """
        if self.period:
            turns, rest = np.divmod(x, self._top)
            return np.asarray(turns * self.period + self._within(rest))
        while len(x) and x[-1] > self._top and self._t[-1] < _LONGEST:
            self._extend(2 * float(self._t[-1]))
        return np.where(x > self._top, np.inf, self._within(x))

    def _extend(self, end: float) -> None:
        """Let the table go on to this instant."""
        start = self._nodes[-1][0]
        for i in range(1, _CELLS + 1):
            _refine(self._load, self._nodes, _node(self._load, start + (end - start) * i / _CELLS), _HALVINGS)
            if len(self._nodes) > _NODES:
                raise UsageError(f"{self._load} jumps too often to be followed", "instants are a trace: --in FILE")
        self._t, y, S = (np.array(column) for column in zip(*self._nodes, strict=True))
        self._y = np.maximum.accumulate(y)
        self._top = float(self._y[-1])
        self._width, rise = np.diff(self._t), np.diff(self._y)
        self._rise = np.where(rise > 0, rise, 1.0)
        self._a, self._b = S[:-1] * self._width / self._rise, S[1:] * self._width / self._rise

    def _within(self, x: Seconds) -> Seconds:
        """Return t(x) for x within the table."""
        cell = np.clip(np.searchsorted(self._y, x, side="left") - 1, 0, len(self._y) - 2)
        v = (x - self._y[cell]) / self._rise[cell]  # the share of the customers of the cell
        u = _solve(np.clip(v, 0.0, 1.0, out=v), self._a[cell], self._b[cell])
        return np.asarray(self._t[cell] + self._width[cell] * u)


@functools.lru_cache(maxsize=4)
def _kept(load: Load) -> Inverse:
    return Inverse(load)


def _solve(v: Seconds, a: Seconds, b: Seconds) -> Seconds:
    """Return u in [0, 1] with p(u) = v, where p is the cubic from 0 to 1 with slopes a and b at its ends."""
    u = np.clip(_cubic(v, *(1 / np.maximum(slope, 0.1) for slope in (a, b))), 0.0, 1.0)
    step = (_cubic(u, a, b) - v) / np.maximum(_slope(u, a, b), 0.1)
    u -= step
    wild = np.flatnonzero((np.abs(step) > _SETTLED) | (u < 0) | (u > 1))
    if len(wild):
        u[wild] = _bracketed(v[wild], a[wild], b[wild])
    return u


def _bracketed(v: Seconds, a: Seconds, b: Seconds) -> Seconds:
    """Return the same where it is difficult: Newton's steps, and a bisection wherever one leaves its bracket."""
    low, high, u = np.zeros_like(v), np.ones_like(v), v.copy()
    for _ in range(_STEPS):
        error, slope = _cubic(u, a, b) - v, _slope(u, a, b)
        low, high = np.where(error < 0, u, low), np.where(error < 0, high, u)
        new = u - np.divide(error, slope, out=np.full_like(u, np.inf), where=slope > 0)
        new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
        if np.abs(new - u).max() < _SETTLED**2:
            return new
        u = new
    return u


def _cubic(u: Seconds, a: Seconds, b: Seconds) -> Seconds:
    return np.asarray(u * (a + u * (3 - 2 * a - b + u * (a + b - 2))))


def _slope(u: Seconds, a: Seconds, b: Seconds) -> Seconds:
    return np.asarray(a + u * (2 * (3 - 2 * a - b) + u * 3 * (a + b - 2)))


def _refine(load: Load, found: list[Node], right: Node, halvings: int) -> None:
    """Append nodes up to `right` to those found, halving what the cubic does not follow."""
    (t0, y0, S0), (t1, y1, S1) = found[-1], right
    middle = _node(load, (t0 + t1) / 2)
    t, y, S = middle
    h = t1 - t0
    off = abs((y0 + y1) / 2 + h * (S0 - S1) / 8 - y)
    tilt = abs(1.5 * (y1 - y0) - h * (S0 + S1) / 4 - h * S)
    within = _WITHIN + 4 * math.ulp(y1)
    if halvings and t0 < t < t1 and (off > within or tilt > 16 * within):
        _refine(load, found, middle, halvings - 1)
        _refine(load, found, right, halvings - 1)
    else:
        found += [middle, right]


def _node(load: Load, t: float) -> Node:
    S = load.rate(t)
    if not 0 <= S < math.inf:
        raise UsageError(f"a load of {S:g}/s at {t:g}s is not possible", "a rate is 0 or above")
    return t, load.cumulative(t), S
