"""Exact time: fractions of a second, made of floats without their rounding, and written as people write them."""

from __future__ import annotations

import math
from fractions import Fraction

from forebay.errors import UsageError

Time = Fraction | float | int
_UNITS = (("s", 1), ("ms", 10**3), ("µs", 10**6), ("ns", 10**9))


def rational(time: Time) -> Fraction:
    """Return the simplest fraction that is the given number up to the rounding of a float.

    Raises:
        UsageError: it is not a finite number.
    """
    if isinstance(time, Fraction | int):
        return Fraction(time)
    if not math.isfinite(time):
        raise UsageError(f"{time} is not a time", "times are finite numbers of seconds")
    whole, before, now = Fraction(time), (0, 1), (1, 0)
    rest = whole
    while True:  # the convergents of its continued fraction come nearer, and end with the number itself
        a = math.floor(rest)
        before, now = now, (a * now[0] + before[0], a * now[1] + before[1])
        near = Fraction(*now)
        if abs(near - whole) <= 4 * Fraction(math.ulp(time)):
            return near
        rest = 1 / (rest - a)


def show(time: Fraction) -> str:
    """Return a time exactly, in the unit in which that is shortest: 0.5 ms, 1/3 s."""
    fitting = [(unit, time * per) for unit, per in _UNITS if Fraction(1, 100) <= abs(time) * per < 1000]
    unit, number = min(fitting or [("s", time)], key=lambda one: len(show_number(one[1])))
    return f"{show_number(number)} {unit}"


def show_number(number: Fraction) -> str:
    """Return a fraction exactly if that is short: 2, 0.5, 1/3, 1 2/3; else to four digits."""
    if 1000 % number.denominator == 0:
        return f"{float(number):.12g}"
    whole, rest = divmod(abs(number.numerator), number.denominator)
    if number.denominator < 100:
        sign = "-" if number < 0 else ""
        return sign + (f"{whole} " if whole else "") + f"{rest}/{number.denominator}"
    return f"{float(number):.4g}"
