"""Axes: a range, linear or logarithmic, with ticks at numbers that people would choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forebay.theory.path import Seconds
from forebay.theory.pictures.lettering import plain, power, share, unit_of

Kind = Literal["number", "time", "share"]
Tick = tuple[float, str]
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, and what they are.

    Arguments:
        label: what is measured, without its unit.
        low, high: the ends; equal ones are pulled apart.
        kind: numbers, times in seconds (written in the unit that fits), or shares (written in per cent).
        log: whether equal distances are equal factors; then `low` is above 0.
    """

    label: str
    low: float
    high: float
    kind: Kind = "number"
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or (self.log and self.low <= 0):
            raise ValueError(f"an axis from {self.low} to {self.high}")
        if self.high <= self.low or self.high - self.low < abs(self.high) * _ROUNDING:
            wide = abs(self.high) or 1.0
            object.__setattr__(self, "high", max(self.low, self.high) + wide)

    def at(self, value: float) -> float:
        """Return where a value is: 0 at the low end, 1 at the high one; what is off a logarithm's end is below 0."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -1.0
        return math.log(value / self.low) / math.log(self.high / self.low)

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label}, {self._unit[0]}" if self.kind == "time" else self.label

    def ticks(self, most: int) -> list[Tick]:
        """Return at most so many values with what is written at them, in rising order."""
        unit = self._unit[1]
        low, high = self.low / unit, self.high / unit
        values = _decades(low, high, most) if self.log else _even(low, high, most)
        return list(zip([value * unit for value in values], self._written(values), strict=True))

    @property
    def _unit(self) -> tuple[str, float]:
        return unit_of(self.high) if self.kind == "time" else ("", 1.0)

    def _written(self, values: Sequence[float]) -> list[str]:
        if self.kind == "share":
            return [share(value) for value in values]
        if self.log or not any(values) or max(map(abs, values)) < 1e7:
            return [power(value) if self.log and not 1e-3 <= value <= 1e4 else plain(value, 12) for value in values]
        return [power(value) if value else "0" for value in values]


def rising(label: str, high: float, kind: Kind = "number", room: float = 0.08) -> Axis:
    """Return an axis from 0 to a little above the highest value."""
    return Axis(label, 0.0, high * (1 + room) if high > 0 else 1.0, kind)


def over_time(instants: Seconds, begin: float | None = None) -> Axis:
    """Return the axis of rising instants: from `begin`, or from 0, unless they begin long after it."""
    first, last = float(instants[0]), float(instants[-1])
    if begin is not None:
        return Axis("time", begin, max(last, begin), "time")
    return Axis("time", 0.0 if 0 <= first < last / 2 else first, last, "time")


def _even(low: float, high: float, most: int) -> list[float]:
    """Return multiples of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / max(most, 1)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in _STEPS if s * scale >= rough * (1 - _ROUNDING))
    first, last = math.ceil(low / step - _ROUNDING), math.floor(high / step + _ROUNDING)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten, each or every second, third ...; what lies between where there are fewer than two."""
    first, last = math.ceil(math.log10(low) - _ROUNDING), math.floor(math.log10(high) + _ROUNDING)
    if last - first < 1:
        return _even(low, high, most)
    stride = math.ceil((last - first + 1) / most)
    return [10.0**i for i in range(last, first - 1, -stride)][::-1]
