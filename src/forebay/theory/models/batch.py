"""Batches: customers that come several at a time, as messages that a producer sends together.

    M^X/G/1      Wq = λE[X]E[S²]/2(1 − ρ) + E[X(X − 1)]E[S]/2E[X](1 − ρ),  ρ = λE[X]E[S], λ batches a second
    M^b/M/n/q    p_{k+1} min(k + 1, n)μ = λ(p_k + p_{k−1} + ... + p_{k−b+1}), what leaves k + 1 is what passes k upwards

Those of a batch that find no place are lost, the others stay. Sources: D. Gross, C. M. Harris, "Fundamentals of
Queueing Theory" (1985), section 3.1; M. L. Chaudhry, J. G. C. Templeton, "A First Course in Bulk Queues" (1983).
"""

# ruff: noqa: N802, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from forebay.theory.laws import General, Law
from forebay.theory.models.mixing import Vector
from forebay.theory.models.model import Model
from forebay.theory.models.passage import tail_of
from forebay.theory.models.steady import asked, growing, markovian, poisson, steady, too_much
from forebay.theory.models.steps import Steps, erlangs
from forebay.theory.models.transforms import Complex, transform
from forebay.theory.solution import Solution
from forebay.theory.system import System

CHAUDHRY = "M. L. Chaudhry, J. G. C. Templeton, A First Course in Bulk Queues (1983), section {}"
_NOTHING = 1e-17
_MOST_STATES = 1_000_000


def batch_wait(batches: float, sizes: Mapping[int, float], service: Law) -> float:
    """Return Wq of M^X/G/1, seconds; inf where there is too much work.

    Arguments:
        batches: λ, batches a second. sizes: P(X = x) of the sizes x of a batch. service: of one customer.
    """
    X = math.fsum(x * p for x, p in sizes.items())
    pairs = math.fsum(x * (x - 1) * p for x, p in sizes.items())
    rho = batches * X * service.mean
    if rho >= 1:
        return math.inf
    return (batches * X * service.moment(2) + pairs * service.mean / X) / (2 * (1 - rho))


def batch_states(batches: float, b: int, mu: float, n: int, q: float = math.inf) -> Vector:
    """Return P(k in the system) of M^b/M/n/q, k = 0, 1, ...; without a limit as far as there is anything.

    Arguments:
        batches: λ, batches a second. b: size of each. mu: of one worker. n: workers, q: waiting places.
    """
    p, total, flow = [1.0], 1.0, 1.0  # flow: p_k + ... + p_{k−b+1}
    most = min(n + q, _MOST_STATES)
    while len(p) <= most:
        k = len(p)
        p.append(batches * flow / (min(k, n) * mu))
        total += p[-1]
        flow = math.fsum(p[max(0, k - b + 1) :])
        if k > n and flow < _NOTHING * total:
            break
        if total > 1e200:
            p, total, flow = [x / 1e200 for x in p], total / 1e200, flow / 1e200
    return np.asarray(p) / math.fsum(p)


def _solve_general(system: System) -> Solution:
    b, rho, lam = system.batch, system.offered_load, system.arrival_rate / system.batch
    formula, source = "M^X/G/1", CHAUDHRY.format("3.2")
    if too_much(rho, 1):
        return growing(system, formula, source, system.arrival_rate - 1 / system.service.mean)
    Wq = batch_wait(lam, {b: 1.0}, system.service)
    tails: dict[str, Any] = {}
    if not (isinstance(system.service, General) and system.service.c2 > 0):
        B = transform(system.service)

        def W(s: Complex) -> Complex:
            one = B(s)
            before_own = sum(one**i for i in range(b)) / b
            return np.asarray((1 - rho) * s / (s - lam + lam * one**b) * before_own)

        tails = {"wait_tail": tail_of(W, 1 - (1 - rho) / b), "sojourn_tail": tail_of(lambda s: W(s) * B(s))}
    return steady(system, formula, source, Wq=Wq, p0=1 - rho, p_wait=1 - (1 - rho) / b, notes=_note(b), **tails)


def _solve_markov(system: System) -> Solution:
    b, lam, mu, n = system.batch, system.arrival_rate / system.batch, 1 / system.service.mean, int(system.n)
    formula, source = "M^X/M/n/q", CHAUDHRY.format("4")
    if math.isinf(system.q) and too_much(system.offered_load, n):
        return growing(system, formula, source, system.arrival_rate - n * mu)
    p = batch_states(lam, b, mu, n, system.q)
    ahead = np.convolve(p, np.full(b, 1 / b))[: int(min(system.places, len(p) + b))]
    loss = max(0.0, 1 - float(ahead.sum())) if math.isfinite(system.q) else 0.0
    ahead /= ahead.sum()
    steps = np.append(ahead[:n].sum(), ahead[n:])
    return steady(
        system,
        formula,
        source,
        Wq=float(steps @ np.arange(len(steps))) / (n * mu),
        loss=loss,
        p0=float(p[0]),
        p_wait=float(steps[1:].sum()),
        wait_tail=Steps(n * mu, erlangs(steps, n * mu, math.inf)),
        sojourn_tail=Steps(n * mu, erlangs(steps, n * mu, mu)),
        notes=_note(b),
    )


def _note(b: int) -> tuple[str, ...]:
    return (f"batches of {b}; with singles at the same rate in all, the wait is shorter",)


def _batched(system: System) -> bool:
    return asked(system) == {"batch"} and poisson(system) and math.isfinite(system.n)


MODELS = (
    Model("M^X/M/n/q", lambda s: _batched(s) and markovian(s), _solve_markov),
    Model("M^X/G/1", lambda s: _batched(s) and s.n == 1 and math.isinf(s.q), _solve_general),
)
