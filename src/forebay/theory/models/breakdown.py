"""Breakdowns: workers that stop now and then, for a time, and what becomes of the work in their hands.

    M/G/1, resumed    L = ρ + λ²E[C²]/2(1 − ρ) + λ f E[D²]/2(1 + f E[D]), ρ = λE[C]; the last term where it also breaks
                      without work. For M/M/1 that is λ((f + r)² + μf)/((f + r)(rμ − λ(f + r)))
    M/M/n/q, resumed  a chain of levels (the number in the system) and phases (broken at work, broken without)
    M/G/n, anew       a broken worker's message goes to another after the lease: an approximation by completion times

C is the completion time (see `completion`), f the rate of breakdowns, D a repair, r = 1/E[D]. Sources: H. White,
L. S. Christie, "Queuing with preemptive priorities or with breakdown" (1958); B. Avi-Itzhak, P. Naor, "Some queuing
problems with the service station subject to breakdown" (1963); S. W. Fuhrmann, R. B. Cooper, "Stochastic decompositions
in the M/G/1 queue with generalized vacations" (1985).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from typing import Any

import numpy as np

from forebay.theory.laws import Exponential, General, Law
from forebay.theory.models.completion import Completion, begun_anew, resumed
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.model import Model
from forebay.theory.models.passage import tail_of
from forebay.theory.models.qbd import Array, Levels, rate_matrix, steady_levels
from forebay.theory.models.steady import asked, growing, markovian, poisson, steady, too_much
from forebay.theory.models.transforms import Complex, transform
from forebay.theory.solution import Solution
from forebay.theory.system import Breaking, System

AVI_ITZHAK = "B. Avi-Itzhak, P. Naor, Some queuing problems with the service station subject to breakdown (1963)"
WHITE = "H. White, L. S. Christie, Queuing with preemptive priorities or with breakdown (1958); by levels"
RESUMED = "the wait may be 10 % too short; check with forebay simulate"
ANEW = (
    "W was up to 10 % too long and 5 % too short, the wait up to 15 %, in simulations of M/M/n and M/D/n at 30 to 90 % "
    "load, leases of 0.2 to 10 service times, at most one breakdown in 10 of them"
)
LAST = "the wait ends when the work is begun for the last time"
_MOST_WORKERS = 12
_MOST_LEVELS = 2000


def breakdown_length(lam: float, mu: float, f: float, r: float) -> float:
    """Return L of M/M/1 whose worker breaks down at rate f, with work or without, and is repaired at rate r.

    Source: H. White, L. S. Christie (1958); B. Avi-Itzhak, P. Naor (1963). It is inf in overload.
    """
    spare = r * mu - lam * (f + r)
    return lam * ((f + r) ** 2 + mu * f) / ((f + r) * spare) if spare > 0 else math.inf


def redelivery_completion(service: Law, breaks: Law, repair: Law) -> float:
    """Return E[C] = (E[e^(fS)] − 1)(1/f + E[D]), seconds, of work that begins anew after every breakdown.

    Arguments:
        breaks: the (exponential) law of the time to a breakdown. repair: D.
    """
    return begun_anew(service, 1 / breaks.mean, repair).mean


def _solve_single(system: System) -> Solution:
    """M/G/1: Pollaczek and Khinchine with completion times, and the repair that the first of a busy time may find."""
    breaking, lam = _breaking(system), system.arrival_rate
    f, D = 1 / breaking.up.mean, breaking.down
    C = resumed(system.service, f, D)
    formula = "M/G/1 with breakdowns, work is resumed"
    if too_much(lam * C.mean, 1):
        return growing(system, formula, AVI_ITZHAK, lam - 1 / C.mean, utilization=1 - _away(breaking))
    rho, broken = lam * C.mean, f * D.mean / (1 + f * D.mean) if breaking.idle_too else 0.0
    found = broken * D.moment(2) / (2 * D.mean)
    Wq = lam * C.second / (2 * (1 - rho)) + found
    return steady(
        system,
        formula,
        AVI_ITZHAK,
        Wq=Wq,
        W=Wq + C.mean,
        p_wait=1 - (1 - rho) * (1 - broken),
        notes=_notes(breaking, C),
        **_single_tails(system, rho, f, broken),
    )


def _single_tails(system: System, rho: float, f: float, broken: float) -> dict[str, Any]:
    """Return P(empty) and the tails: the wait of M/G/1 with C, then the rest of a repair with probability `broken`."""
    D_law, S = _breaking(system).down, system.service
    if any(isinstance(law, General) and law.c2 > 0 for law in (D_law, S)):
        return {}
    lam, B, D = system.arrival_rate, transform(S), transform(D_law)

    def completed(s: Complex) -> Complex:
        return B(s + f * (1 - D(s)))

    def waited(s: Complex) -> Complex:
        rest = 1 - broken + broken * (1 - D(s)) / (s * D_law.mean)
        return np.asarray((1 - rho) * s / (s - lam + lam * completed(s)) * rest)

    nobody = 1 - broken + broken * (1 - D_law.transform(complex(lam)).real) / (lam * D_law.mean)
    return {
        "p0": (1 - rho) * nobody,
        "wait_tail": tail_of(waited, 1 - (1 - rho) * (1 - broken)),
        "sojourn_tail": tail_of(lambda s: waited(s) * completed(s)),
    }


def _solve_levels(system: System) -> Solution:
    """M/M/n/q: work stays with the broken worker, who resumes it."""
    breaking, lam, n = _breaking(system), system.arrival_rate, int(system.n)
    C = resumed(system.service, 1 / breaking.up.mean, breaking.down)
    formula = "M/M/n/q with breakdowns, work is resumed, by levels"
    if math.isinf(system.q) and too_much(lam * C.mean, n):
        return growing(system, formula, WHITE, lam - n / C.mean, utilization=1 - _away(breaking))
    mu, f, r = (1 / law.mean for law in (system.service, breaking.up, breaking.down))
    chain = Broken(lam, mu, n, system.q, f, r, breaking.idle_too)
    levels = chain.solve()
    loss = chain.refused(levels)
    accepted = lam * (1 - loss)
    L = levels.mean_above(0)
    Lq = L - accepted * C.mean
    return steady(
        system,
        formula,
        WHITE,
        Wq=Lq / accepted,
        W=L / accepted,
        loss=loss,
        p0=levels.mass(0),
        p_wait=chain.delayed(levels, loss),
        notes=_notes(breaking, C),
    )


class Broken:
    """The chain of M/M/n/q with breakdowns.

    A phase is (i, j): i workers broken with work in hand, j without. At level k (in the system) i <= k, and with q
    waiting places k <= n − j + q: a worker who is broken without work offers no place.

    Arguments:
        lam, mu, f, r: rates of arrivals, work, breakdowns and repairs. idle_too: whether those without work break.
    """

    def __init__(self, lam: float, mu: float, n: int, q: float, f: float, r: float, idle_too: bool) -> None:
        self._rates = lam, mu, f, r
        self._n, self._q, self._idle_too = n, q, idle_too

    def solve(self) -> Levels:
        """Return the steady state."""
        n, top = self._n, self._n + (int(self._q) if math.isfinite(self._q) else 0)
        up = [self._up(k) for k in range(top)]
        down = [self._down(k) for k in range(1, top + 1)]
        local = [self._within(k) for k in range(top + 1)]
        if math.isfinite(self._q):
            return steady_levels(local, up, down)
        B, F = self._down(n + 1), self._up(n)
        R = rate_matrix(B, self._within(n + 1), F)
        local[-1] = local[-1] + R @ B
        return steady_levels(local, up, down, R)

    def refused(self, levels: Levels) -> float:
        """Return P(all waiting places are taken)."""
        if math.isinf(self._q):
            return 0.0
        return sum(
            float(p)
            for k in range(self._n + int(self._q) + 1)
            for (_, j), p in zip(self._phases(k), levels.vector(k), strict=True)
            if not self._admits(k, j)
        )

    def delayed(self, levels: Levels, loss: float) -> float:
        """Return P(an accepted arrival finds no worker that is free and whole)."""
        free = sum(
            float(p)
            for k in range(self._n)
            for (i, j), p in zip(self._phases(k), levels.vector(k), strict=True)
            if k - i < self._n - i - j
        )
        return 1 - free / (1 - loss)

    def _phases(self, k: int) -> list[tuple[int, int]]:
        n, q = self._n, self._q
        return [(i, j) for i in range(min(k, n) + 1) for j in range(n - i + 1) if k <= n - j + q]

    def _admits(self, k: int, j: int) -> bool:
        return k < self._n - j + self._q

    def _busy(self, k: int, i: int, j: int) -> int:
        return min(k - i, self._n - i - j)

    def _up(self, k: int) -> Array:
        index = {phase: at for at, phase in enumerate(self._phases(k + 1))}
        block = np.zeros((len(self._phases(k)), len(index)))
        for at, phase in enumerate(self._phases(k)):
            if phase in index:
                block[at, index[phase]] = self._rates[0]
        return block

    def _down(self, k: int) -> Array:
        index = {phase: at for at, phase in enumerate(self._phases(k - 1))}
        block = np.zeros((len(self._phases(k)), len(index)))
        for at, (i, j) in enumerate(self._phases(k)):
            if busy := self._busy(k, i, j):
                block[at, index[i, j]] = busy * self._rates[1]
        return block

    def _within(self, k: int) -> Array:
        lam, mu, f, r = self._rates
        index = {phase: at for at, phase in enumerate(self._phases(k))}
        block = np.zeros((len(index), len(index)))
        for (i, j), at in index.items():
            busy = self._busy(k, i, j)
            idle = self._n - i - j - busy if self._idle_too else 0
            moves = {(i + 1, j): busy * f, (i, j + 1): idle * f, (i - 1, j): i * r, (i, j - 1): j * r}
            for phase, rate in moves.items():
                if rate:
                    block[at, index[phase]] = rate
            block[at, at] = -(lam * self._admits(k, j) + busy * mu + sum(moves.values()))
        return block


def _solve_anew(system: System) -> Solution:
    """M/G/n: workers are taken for C, a message for the lease again and again."""
    breaking, lam, n = _breaking(system), system.arrival_rate, int(system.n)
    f, lease = 1 / breaking.up.mean, breaking.redelivery
    C = resumed(system.service, f, breaking.down) if lease is None else begun_anew(system.service, f, breaking.down)
    formula, a, notes = "M/G/n with breakdowns, by completion times", lam * C.mean, _notes(breaking, C)
    exact: dict[str, Any] = {"exact": False, "error": RESUMED if lease is None else ANEW}
    if too_much(a, n):
        return growing(
            system, formula, AVI_ITZHAK, lam - n / C.mean, utilization=1 - _away(breaking), notes=notes, **exact
        )
    waits = erlang_c(n, a)
    Wq = waits * C.mean / (n - a) * (1 + C.c2) / 2
    if lease is None:
        return steady(system, formula, AVI_ITZHAK, Wq=Wq, W=Wq + C.mean, p_wait=waits, notes=notes, **exact)
    work, again = C.mean - (C.starts - 1) * breaking.down.mean, (C.starts - 1) * (lease + Wq)
    Wq += work + again - system.service.mean
    return steady(system, formula, AVI_ITZHAK, Wq=Wq, p_wait=waits, notes=(*notes, LAST), **exact)


def _away(breaking: Breaking) -> float:
    """Return the share of its time that a worker at work is broken."""
    return breaking.down.mean / (breaking.up.mean + breaking.down.mean)


def _notes(breaking: Breaking, C: Completion) -> tuple[str, ...]:
    began = (f"each is begun {C.starts:.4g} times on average",) if C.starts > 1.0005 else ()
    return (f"a worker at work is broken {_away(breaking):.2%} of the time", *began)


def _breaking(system: System) -> Breaking:
    assert system.breaking is not None
    return system.breaking


def _breaks(system: System) -> bool:
    plain = asked(system) == {"breaking"} and poisson(system) and math.isfinite(system.n)
    return plain and isinstance(_breaking(system).up, Exponential) and _breaking(system).redelivery != math.inf


def _resumes(system: System) -> bool:
    return _breaks(system) and _breaking(system).redelivery is None


def _by_levels(system: System) -> bool:
    random = markovian(system) and isinstance(_breaking(system).down, Exponential) if _resumes(system) else False
    small = system.n <= _MOST_WORKERS and (math.isinf(system.q) or system.q <= _MOST_LEVELS)
    return random and small


MODELS = (
    Model("M/G/1 with breakdowns", lambda s: _resumes(s) and s.n == 1 and math.isinf(s.q), _solve_single),
    Model("M/M/n/q with breakdowns", _by_levels, _solve_levels),
    Model("M/G/n with breakdowns", lambda s: _breaks(s) and math.isinf(s.q), _solve_anew, exact=False),
)
