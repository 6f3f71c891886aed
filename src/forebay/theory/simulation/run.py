"""One run: the customers of a system, let into its engine; exact where all times are given numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from forebay.theory.laws import Deterministic
from forebay.theory.path import Path
from forebay.theory.simulation.audit import Books
from forebay.theory.simulation.block import Block, Engine
from forebay.theory.simulation.draws import QUANTUM, Seed
from forebay.theory.simulation.engine import open_engine
from forebay.theory.simulation.engine import run as run_all
from forebay.theory.simulation.feed import Batch, Feed
from forebay.theory.simulation.rules import Rules
from forebay.theory.system import System

_FINEST = 10**9
"""Parts of a second to which given times are exact."""
_TIMES = ("arrived", "started", "ended")


class Run:
    """One run of a system.

    Where arrivals and work are clocks (D/D/n/q) time is counted in whole ticks, the greatest that divides both: a float
    is exact for them, and who leaves and who comes at one instant do so at one instant.

    Arguments:
        works: seconds of work of each customer, in the order of arrival, in place of draws.
        compiled: as `open_engine`.

    Raises:
        UsageError: the system cannot be simulated so. Missing: compiled is asked for, and numba is not installed.
    """

    def __init__(
        self, system: System, rules: Rules, seed: Seed, *, works: Sequence[float] | None = None, compiled: bool | None
    ) -> None:
        self._tick = None if works is not None else _tick(system)
        self._rules, self._compiled = rules, compiled
        self._feed = Feed(system if self._tick is None else _in_ticks(system, self._tick), seed, works)
        self._engine: Engine | None = None
        self._books = Books(rules)
        self.work = 0.0
        """Seconds of work that the customers of a path brought."""

    def step(self, size: int = QUANTUM) -> tuple[int, Block]:
        """Let the next customers come; return how many they were (0: there are no more), and who is decided."""
        if self._engine is None:
            self._engine = open_engine(self._rules, self._feed.streams(), compiled=self._compiled)
        batch = self._feed.next(size)
        block = self._engine.feed(batch.T, batch.S, batch.patience, batch.priority)
        self._books.add(batch.S, block, self._engine.inside)
        return len(batch), block if self._tick is None else dataclasses.replace(block, **self._scaled(block))

    def first(self, size: int) -> Path:
        """Return what becomes of the first customers, when they are all; for a run that has not begun."""
        return self._path(self._feed.until(most=size))

    def until(self, seconds: float) -> Path:
        """Return what becomes of all that come before this instant; for a run that has not begun."""
        return self._path(self._feed.until(seconds if self._tick is None else seconds / float(self._tick)))

    @property
    def inside(self) -> int:
        """How many came that are not decided yet."""
        return self._engine.inside if self._engine else 0

    def _path(self, batch: Batch) -> Path:
        self.work = float(batch.S.sum()) * float(self._tick or 1)
        columns = (batch.T, batch.S, batch.patience, batch.priority)
        found = run_all(self._rules, *columns, self._feed.streams(), compiled=self._compiled)
        return found if self._tick is None else dataclasses.replace(found, **self._scaled(found))

    def _scaled(self, block: Block | Path) -> dict[str, Any]:
        return {name: getattr(block, name) * float(self._tick or 1) for name in _TIMES}


def _tick(system: System) -> Fraction | None:
    """Return the longest time that divides those of a system of clocks; None where something is random."""
    eventful = system.patience or system.retrying or system.breaking or math.isfinite(system.population)
    if eventful or system.classes:
        return None
    if not (isinstance(system.arrivals, Deterministic) and isinstance(system.service, Deterministic)):
        return None
    a, s = (Fraction(law.mean).limit_denominator(_FINEST) for law in (system.arrivals, system.service))
    return Fraction(math.gcd(a.numerator * s.denominator, s.numerator * a.denominator), a.denominator * s.denominator)


def _in_ticks(system: System, tick: Fraction) -> System:
    laws = {name: getattr(system, name) for name in ("arrivals", "service")}
    whole = {name: round(Fraction(law.mean).limit_denominator(_FINEST) / tick) for name, law in laws.items()}
    return dataclasses.replace(system, **{name: laws[name].with_mean(float(k)) for name, k in whole.items()})
