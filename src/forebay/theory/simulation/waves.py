"""A load that changes with time: wave after wave of one period, or one stretch of time again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.path import Path
from forebay.theory.simulation.draws import Seed
from forebay.theory.simulation.effort import Effort
from forebay.theory.simulation.estimate import NOTHING, Estimate, Numbers, of_mean
from forebay.theory.simulation.quantities import decisive, of_customers, of_steady_state
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.run import Run
from forebay.theory.simulation.tally import Batches, Observed, Sum, Tally
from forebay.theory.simulation.warmup import cut
from forebay.theory.simulation.wave import Seen, Steps, Wave, watch
from forebay.theory.system import System

_FEWEST = 16
"""Waves before anything is said of them."""
_CUSTOMERS = 200_000
"""In one stretch of periods, whose paths are kept while it is looked at."""
_MOST = 1_000_000
"""The same, where much of it is warm-up."""
_TIMES_WARMUP = 10
_PERIODS = 32
_MET = ("arrival_rate", "loss", "abandoned", "p_wait", "W", "Wq")
"""What is told of a stretch of time, beside its peak."""
_LONGEST = 4096
"""Periods in a stretch: if its warm-up has not ended by then, it has none."""


@dataclass(slots=True)
class Waves:
    """What was seen of the waves so far."""

    tally: Tally = field(default_factory=lambda: Tally(whole=True))
    rows: list[tuple[float, float, float, float, Numbers]] = field(default_factory=list)

    def add(self, path: Path, begin: float, seconds: float, part: slice, waiting: Steps, observed: Observed) -> None:
        """Add one wave of a path.

        Arguments:
            part: who came in it. waiting: `Path.waiting` of the path. observed: its columns.
        """
        peak, drained, backlog = watch(waiting, begin, seconds)
        wait = observed.wait[part]
        longest = float(wait.max()) if len(wait) else 0.0
        span = seconds if math.isfinite(seconds) else float(path.arrived[-1] - begin) if len(path) else 0.0
        self.tally.add_whole(observed, part, span)
        self.rows.append((peak, drained, longest, float(observed.lost[part].sum()), backlog))

    def wave(self, seconds: float) -> Wave:
        """Return the summary."""
        return Wave.of(Seen(*(np.array(column) for column in zip(*self.rows, strict=True))), seconds)

    @property
    def peak(self) -> Estimate:
        """Mean of the largest backlog."""
        return of_mean(np.array([row[0] for row in self.rows]))


def again(
    system: System,
    rules: Rules,
    seed: int,
    effort: Effort,
    seconds: float,
    replications: int | None,
    works: Sequence[float] | None,
    of: str | None,
    compiled: bool | None,
) -> dict[str, Any]:
    """Return the fields of a Simulation of one stretch of time, begun again and again until its peak is known.

    Everybody who came is worked off after the end. What customers meet is that of those who come: a backlog is in their
    way, but since when it waited is not known.

    Arguments:
        seconds: how long customers come; inf: until a trace ends. replications: how often; None: as often as it takes.
        of: the quantity that decides; None: the peak.
    """
    if math.isfinite(system.population):
        raise UsageError("a finite population has no wave", "simulate it without a time: leave --for out")
    if of not in (None, *_MET):
        raise UsageError(f"{of} is that of a steady state", f"leave --for out, or ask for one of {', '.join(_MET)}")
    waves, path, reached, look = Waves(), None, False, _FEWEST
    while not reached:
        run = Run(system, rules, Seed(seed, len(waves.rows)), works=works, compiled=compiled)
        path = run.until(seconds)
        whole = slice(min(system.backlog, len(path)), len(path))
        waves.add(path, 0.0, seconds, whole, path.waiting(), Observed(path))
        seen = len(waves.rows)
        if seen >= look:
            look = math.ceil(1.25 * seen)
            estimate = _met(waves, rules, system)[of] or NOTHING if of else waves.peak
            effort.tell(waves.tally.came, estimate)
            reached = replications is None and effort.enough(estimate)
        reached = reached or seen == replications
        if effort.out(waves.tally.came):
            break
    batches = waves.tally.whole()
    length = seconds if math.isfinite(seconds) else float(path.arrived[-1]) if path is not None and len(path) else 0.0
    found: dict[str, Any] = _met(waves, rules, system)
    return found | _fields(waves, batches, length, 0) | {"of": of or "peak", "reached": reached, "path": path}


def _met(waves: Waves, rules: Rules, system: System) -> dict[str, Estimate | None]:
    """Return what those who came met, by the names of `_MET`."""
    batches = waves.tally.whole()
    return of_customers(batches, rules, system.service) | {"arrival_rate": batches.ratio(Sum.CAME, Sum.SPAN)}


def periodic(
    system: System, rules: Rules, seed: int, effort: Effort, period: float, of: str | None, compiled: bool | None
) -> dict[str, Any]:
    """Return the fields of a Simulation of a load that repeats itself: each period is a batch.

    Stretches of periods are followed; the first of each, until MSER says that the beginning is forgotten, and the last
    are left away.

    Arguments:
        of: the quantity that decides; None: chosen by what happens.
    """
    waves, reached, dropped, name = Waves(), False, 0, of or "Wq"
    stretch = _Stretch(system, rules, seed, period, effort, compiled)
    while not reached:
        dropped += stretch.add_to(waves)
        batches = waves.tally.whole()
        name = of or decisive(batches, rules)
        estimate = of_steady_state(batches, rules, system.service)[name] or NOTHING
        effort.tell(waves.tally.came, estimate)
        reached = len(waves.rows) >= _FEWEST and batches.independent and effort.enough(estimate)
        if effort.out(waves.tally.came):
            break
    batches = waves.tally.whole()
    found: dict[str, Any] = of_steady_state(batches, rules, system.service)
    correlated = "the waves are still correlated: the intervals are too narrow"
    unsettled = "the waves had not settled when the time was over: there may be no steady state"
    found["notes"] = (*[correlated][: not batches.independent], *[unsettled][: not stretch.settled])
    return found | _fields(waves, batches, period, dropped) | {"of": name, "reached": reached, "path": stretch.path}


class _Stretch:
    """Periods of one run after the other."""

    def __init__(
        self, system: System, rules: Rules, seed: int, period: float, effort: Effort, compiled: bool | None
    ) -> None:
        self._system, self._rules, self._seed, self._period, self._compiled = system, rules, seed, period, compiled
        self._effort = effort
        load: Any = getattr(system.arrivals, "load", None)
        self._each = system.batch * load.cumulative(period)
        self._periods = max(_PERIODS, math.ceil(_CUSTOMERS / self._each))
        self._done = 0
        self._warm: int | None = None  # found in the first stretch, and left away in each
        self.path: Path | None = None

    @property
    def settled(self) -> bool:
        """Whether the end of its warm-up was seen."""
        return self._warm is not None

    def add_to(self, waves: Waves) -> int:
        """Follow one more stretch, add its waves, and return how many customers of its beginning are left away."""
        while True:
            run = Run(self._system, self._rules, Seed(self._seed, self._done), compiled=self._compiled)
            path = self.path = run.until(self._periods * self._period)
            self._done += 1
            observed = Observed(path)
            bounds = np.searchsorted(path.arrived, self._period * np.arange(self._periods + 1))
            counts = np.maximum(np.diff(bounds), 1)
            running = np.append(0.0, np.cumsum(observed.wait))
            if self._warm is None:
                self._warm = cut(np.diff(running[bounds]) / counts)
            if self._warm is not None or self._periods >= _LONGEST or self._effort.late:
                break
            self._periods *= 2
        first, waiting = max(1, self._periods // 2 if self._warm is None else self._warm), path.waiting()
        for k in range(first, self._periods - 1):
            part = slice(int(bounds[k]), int(bounds[k + 1]))
            waves.add(path, k * self._period, self._period, part, waiting, observed)
        self._periods = max(self._periods, min(_TIMES_WARMUP * first, math.ceil(_MOST / self._each)))
        return int(bounds[first])


def _fields(waves: Waves, batches: Batches, seconds: float, dropped: int) -> dict[str, Any]:
    return {
        "customers": waves.tally.came,
        "warmup": dropped,
        "batches": len(batches.sums),
        "wave": waves.wave(seconds),
        "times": batches,
    }
