"""MAP/PH/n/q: arrivals and work made of phases (M, E_k, H_2, MMPP, any MAP), n workers, exactly, with percentiles.

A level is how many are in the system, its phases are those of the arrivals and of the busy workers. The wait of one
who finds n + j is the time of j + 1 ends, all workers busy; its tail by uniformisation, with infinitely many places
summed up for all j at once: P(Wq > t) = π_n Y(t) 1, where Y' = Y S0 + R Y S1 and Y(0) = (I − R)^−1 (D1 1 ⊗ I).

Sources: M. F. Neuts, "Matrix-Geometric Solutions in Stochastic Models" (1981), chapters 3 and 4; B. Sengupta, "Markov
Processes Whose Steady State Distribution Is Matrix-Exponential with an Application to the GI/PH/1 Queue", Advances in
Applied Probability 21 (1989).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, tee

import numpy as np
from numpy.typing import NDArray

from forebay.theory.models.model import Model
from forebay.theory.models.phases import (
    PHASED,
    PhaseType,
    Workers,
    arrival_process,
    configuration_count,
    dispersion,
    phase_type,
)
from forebay.theory.models.plain import answer, overloaded, plain, stable
from forebay.theory.models.qbd import Levels, rate_matrix, steady_levels
from forebay.theory.models.steps import Steps
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import Markovian, System

Array = NDArray[np.float64]
FORMULA = "quasi-birth-death process of levels and phases"
SOURCE = 'M. F. Neuts, "Matrix-Geometric Solutions in Stochastic Models" (1981), chapters 3 and 4'
PHASES = 256
"""The most phases of a level: about half a second with percentiles."""
_WORK = 5e8
"""The most that (n + q)(phases³ + 5e4) may be: about half a second."""
_STEP = 5e4
"""What a level costs beside its matrices, in the same unit."""
_SETTLED, _SAME = 3e-14, 64
"""A ratio is taken for final when it has varied by less over so many steps."""
_AGREED, _TIMES = 1e-9, 4
"""Two ways are taken to agree when they have differed by less so many times."""
_GONE = 1e-12
"""Eigenvalues of R below it belong to waits too short to be told from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """The blocks of MAP/PH/n: (D0, D1) and n workers of the law."""

    D0: Array
    D1: Array
    law: PhaseType
    n: int

    def within(self, level: int, lost: bool = False) -> Array:
        """Return the rates within a level; `lost`: of those who find no place too."""
        moving = Workers(self.law).moving(min(level, self.n))
        D0 = self.D0 + self.D1 if lost else self.D0
        return np.asarray(np.kron(D0, np.eye(len(moving))) + np.kron(np.eye(len(D0)), moving))

    def up(self, level: int) -> Array:
        """Return the rates from a level to the next."""
        busy = configuration_count(self.n, len(self.law.alpha))
        begins = np.eye(busy) if level >= self.n else Workers(self.law).starting(level)
        return np.asarray(np.kron(self.D1, begins), dtype=float)

    def down(self, level: int) -> Array:
        """Return the rates from a level to the one below."""
        return np.asarray(np.kron(np.eye(len(self.D1)), self.ends(level)), dtype=float)

    def ends(self, level: int) -> Array:
        """Return the rates at which one work ends, and another begins where one waits."""
        workers = Workers(self.law)
        if level <= self.n:
            return workers.ending(level)
        return np.asarray(workers.ending(self.n) @ workers.starting(self.n - 1))


def queue(D0: Array, D1: Array, law: PhaseType, n: int, q: float = math.inf) -> tuple[Queue, Levels]:
    """Return the blocks and the steady state of MAP/PH/n/q; it must be stable, or q finite."""
    of = Queue(D0, D1, law, n)
    if math.isinf(q):
        B = of.down(n + 1)
        R = rate_matrix(B, of.within(n), of.up(n))
        top, N = of.within(n) + R @ B, n
    else:
        R, N = None, n + int(q)
        top = of.within(N, lost=True)
    alike = {n: of.within(n), n + 1: of.down(n + 1)}
    L = [*(of.within(i) if i < n else alike[n] for i in range(N)), top]
    B_all = [of.down(i) if i <= n else alike[n + 1] for i in range(1, N + 1)]
    high = of.up(n)
    return of, steady_levels(L, [of.up(i) if i < n else high for i in range(N)], B_all, R)


def waits(of: Queue, levels: Levels, accepted: float) -> tuple[float, Iterator[float]]:
    """Return θ and, step by step of a Poisson process of that rate, P(one who was accepted still waits).

    Arguments:
        accepted: customers a second.
    """
    S0, S1 = Workers(of.law).moving(of.n), of.ends(of.n + 1)
    rate = float(-S0.diagonal().min())
    stay, end = np.eye(len(S0)) + S0 / rate, S1 / rate
    coming = np.kron(of.D1.sum(axis=1)[:, None], np.eye(len(S0))) / accepted
    if levels.R is None:
        found = np.array([pi @ coming for pi in levels.pi[of.n : -1]]).reshape(-1, len(S0))
        return rate, _of_finite(found, stay, end)
    values = _of_infinite(levels, coming, stay, end)
    if len(of.D1) == 1:
        return rate, _handed_over(values, levels, float(of.D1[0, 0]), rate)
    return rate, _settling(values)


def _of_finite(found: Array, stay: Array, end: Array) -> Iterator[float]:
    while len(found):
        yield float(found.sum())
        after = found @ stay
        after[:-1] += found[1:] @ end
        found = after


def _of_infinite(levels: Levels, coming: Array, stay: Array, end: Array) -> Iterator[float]:
    R, first = levels.R, levels.pi[-1]
    assert R is not None
    Y = np.linalg.solve(np.eye(len(R)) - R, coming)
    while True:
        yield float(first @ Y.sum(axis=1))
        Y = Y @ stay + R @ (Y @ end)


def _handed_over(values: Iterator[float], levels: Levels, arrival_rate: float, rate: float) -> Iterator[float]:
    """Yield the values of a Poisson process of arrivals step by step, until the eigenvalues of R give the same.

    Who begins its work leaves behind those who came during its wait, so Σ π_n R^j 1 z^j is the transform of the wait
    at s = λ(1 − z): the wait is a sum of exponentials of the rates λ(1 − r)/r. Far less work a step; but where the
    eigenvectors are nearly parallel the first values are not to be had so.
    """
    R = levels.R
    assert R is not None
    r, V = np.linalg.eig(R)
    weights = (levels.pi[-1] @ V) * np.linalg.solve(V, np.ones(len(r))) / (1 - r)
    seen = abs(r) > _GONE
    factors = 1 - arrival_rate * (1 - r[seen]) / (r[seen] * rate)
    terms, agreed = weights[seen], 0
    if abs(factors).max(initial=0.0) >= 1:
        factors = np.full(len(factors), np.nan)
    for value in values:
        yield value
        agreed = agreed + 1 if abs(float(terms.sum().real) - value) < _AGREED else 0
        terms = terms * factors
        if agreed == _TIMES:
            break
    while True:
        yield max(0.0, float(terms.sum().real))
        terms = terms * factors


def _settling(values: Iterator[float]) -> Iterator[float]:
    """Yield what falls geometrically in the end; once the ratio stays the same, only the ratio is used."""
    last: deque[float] = deque(maxlen=_SAME)
    value = 0.0
    for value, after in pairwise(values):
        yield value
        last.append(after / value if value > 1e-300 else 0.0)
        if len(last) == _SAME and max(last) - min(last) < _SETTLED:
            break
    while last:
        value *= last[-1]
        yield value


def _followed(values: Iterator[float], law: PhaseType, rate: float) -> Iterator[float]:
    """Yield P(one is still in the system): waits by `values`, or is in work by the law."""
    stay = np.eye(len(law.T)) + law.T / rate
    waiting = next(values, 0.0)
    work = (1 - waiting) * law.alpha
    while True:
        yield waiting + float(work.sum())
        after = next(values, 0.0)
        work = work @ stay + (waiting - after) * law.alpha
        waiting = after


def tails(of: Queue, levels: Levels, accepted: float) -> tuple[Tail, Tail]:
    """Return P(Wq > t) and P(W > t) of the accepted under FIFO."""
    rate, values = waits(of, levels, accepted)
    alone, with_work = tee(values)
    return Steps(rate, alone), Steps(rate, _followed(with_work, of.law, rate))


def size(system: System, arrival_phases: int, work_phases: int) -> float:
    """Return how many phases a level has; inf where all the levels together are too much work."""
    phases = arrival_phases * configuration_count(int(system.n), work_phases)
    levels = system.n if math.isinf(system.q) else system.places
    return phases if phases <= PHASES and levels * (phases**3 + _STEP) <= _WORK else math.inf


def fits(system: System) -> bool:
    """Whether arrivals and work are made of phases, and the matrices not too large."""
    if not plain(system) or not isinstance(system.arrivals, (*PHASED, Markovian)):
        return False
    if not isinstance(system.service, PHASED) or math.isinf(system.n):
        return False
    arrivals, work = arrival_process(system.arrivals)[0], phase_type(system.service).alpha
    return size(system, len(arrivals), len(work)) <= PHASES


def solve(system: System) -> Solution:
    """Return the steady state of MAP/PH/n/q."""
    D0, D1 = arrival_process(system.arrivals)
    return solve_phases(system, D0, D1, phase_type(system.service))


def solve_phases(system: System, D0: Array, D1: Array, law: PhaseType, error: str = "") -> Solution:
    """Return the steady state of a plain system with such arrivals and work; `error`: where these stand for others."""
    if math.isinf(system.q) and not stable(system):
        return overloaded(system, FORMULA, SOURCE, error)
    of, levels = queue(D0, D1, law, int(system.n), system.q)
    lost = _coming(of, levels.pi[-1]) / system.arrival_rate if levels.R is None else 0.0
    accepted = system.arrival_rate * (1 - lost)
    no_wait = sum(_coming(of, levels.pi[i]) for i in range(of.n)) / accepted
    return answer(
        system,
        FORMULA,
        SOURCE,
        Lq=levels.mean_above(of.n),
        p0=max(0.0, levels.mass(0)),
        p_wait=max(0.0, 1 - no_wait),
        loss=lost,
        tails=tails(of, levels, accepted),
        error=error,
        notes=_bursts(D0, D1) if isinstance(system.arrivals, Markovian) else (),
    )


def _coming(of: Queue, pi: Array) -> float:
    """Return the rate of those who find this level."""
    return float(pi.reshape(len(of.D1), -1).sum(axis=1) @ of.D1.sum(axis=1))


def _bursts(D0: Array, D1: Array) -> tuple[str, ...]:
    index = dispersion(D0, D1)[1]
    return (f"index of dispersion of the arrivals: {index:.4g} (a Poisson process has 1)",)


MODELS = (Model("MAP/PH/n/q", fits, solve),)
