"""What a formula says of a system in its steady state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.percentiles import Percentiles, Tail
from forebay.theory.result import Result, Row, finite

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
AT_ITS_LIMIT = "at its limit; the backlog grows like the square root of time"


@dataclass(frozen=True, slots=True)
class Solution(Result):
    """The steady state of one queueing system. Times are seconds; what a formula does not give is None.

    Arguments:
        system: as the notation writes it.
        formula: which was used. source: where it is from (author, title, equation).
        offered_load: a = λE[S], how many workers the work would keep busy.
        utilization: ρ, the share of their time that workers work (the mean number in service where n is infinite).
        growth: what the backlog grows by, a second, where there is too much work. Then L, W and the like are inf.
        critical: whether there is just as much work as can be done, without end: growth is 0, and L, W are inf all the
            same.
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
    critical: bool = False
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
        return self.growth == 0 and not self.critical

    def wait(self, percent: float) -> float | None:
        """Return the percentile of the wait of the accepted, seconds; inf where unstable, None where unknown.

        Raises:
            UsageError: the percentage is not from 0 to below 100.
        """
        return self._percentiles(self.wait_tail, (percent,))[0]

    def sojourn(self, percent: float) -> float | None:
        """Return the percentile of the whole time in the system, seconds; as `wait`."""
        return self._percentiles(self.sojourn_tail, (percent,))[0]

    def _percentiles(self, tail: Tail | None, percents: Sequence[float]) -> list[float | None]:
        for percent in percents:
            if not 0 <= percent < 100:
                raise UsageError(f"p{percent:g} is not a percentile", "from 0 to below 100, as p99 or p99.9")
        if not self.stable or math.isinf(self.W):
            return [math.inf] * len(percents)
        if tail is None:
            return [None] * len(percents)
        found = Percentiles(tail, self.W or 1.0)
        return [found(1 - percent / 100) for percent in percents]

    def as_dict(self, percentiles: Sequence[float] = PERCENTILES) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite or unknown becomes None."""
        names = [f"p{percent:g}" for percent in percentiles]
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("wait_tail", "sojourn_tail", "parts")
        }
        plain |= {
            "stable": self.stable,
            "wait_percentiles": dict(zip(names, self._percentiles(self.wait_tail, percentiles), strict=True)),
            "sojourn_percentiles": dict(zip(names, self._percentiles(self.sojourn_tail, percentiles), strict=True)),
            "parts": {name: part.as_dict(percentiles) for name, part in self.parts},
        }
        result: dict[str, Any] = finite(plain)
        return result

    def rows(self, percentiles: Sequence[float] = PERCENTILES) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        if not self.stable:
            grows = AT_ITS_LIMIT if self.critical else f"grows by {self.growth:.4g} a second"
            return [*self._head(), ("unstable", grows), *self._foot()]
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
        for name, tail in (("wait", self.wait_tail), ("sojourn", self.sojourn_tail)):
            found = zip(percentiles, self._percentiles(tail, percentiles), strict=True)
            text = "  ".join(f"p{p:g} {show_seconds(x)}" for p, x in found if x is not None)
            rows += [(name, text)] if text else []
        return rows

    def _foot(self) -> list[Row]:
        rows = [("formula", self.formula), ("source", self.source)]
        if not self.exact:
            rows.append(("approximation", self.error))
        return rows + [("note", note) for note in self.notes]
