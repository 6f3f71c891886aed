"""The moving average over the last n rates, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec


class Average(msgspec.Struct, frozen=True):
    """(p_t + p_{t-1} + ... + p_{t-n+1}) / n, exactly; while fewer than n rates are there, over those.

    Arguments:
        value: of the rates in the window.
        count: how many these are, 1 to `window`.
        window: n.
    """

    value: Fraction
    count: int
    window: int

    @property
    def text(self) -> str:
        """The value with two decimals, as ``4.55``.

        It is rounded half to even from the exact fraction: 0.125 is 0.12. Go's %.2f rounds the same way from the
        nearest binary number, so that one in the midst, as 1.015, may go the other way there; with n = 10 there is
        none.
        """
        hundredths = round(100 * self.value)
        return f"{'-' if hundredths < 0 else ''}{abs(hundredths) // 100}.{abs(hundredths) % 100:02}"

    def as_dict(self) -> dict[str, float | int]:
        """Return the fields for JSON; the value is not rounded, save to the nearest binary number."""
        return {"value": float(self.value), "count": self.count, "window": self.window}


def average(rates: Sequence[int], window: int) -> Average | None:
    """Return the average of the rates that are in a window of this size, None while there are none."""
    return Average(Fraction(sum(rates), len(rates)), len(rates), window) if rates else None
