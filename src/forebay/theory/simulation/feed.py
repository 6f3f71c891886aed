"""What a system lets into an engine, block by block: who comes when, with what work, how patient, how urgent."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.theory.laws import Law
from forebay.theory.path import Seconds
from forebay.theory.simulation.arrivals import Instants, instants
from forebay.theory.simulation.block import Streams
from forebay.theory.simulation.draws import QUANTUM, Draws, Purpose, Seed
from forebay.theory.system import System

_PORTION = 1024
"""Customers drawn first, where nobody knows how many come before an instant; then twice as many, and so on."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Customers to feed an engine with: the arguments of `Engine.feed`, views of buffers that the next ones fill."""

    T: Seconds
    S: Seconds
    patience: Seconds | None
    priority: NDArray[np.int32] | None

    def __len__(self) -> int:
        return len(self.T)


class Feed:
    """The customers of a system, drawn from one seed.

    Arguments:
        works: seconds of work of each, in the order of arrival, in place of draws from the law of the system; the
            feed ends with them.

    Raises:
        UsageError: the arrivals cannot be drawn; more works than one each in a closed system.
    """

    def __init__(self, system: System, seed: Seed, works: Sequence[float] | None = None) -> None:
        self.system, self._seed = system, seed
        closed = np.isfinite(system.population)
        self._coming: Instants = _thinking(system, seed) if closed else instants(system, seed)
        self._works = None if works is None else np.asarray(works, dtype=np.float64)
        self._T, self._S = np.empty(QUANTUM), np.empty(QUANTUM)
        self._patience = seed.times(system.patience, Purpose.PATIENCE) if system.patience else None
        self._patient = np.empty(QUANTUM if system.patience else 0)
        self._services = [seed.times(law, Purpose.SERVICES, k) for k, law in enumerate(_services(system))]
        self._shares = seed.shares(Purpose.CLASSES)
        self._drawn = 0

    def next(self, size: int = QUANTUM) -> Batch:
        """Return the next customers: at most `size` (QUANTUM or less), fewer only at the end of a trace."""
        if self._works is not None:
            size = min(size, len(self._works) - self._drawn)
        count = self._coming(self._T[:size])
        T, S = self._T[:count], self._S[:count]
        priority = self._classes(count) if len(self._services) > 1 else None
        self._work(S, priority)
        self._drawn += count
        return Batch(T, S, self._patiences(count), priority)

    def until(self, seconds: float = math.inf, most: int | None = None) -> Batch:
        """Return all that come before this instant, at most so many, in arrays of their own, to be taken once."""
        parts: list[Batch] = []
        size, left = _PORTION, math.inf if most is None else most
        while left > 0:
            parts.append(_copy(self.next(int(min(left, size)))))
            left -= len(parts[-1])
            size = min(2 * size, QUANTUM)
            if not len(parts[-1]) or parts[-1].T[-1] >= seconds:
                break
        T = np.concatenate([part.T for part in parts])
        end = len(T) if math.isinf(seconds) else int(np.searchsorted(T, seconds))
        S, patience, priority = (_joined(parts, name, end) for name in ("S", "patience", "priority"))
        return Batch(T[:end], S, patience, priority)

    def streams(self) -> Streams:
        """Return the numbers of which nobody knows beforehand how many are needed."""
        seed, retrying, breaking = self._seed, self.system.retrying, self.system.breaking
        return Streams(
            choices=seed.shares(Purpose.CHOICES),
            returns=seed.shares(Purpose.RETURNS),
            delays=seed.times(retrying.after, Purpose.DELAYS) if retrying else None,
            ups=seed.times(breaking.up, Purpose.UPS) if breaking else None,
            downs=seed.times(breaking.down, Purpose.DOWNS) if breaking else None,
        )

    def _work(self, out: Seconds, priority: NDArray[np.int32] | None) -> None:
        if self._works is not None:
            out[:] = self._works[self._drawn : self._drawn + len(out)]
        elif priority is None:
            self._services[0](out)
        else:
            for k, draws in enumerate(self._services):
                mine = np.flatnonzero(priority == k)
                works = np.empty(len(mine))
                draws(works)
                out[mine] = works

    def _classes(self, count: int) -> NDArray[np.int32]:
        """Return who is of which class: each with the probability of its share of the arrivals."""
        rates = np.cumsum([one.arrival_rate for one in self.system.classes])
        shares = np.empty(count)
        self._shares(shares)
        return np.searchsorted(rates[:-1] / rates[-1], shares, side="right").astype(np.int32)

    def _patiences(self, count: int) -> Seconds | None:
        if self._patience is None:
            return None
        self._patience(self._patient[:count])
        return self._patient[:count]


def _services(system: System) -> list[Law]:
    return [one.service for one in system.classes] or [system.service]


def _thinking(system: System, seed: Seed) -> Instants:
    if not isinstance(system.arrivals, Law):
        raise UsageError("with a finite population the arrivals are the law of a time to think", "--think 1s")
    draws: Draws = seed.times(system.arrivals, Purpose.ARRIVALS)

    def fill(out: Seconds) -> int:
        draws(out)
        return len(out)

    return fill


def _copy(batch: Batch) -> Batch:
    patience = None if batch.patience is None else batch.patience.copy()
    return Batch(batch.T.copy(), batch.S.copy(), patience, batch.priority)


def _joined(parts: Sequence[Batch], name: str, end: int) -> Any:
    columns = [getattr(part, name) for part in parts]
    return None if columns[0] is None else np.concatenate(columns)[:end]
