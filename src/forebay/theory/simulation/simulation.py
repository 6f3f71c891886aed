"""What a simulation says of a system: the quantities of a Solution, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.path import Path
from forebay.theory.result import Result, Row, finite
from forebay.theory.simulation.estimate import NOTHING, Estimate
from forebay.theory.simulation.tally import Batches
from forebay.theory.simulation.wave import Wave, show
from forebay.theory.solution import PERCENTILES

QUANTITIES = ("arrival_rate", "throughput", "utilization", "loss", "abandoned", "p_wait", "L", "Lq", "W", "Wq")
NAMES = {
    "arrival_rate": "arrivals",
    "throughput": "throughput",
    "utilization": "utilisation",
    "loss": "lost",
    "abandoned": "abandoned",
    "p_wait": "P(wait)",
    "L": "L, in the system",
    "Lq": "Lq, waiting",
    "W": "W, in the system",
    "Wq": "Wq, waiting",
}
RARE = ("loss", "abandoned")
"""What is told only where it happens."""
TIMES = ("wait", "sojourn")
"""What has percentiles."""
UNITS = {"arrival_rate": "/s", "throughput": "/s", "W": "s", "Wq": "s"}


@dataclass(frozen=True, slots=True)
class Simulation(Result):
    """A simulated system. Times are seconds; the quantities are those of a Solution, as Estimates; None: not measured.

    Arguments:
        system: as the notation writes it.
        engine: compiled or pure; the numbers do not depend on it. seed: the same seed, the same numbers.
        customers: how many the numbers are from. warmup: how many before them were left away.
        batches: of how many batches, periods or replications the intervals are.
        of: the quantity whose interval decides when it is enough. precision: half of its width as a share of it, that
            was asked for; 0: a run of a given length. reached: whether it was reached.
        growth: what the number in the system grows by, a second, where there is no steady state; then no mean is told.
        wave: what a load that changes with time does.
        parts: the same by class, the most urgent first.
        path: what became of every customer, when that was asked for.
    """

    system: str
    engine: str
    seed: int
    customers: int
    warmup: int
    batches: int
    of: str
    precision: float
    reached: bool
    arrival_rate: Estimate | None = None
    throughput: Estimate | None = None
    utilization: Estimate | None = None
    loss: Estimate | None = None
    abandoned: Estimate | None = None
    p_wait: Estimate | None = None
    L: Estimate | None = None
    Lq: Estimate | None = None
    W: Estimate | None = None
    Wq: Estimate | None = None
    growth: Estimate | None = None
    wave: Wave | None = None
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, Simulation], ...] = ()
    path: Path | None = field(default=None, repr=False, compare=False)
    times: Batches | None = field(default=None, repr=False, compare=False)

    @property
    def stable(self) -> bool:
        """Whether there is a steady state."""
        return self.growth is None

    def wait(self, percent: float) -> Estimate:
        """Return the percentile of the wait of the accepted, seconds; nan where it was not measured.

        Raises:
            UsageError: the percentage is not from 0 to below 100.
        """
        share = _share(percent)
        return NOTHING if self.times is None or self.p_wait is None else self.times.waits.quantile(share)

    def sojourn(self, percent: float) -> Estimate:
        """Return the percentile of the whole time in the system, seconds; as `wait`."""
        share = _share(percent)
        return NOTHING if self.times is None else self.times.sojourns.quantile(share)

    def as_dict(self, percentiles: Sequence[float] = PERCENTILES) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; the path has its own."""
        kept = [name for name in self.__dataclass_fields__ if name not in ("path", "times", "parts", "wave")]
        plain: dict[str, Any] = {name: _plain(getattr(self, name)) for name in kept}
        plain |= {
            "stable": self.stable,
            "wait_percentiles": {f"p{p:g}": self.wait(p).as_dict() for p in percentiles},
            "sojourn_percentiles": {f"p{p:g}": self.sojourn(p).as_dict() for p in percentiles},
            "wave": self.wave.as_dict() if self.wave else None,
            "parts": {name: part.as_dict(percentiles) for name, part in self.parts},
        }
        result: dict[str, Any] = finite(plain)
        return result

    def rows(self, percentiles: Sequence[float] = PERCENTILES) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        head = [("system", self.system)]
        if self.growth is not None:
            grows = ("unstable", f"grows by {show(self.growth)} a second")
            return [*head, grows, *self._foot()]
        rows = [*head, *self._quantities(), *self._percentiles(percentiles)]
        rows += self.wave.rows() if self.wave else []
        for name, part in self.parts:
            rows += [(f"{name}: {row}", text) for row, text in (*part._quantities(), *part._percentiles(percentiles))]
        return [*rows, *self._foot()]

    def _quantities(self) -> list[Row]:
        rows = []
        for name in QUANTITIES:
            estimate: Estimate | None = getattr(self, name)
            if estimate is not None and (estimate.value or name not in RARE):
                rows.append((NAMES[name], show(estimate, UNITS.get(name, ""))))
        return rows

    def _percentiles(self, percentiles: Sequence[float]) -> list[Row]:
        rows = []
        for name in TIMES:
            found = [(p, getattr(self, name)(p)) for p in percentiles]
            text = "  ".join(f"p{p:g} {show_seconds(x.value)}" for p, x in found if not math.isnan(x.value))
            rows += [(name, text)] if text else []
        return rows

    def _foot(self) -> list[Row]:
        used = f"{self.customers:,} customers"
        if self.stable:
            used += f" in {self.batches} batches, behind {self.warmup:,} of warm-up"
        enough = f"{self.precision:.3g} of {self.of}: {'reached' if self.reached else 'not reached'}"
        rows = [("simulated", f"{used}; seed {self.seed}, {self.engine} engine")]
        rows += [("precision", enough)] if self.stable and self.precision else []
        return rows + [("note", note) for note in self.notes]


def _share(percent: float) -> float:
    if not 0 <= percent < 100:
        raise UsageError(f"p{percent:g} is not a percentile", "from 0 to below 100, as p99 or p99.9")
    return percent / 100


def _plain(value: Any) -> Any:
    return value.as_dict() if isinstance(value, Estimate) else value
