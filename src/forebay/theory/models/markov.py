"""M/M/n/q: Poisson arrivals, exponential work, n workers, q waiting places.

The steady state is p_k ∝ a^k/k! up to k = n, and p_{n+j} = p_n ρ^j where j wait. Sums over j are made by doubling, so
that a million places cost twenty steps, and relative to the fullest state where ρ > 1. An arrival that finds j waiting
waits for j + 1 ends of work, each after an exponential time of rate nμ; its own work takes a geometric number of such
times. Source: D. Gross, C. M. Harris, "Fundamentals of Queueing Theory" (1985), sections 2.3 to 2.5.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forebay.theory.models.erlang import erlang_b, waiting
from forebay.theory.models.mixing import Vector, poisson_steps
from forebay.theory.models.model import Model
from forebay.theory.models.steady import asked, growing, markovian, steady, too_much
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System

_TINY = 1e-290
SOURCE = 'D. Gross, C. M. Harris, "Fundamentals of Queueing Theory" (1985), section {}'


@dataclass(frozen=True, slots=True)
class Places:
    """The steady state of M/M/n/q.

    Arguments:
        n, q, rho: workers, waiting places, a/n.
        loss: P(all places are taken). p0: P(empty). Lq: mean number waiting.
        log_first: ln P(an accepted arrival finds all workers at work and nobody waiting).
    """

    n: int
    q: int
    rho: float
    loss: float
    p0: float
    Lq: float
    log_first: float

    def more_wait(self, i: Vector) -> Vector:
        """Return P(an accepted arrival waits for more than i ends of work)."""
        left = np.maximum(self.q - i, 0.0)
        most = np.minimum(i, self.q) if self.rho <= 1 else np.full(len(i), self.q - 1.0)
        logs = self.log_first + most * math.log(self.rho)
        found: Vector = np.exp(logs) * _geometric(min(self.rho, 1 / self.rho), left)
        return found

    def more_stay(self, i: Vector) -> Vector:
        """Return P(an accepted arrival stays for more than i times of rate nμ)."""
        own = 1 - 1 / self.n
        waited = np.minimum(i, self.q)
        big, small = max(self.rho, own), min(self.rho, own)
        at_work = np.exp(self.log_first + (waited - 1) * math.log(big)) * _geometric(small / big, waited)
        at_once = (1 - self.p_wait) * own**i
        found: Vector = self.more_wait(i) + at_work * own ** (i - waited) + at_once
        return found

    @property
    def p_wait(self) -> float:
        """P(an accepted arrival waits)."""
        return min(1.0, float(self.more_wait(np.zeros(1))[0]))


def places(n: int, q: int, a: float) -> Places:
    """Return the steady state of M/M/n/q.

    Arguments:
        n, q: workers, waiting places. a: offered load, above 0; also above n.
    """
    B, rho = erlang_b(n, a), a / n
    if B < _TINY:  # so many workers that P(all work) is less than a float can say
        return Places(n, q, rho, 0.0, math.exp(-a), 0.0, -math.inf)
    count, moment = _powers(min(rho, 1 / rho), q)
    if rho <= 1:  # the unit is p_n; count and moment are of those who wait, but one
        log_unit, last = 0.0, rho**q
        total, Lq = 1 / B + rho * count, rho * (moment + count)
    else:  # the unit is p_{n+q}; count and moment are of the places that are free
        log_unit, last = -q * math.log(rho), 1.0
        total, Lq = math.exp(log_unit) / B + count, q * count - moment
    log_pn = log_unit - math.log(total)
    p0 = math.exp(log_pn + math.lgamma(n + 1) - n * math.log(a))
    return Places(n, q, rho, last / total, p0, Lq / total, log_pn - math.log1p(-last / total))


def waiting_tail(C: float, rate: float) -> Tail:
    """Return P(Wq > t) = C e^(−(nμ − λ)t) of M/M/n.

    Arguments:
        C: P(an arrival waits). rate: nμ − λ, per second.
    """
    return lambda t: C * math.exp(-rate * t)


def staying_tail(C: float, rate: float, mu: float) -> Tail:
    """Return P(W > t) of M/M/n: exponential work of rate μ, behind an exponential wait with probability C.

    Both rates may be equal; nothing is subtracted that could cancel.
    """

    def tail(t: float) -> float:
        apart = abs(mu - rate) * t
        overlap = -math.expm1(-apart) / apart if apart else 1.0
        return math.exp(-mu * t) + C * mu * t * math.exp(-min(mu, rate) * t) * overlap

    return tail


def _endless(system: System) -> Solution:
    """M/M/n."""
    n, a, mu = int(system.n), system.offered_load, 1 / system.service.mean
    formula, source = "Erlang C: Wq = C/(nμ − λ)", SOURCE.format("2.3")
    if too_much(a, n):
        return growing(system, formula, source, system.arrival_rate - n * mu)
    B = erlang_b(n, a)
    C, rate = waiting(n, a, B), n * mu - system.arrival_rate
    first = places(n, 0, a)
    p0 = first.p0 / (1 + B * a / (n - a))
    wait, stay = waiting_tail(C, rate), staying_tail(C, rate, mu)
    return steady(system, formula, source, Wq=C / rate, p0=p0, p_wait=C, wait_tail=wait, sojourn_tail=stay)


def _limited(system: System) -> Solution:
    """M/M/n/q."""
    n, rate = int(system.n), system.n / system.service.mean
    state = places(n, int(system.q), system.offered_load)
    return steady(
        system,
        "birth and death: p_{n+j} = p_n ρ^j, loss = p_{n+q}",
        SOURCE.format("2.4"),
        Wq=state.Lq / (system.arrival_rate * (1 - state.loss)),
        loss=state.loss,
        p0=state.p0,
        p_wait=state.p_wait,
        wait_tail=poisson_steps(rate, state.more_wait),
        sojourn_tail=poisson_steps(rate, state.more_stay),
    )


def _powers(r: float, m: int) -> tuple[float, float]:
    """Return Σ r^j and Σ j r^j over j = 0 ... m − 1, by doubling."""
    count = moment = 0.0
    power, done = 1.0, 0  # r^done
    for bit in bin(m)[2:]:
        count, moment = count + power * count, moment + power * (moment + done * count)
        power, done = power * power, 2 * done
        if bit == "1":
            count, moment = count + power, moment + done * power
            power, done = power * r, done + 1
    return count, moment


def _geometric(r: float, m: Vector) -> Vector:
    """Return Σ r^j over j = 0 ... m − 1 for r from 0 to 1, without cancellation near 1."""
    if r == 0:
        return np.minimum(m, 1.0)
    return m if r == 1 else np.expm1(m * math.log(r)) / (r - 1)


def _fits(system: System) -> bool:
    return markovian(system) and math.isfinite(system.n) and not asked(system)


MODELS = (
    Model("M/M/n", lambda system: _fits(system) and math.isinf(system.q), _endless),
    Model("M/M/n/q", lambda system: _fits(system) and 0 < system.q < math.inf, _limited),
)
