"""A queueing system A/B/n/q, asked about: who comes, what the work is, how many workers, how many places.

`notation.read` makes one from ``M/M/3/8``; `solve`, `simulate`, `draw` and `plan` answer.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.laws import Law

Matrix = tuple[tuple[float, ...], ...]


class Load(Protocol):
    """An arrival rate that changes with time; the profiles of the cannon are such."""

    def rate(self, t: float) -> float:
        """Return S(t), per second, at t seconds from the beginning."""
        ...

    def cumulative(self, t: float) -> float:
        """Return Λ(t) = ∫S from 0 to t."""
        ...


@dataclass(frozen=True, slots=True)
class Varying:
    """Arrivals of a load S(t): random (a Poisson process of that rate) or by a clock (the k-th where Λ(t) = k)."""

    load: Load
    poisson: bool = True


@dataclass(frozen=True, slots=True)
class Markovian:
    """MAP: arrivals that come in bursts. A Markov chain moves by D0 without, and by D1 with an arrival.

    MMPP is the case with a diagonal D1. Source: M. F. Neuts, "Matrix-Geometric Solutions in Stochastic Models" (1981).

    Arguments:
        D0, D1: square matrices of rates, per second; the rows of D0 + D1 sum to 0.
        name: as it was written.
    """

    D0: Matrix
    D1: Matrix
    name: str = "MAP"

    @property
    def rate(self) -> float:
        """λ = π D1 1, arrivals a second, π the steady state of the chain."""
        import numpy as np

        D1 = np.array(self.D1)
        balance = np.vstack([(np.array(self.D0) + D1).T, np.ones(len(D1))])
        pi = np.linalg.lstsq(balance, np.eye(len(D1) + 1)[-1], rcond=None)[0]
        return float(pi @ D1.sum(axis=1))


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals that were measured: instants in seconds, rising."""

    instants: tuple[float, ...]
    name: str = "trace"

    @property
    def rate(self) -> float:
        """Arrivals a second, from the first to the last."""
        seconds = self.instants[-1] - self.instants[0] if self.instants else 0.0
        return (len(self.instants) - 1) / seconds if seconds else math.inf


Arrivals = Law | Varying | Markovian | Trace
"""Who comes: a Law is that of the time between two arrivals."""


@dataclass(frozen=True, slots=True)
class Class:
    """Messages of one priority: their arrival rate a second, and the law of their work."""

    arrival_rate: float
    service: Law


@dataclass(frozen=True, slots=True)
class Retrying:
    """Who finds no place comes again after a time of this law, with this probability, at most so often in all."""

    after: Law
    share: float = 1.0
    attempts: float = math.inf


@dataclass(frozen=True, slots=True)
class Breaking:
    """A worker breaks down after a time of the law `up` and is back after one of the law `down`.

    Arguments:
        redelivery: seconds until the work in hand is given to another (a lease, an acknowledgement timeout); then it
            begins anew. None: the worker itself resumes it where it stopped.
        idle_too: whether a worker without work breaks as well.
    """

    up: Law
    down: Law
    redelivery: float | None = None
    idle_too: bool = True


@dataclass(frozen=True, slots=True)
class System:
    """A/B/n/q and what else may be said of it; frozen.

    Arguments:
        arrivals: A. With a finite `population`, the law of the time that each of them thinks before it comes again.
        service: B, of one worker.
        n: workers; inf where there is one for each.
        q: waiting places, those in work not counted; inf: no limit, 0: loss.
        batch: how many come at each arrival.
        population: how many there are at all (wrk -c); inf: an open system.
        discipline: which of the waiting is next.
        patience: how long one waits before it leaves; None: for ever.
        classes: priorities, the most urgent first; then `arrivals` and `service` are those of all together.
        preemptive: whether the more urgent interrupts work; it is resumed later.
        retrying: what they do who find no place. breaking: what happens to workers.
        backlog: how many wait at the beginning.

    Raises:
        UsageError: a number that has no meaning.
    """

    arrivals: Arrivals
    service: Law
    n: float = 1
    q: float = math.inf
    batch: int = 1
    population: float = math.inf
    discipline: Discipline = Discipline.FIFO
    patience: Law | None = None
    classes: tuple[Class, ...] = ()
    preemptive: bool = False
    retrying: Retrying | None = None
    breaking: Breaking | None = None
    backlog: int = 0

    def __post_init__(self) -> None:
        for name, number, least in (("n", self.n, 1), ("q", self.q, 0), ("population", self.population, 1)):
            if not (number >= least and (math.isinf(number) or number == int(number))):
                raise UsageError(
                    f"{name} = {number:g} is not possible", f"{name} is a whole number from {least}, or inf"
                )
        if self.service.mean == 0:
            raise UsageError("work that takes no time", "a service time has a mean above 0")
        if self.batch < 1 or self.backlog < 0:
            raise UsageError("nobody comes in a batch, or fewer than none wait", "batch >= 1, backlog >= 0")
        if self.discipline not in tuple(Discipline):
            raise UsageError(f"{self.discipline!r} is no discipline", f"one of {', '.join(Discipline)}")
        object.__setattr__(self, "discipline", Discipline(self.discipline))  # also given by its name

    @property
    def places(self) -> float:
        """K = n + q: how many may be in the system."""
        return self.n + self.q

    @property
    def arrival_rate(self) -> float:
        """λ, customers a second; with a finite population, those that all of them together would bring.

        Raises:
            UsageError: the rate changes with time.
        """
        if isinstance(self.arrivals, Varying):
            raise UsageError(
                "the arrivals change with time: there is no steady state",
                "forebay plan and forebay simulate take them; forebay solve takes a rate, as 50/s",
            )
        if isinstance(self.arrivals, Law):
            mean, crowd = self.arrivals.mean, 1.0 if math.isinf(self.population) else self.population
            return self.batch * crowd / mean if mean else math.inf
        return self.batch * self.arrivals.rate

    @property
    def offered_load(self) -> float:
        """a = λE[S], how many workers the work would keep busy."""
        return self.arrival_rate * self.service.mean
