"""A trace: the instants of a real day, fired again."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forebay.errors import UsageError
from forebay.load.ammo.raw import instants as stpd_instants
from forebay.load.profiles.profile import Profile

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Seconds

_BLOCK = 8_192
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Trace(Profile):
    """Instants that were measured, in seconds from the first; `speed` 2 fires them in half the time.

    Raises:
        UsageError: there are none, they do not rise, or the speed is not above 0.
    """

    instants: tuple[float, ...] = field(repr=False)
    name: str = "trace"
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not self.instants or not 0 < self.speed < math.inf:
            raise UsageError(f"{self.name} holds no instants, or its speed is not above 0", "a file of seconds, rising")
        if any(later < earlier for earlier, later in zip(self.instants, self.instants[1:], strict=False)):
            raise UsageError(
                f"the instants of {self.name} do not rise", "sort them; they are seconds, the first column"
            )

    @classmethod
    def read(cls, path: Path, speed: float = 1.0) -> Trace:
        """Return the trace of a file: a line an instant in seconds, the first of its columns; a header is passed over.

        A file of Yandex.Tank, ``*.stpd`` or ``*.stpd.gz``, holds instants as well; the first one need not be 0 there.

        Raises:
            UsageError: the file cannot be read; names the line.
        """
        if ".stpd" in path.suffixes:
            return cls(tuple(stpd_instants(path)), str(path), speed)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}", "a file of seconds, rising, one a line") from error
        instants: list[float] = []
        for number, line in enumerate(lines, 1):
            first = line.replace("\t", ",").replace(";", ",").partition(",")[0].strip()
            try:
                instants.append(_instant(first))
            except ValueError:
                if first and number > 1:
                    raise UsageError(f"line {number} of {path}: {first!r} is not an instant in seconds") from None
        begin = instants[0] if instants else 0.0
        return cls(tuple(t - begin for t in instants), str(path), speed)

    @property
    def span(self) -> float:
        """Until its last instant."""
        return self.instants[-1] / self.speed

    def rate(self, t: float) -> float:
        """Return how many come in the second around t."""
        return self.cumulative(t + 0.5) - self.cumulative(t - 0.5)

    def cumulative(self, t: float) -> float:
        """Return how many come until t, those at t too."""
        return float(bisect_right(self.instants, t * self.speed * (1 + _ROUNDING)))

    def at(self, x: Seconds) -> Seconds:
        """Return the instant of each."""
        import numpy as np

        return np.asarray(self.instants)[np.minimum(x.astype(np.int64), len(self.instants) - 1)] / self.speed

    def blocks(self, seconds: float) -> Iterator[Seconds]:
        """Yield the instants within a run, the last one too."""
        import numpy as np

        instants = np.asarray(self.instants) / self.speed
        inside = instants[instants <= seconds * (1 + _ROUNDING)]
        for first in range(0, len(inside), _BLOCK):
            yield inside[first : first + _BLOCK]

    def __str__(self) -> str:
        speed = "" if self.speed == 1 else f", speed={self.speed:.12g}"
        return f"trace({self.name}{speed})"


def _instant(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
