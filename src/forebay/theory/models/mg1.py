"""M/G/1: random arrivals, any work, one worker, by Pollaczek and Khinchine.

The mean is Wq = λE[S²]/(2(1 − ρ)), E[Wq²] = 2Wq² + λE[S³]/(3(1 − ρ)), and the whole law of
the wait: it is 0 with probability 1 − ρ, and otherwise a geometric number of rests of work,

    W*(s) = (1 − ρ)/(1 − ρ Y*(s)),   Y*(s) = (1 − B*(s))/(s E[S]),   P(Y > t) = E[(S − t)⁺]/E[S].

No rest and one rest are known in closed form; two and more are taken back from their transform, so that the atom at 0
and the edges of the law of S are exact. Source: F. Pollaczek (1930); A. Khinchine (1932); L. Kleinrock, "Queueing
Systems" I (1975), equations 5.70 and 5.105.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np

from forebay.theory.laws import General, Law
from forebay.theory.models.model import Model
from forebay.theory.models.plain import answer, overloaded, plain_poisson, stable
from forebay.theory.models.transforms import Complex, invert, probability, transform
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.survival import excess, survival
from forebay.theory.system import System

FORMULA = "Pollaczek-Khinchine"
SOURCE = 'F. Pollaczek (1930), A. Khinchine (1932); L. Kleinrock, "Queueing Systems" I (1975), equations 5.70 and 5.105'
GAMMA = "percentiles: those of work by the gamma law of the same mean and c², as two moments do not fix them"


def mean_wait(arrival_rate: float, service: Law) -> float:
    """Return Wq = λE[S²]/(2(1 − ρ)), seconds; inf from ρ = 1 on."""
    rho = arrival_rate * service.mean
    return arrival_rate * service.moment(2) / (2 * (1 - rho)) if rho < 1 else math.inf


def wait_moment2(arrival_rate: float, service: Law) -> float:
    """Return E[Wq²] = 2Wq² + λE[S³]/(3(1 − ρ)), seconds²; inf from ρ = 1 on."""
    rho = arrival_rate * service.mean
    if rho >= 1:
        return math.inf
    return 2 * mean_wait(arrival_rate, service) ** 2 + arrival_rate * service.moment(3) / (3 * (1 - rho))


def wait_tail(arrival_rate: float, service: Law) -> Tail:
    """Return t -> P(Wq > t) under FIFO, ρ < 1."""
    rho, B = arrival_rate * service.mean, transform(service)

    def two_and_more(s: Complex) -> Complex:
        """Return the transform of P(two rests or more, Wq > t)."""
        Y = (1 - B(s)) / (s * service.mean)
        return np.asarray(rho**2 * (1 - (1 - rho) * Y**2 / (1 - rho * Y)) / s)

    def tail(t: float) -> float:
        if t <= 0:
            return rho if t == 0 else 1.0
        one = (1 - rho) * rho * excess(service, t) / service.mean
        return probability(one + invert(two_and_more, t))

    return tail


def sojourn_tail(arrival_rate: float, service: Law) -> Tail:
    """Return t -> P(W > t) under FIFO, ρ < 1: the wait and the work, which do not depend on one another."""
    rho, B = arrival_rate * service.mean, transform(service)

    def after_waiting(s: Complex) -> Complex:
        """Return the transform of P(Wq > 0, W > t)."""
        work = B(s)
        Y = (1 - work) / (s * service.mean)
        return np.asarray(rho * (1 - (1 - rho) * Y * work / (1 - rho * Y)) / s)

    def tail(t: float) -> float:
        if t < 0:
            return 1.0
        at_once = (1 - rho) * survival(service, t)
        return probability(at_once + (invert(after_waiting, t) if t else rho))

    return tail


def fits(system: System) -> bool:
    """Whether the system is M/G/1 with a queue without limit."""
    return plain_poisson(system) and system.n == 1 and math.isinf(system.q)


def solve(system: System) -> Solution:
    """Return the steady state of M/G/1."""
    if not stable(system):
        return overloaded(system, FORMULA, SOURCE)
    rate, work = system.arrival_rate, system.service
    tails = wait_tail(rate, work), sojourn_tail(rate, work)
    rho, notes = system.offered_load, (GAMMA,) if isinstance(work, General) else ()
    return answer(system, FORMULA, SOURCE, rate * mean_wait(rate, work), 1 - rho, rho, tails=tails, notes=notes)


MODELS = (Model("M/G/1", fits, solve),)
