"""What a formula says of a system in its steady state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.result import Result, Row, finite

Tail = Callable[[float], float]
"""t in seconds to P(time > t)."""

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
_PRECISE = 1e-12


@dataclass(frozen=True, slots=True)
class Solution(Result):
    """The steady state of one queueing system. Times are seconds; what a formula does not give is None.

    Arguments:
        system: as the notation writes it.
        formula: which was used. source: where it is from (author, title, equation).
        offered_load: a = λE[S], how many workers the work would keep busy.
        utilization: ρ, the share of their time that workers work (the mean number in service where n is infinite).
        growth: what the backlog grows by, a second, where there is no steady state; 0: stable. Then L, W and the
            like are inf.
        throughput: how many are worked off a second.
        loss: the share of arrivals that find no place. abandoned: the share that leaves before it is served.
        p0: P(the system is empty). p_wait: P(an accepted arrival waits).
        L, Lq: mean number in the system, and waiting. W, Wq: mean time of the accepted in the system, and waiting.
        wait_tail, sojourn_tail: P(Wq > t), P(W > t) of the accepted.
        exact: whether the formula is exact for this system. error: what to expect where it is not.
        notes: what a reader must know.
        parts: the answers by part: classes, stations, replicas; each with its name.
    """

    system: str
    formula: str
    source: str
    arrival_rate: float
    offered_load: float
    utilization: float
    throughput: float
    L: float
    Lq: float
    W: float
    Wq: float
    growth: float = 0.0
    p0: float | None = None
    p_wait: float | None = None
    loss: float = 0.0
    abandoned: float = 0.0
    wait_tail: Tail | None = field(default=None, repr=False, compare=False)
    sojourn_tail: Tail | None = field(default=None, repr=False, compare=False)
    exact: bool = True
    error: str = ""
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, Solution], ...] = ()

    @property
    def stable(self) -> bool:
        """Whether there is a steady state."""
        return self.growth == 0

    def wait(self, percent: float) -> float | None:
        """Return the percentile of the wait of the accepted, seconds; inf where unstable, None where unknown.

        Raises:
            UsageError: the percentage is not from 0 to below 100.
        """
        return self._percentile(self.wait_tail, percent)

    def sojourn(self, percent: float) -> float | None:
        """Return the percentile of the whole time in the system, seconds; as `wait`."""
        return self._percentile(self.sojourn_tail, percent)

    def _percentile(self, tail: Tail | None, percent: float) -> float | None:
        if not 0 <= percent < 100:
            raise UsageError(f"p{percent:g} is not a percentile", "from 0 to below 100, as p99 or p99.9")
        if not self.stable or math.isinf(self.W):
            return math.inf
        return None if tail is None else invert(tail, 1 - percent / 100, self.W or 1.0)

    def as_dict(self, percentiles: Sequence[float] = PERCENTILES) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite or unknown becomes None."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("wait_tail", "sojourn_tail", "parts")
        }
        plain |= {
            "stable": self.stable,
            "wait_percentiles": {f"p{p:g}": self.wait(p) for p in percentiles},
            "sojourn_percentiles": {f"p{p:g}": self.sojourn(p) for p in percentiles},
            "parts": {name: part.as_dict(percentiles) for name, part in self.parts},
        }
        result: dict[str, Any] = finite(plain)
        return result

    def rows(self, percentiles: Sequence[float] = PERCENTILES) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        if not self.stable:
            return [*self._head(), ("unstable", f"grows by {self.growth:.4g} a second"), *self._foot()]
        return [*self._head(), *self._state(), *self._times(percentiles), *self._foot()]

    def _head(self) -> list[Row]:
        return [
            ("system", self.system),
            ("arrivals", f"{self.arrival_rate:.6g}/s"),
            ("offered load", f"{self.offered_load:.4g} workers' worth of work"),
            ("utilisation", f"{self.utilization:.2%}" if self.utilization <= 1 else f"{self.utilization:.4g} busy"),
        ]

    def _state(self) -> list[Row]:
        rows = [("throughput", f"{self.throughput:.6g}/s")]
        rows += [
            (name, f"{value:.4%}") for name, value in (("lost", self.loss), ("abandoned", self.abandoned)) if value
        ]
        known = (("p0, empty", self.p0), ("P(wait)", self.p_wait))
        rows += [(name, f"{value:.6g}") for name, value in known if value is not None]
        return [*rows, ("L, in the system", f"{self.L:.6g}"), ("Lq, waiting", f"{self.Lq:.6g}")]

    def _times(self, percentiles: Sequence[float]) -> list[Row]:
        rows = [("W, in the system", show_seconds(self.W)), ("Wq, waiting", show_seconds(self.Wq))]
        for name, of in (("wait", self.wait), ("sojourn", self.sojourn)):
            told = [(p, of(p)) for p in percentiles]
            text = "  ".join(f"p{p:g} {show_seconds(x)}" for p, x in told if x is not None)
            rows += [(name, text)] if text else []
        return rows

    def _foot(self) -> list[Row]:
        rows = [("formula", self.formula), ("source", self.source)]
        if not self.exact:
            rows.append(("approximation", self.error))
        return rows + [("note", note) for note in self.notes]


def invert(tail: Tail, p: float, scale: float) -> float:
    """Return the smallest t >= 0 with P(T > t) <= p, by doubling from `scale` and halving."""
    if tail(0.0) <= p:
        return 0.0
    low, high = 0.0, scale
    while tail(high) > p:
        low, high = high, 2 * high
        if high > 1e18 * scale:
            return math.inf
    while high - low > _PRECISE * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if tail(middle) > p else (low, middle)
    return high
