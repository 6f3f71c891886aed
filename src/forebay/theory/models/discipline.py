"""Last in first out, and random order: the mean wait of first in first out, other tails.

Who works does not change with the order, so neither do the number in the system, the mean wait, loss or utilisation.
M/M/n, of those that wait: E[W²] is 2/(1 − ρ)²(nμ)² under FIFO, 2/(2 − ρ) times that under random order, and 1/(1 − ρ)
times that under LIFO. Sources: J. F. C. Kingman, "The effect of queue discipline on waiting time variance" (1962);
L. Takács, "Delay distributions for one line with Poisson input, general holding times, and various orders of service"
(1963).
"""

# ruff: noqa: N802, N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from forebay.disciplines import Discipline
from forebay.theory.laws import General
from forebay.theory.models.erlang import erlang_b
from forebay.theory.models.mixing import Vector
from forebay.theory.models.model import Model
from forebay.theory.models.passage import busy_transform, passage_tail, passage_transform, tail_of
from forebay.theory.models.steady import asked, growing, markovian, poisson, steady, too_much
from forebay.theory.models.steps import Steps, chain
from forebay.theory.models.transforms import Complex, Transform, transform
from forebay.theory.solution import Solution
from forebay.theory.system import System

KINGMAN = "J. F. C. Kingman, The effect of queue discipline on waiting time variance (1962)"
TAKACS = "L. Takács, Delay distributions for one line with Poisson input, and various orders of service (1963)"
RIORDAN = "J. Riordan, Stochastic Service Systems (1962), section 6.3; by uniformisation"
_RARE = 1e-16
_TINY = 1e-290
_MOST_PLACES = 500
_MOST_STATES = 20_000


def second_moment_of_delay(discipline: Discipline | str, lam: float, mu: float, n: int) -> float:
    """Return E[W² | W > 0] of M/M/n in seconds², for lam arrivals a second and mu worked off a second by each of n."""
    rho = lam / (n * mu)
    first = 2 / (n * mu * (1 - rho)) ** 2
    return first * {Discipline.LIFO: 1 / (1 - rho), Discipline.RANDOM: 2 / (2 - rho)}.get(Discipline(discipline), 1.0)


def delay_tail(discipline: Discipline | str, lam: float, mu: float, n: int, t: float) -> float:
    """Return P(Wq > t | Wq > 0) of M/M/n; t in seconds, the rest as `second_moment_of_delay`."""
    if discipline == Discipline.RANDOM:
        return Steps(lam + n * mu, random_order(lam, n * mu, places_found(lam / (n * mu), math.inf), 1.0))(t)
    sigma = 0.0 if discipline == Discipline.LIFO else lam / (n * mu)
    return passage_tail(0.0 if sigma else lam, n * mu, sigma)(t)


def random_order(lam: float, mu: float, found: Vector, delayed: float, last: float = math.inf) -> Iterator[float]:
    """Yield P(K > 0), P(K > 1), ... of the wait in random order, in steps of rate λ + μ.

    Of j that wait each is the next with probability 1/j.

    Arguments:
        lam: arrivals. mu: of all workers together. found: P(a delayed one is the j-th that waits), j from 1.
        delayed: P(Wq > 0). last: rate of the work that follows; inf: the wait alone.
    """
    j = np.arange(1, len(found) + 1)
    up = np.where(j < len(found), lam, 0.0)
    return chain(delayed * found, up, mu * (1 - 1 / j), mu / j, lam + mu, last, 1 - delayed)


def last_first(lam: float, mu: float, found: Vector, delayed: float, last: float = math.inf) -> Iterator[float]:
    """Yield the same for last in first out with as many waiting places as `found` is long.

    Who becomes the j-th of q waits until those who come later, at most q − j at a time, are gone, and one more.
    """
    most = len(found)
    heights = np.concatenate([np.arange(1, most - j + 2) for j in range(1, most + 1)])
    tops = np.cumsum(np.arange(most, 0, -1)) - 1
    up = np.full(len(heights), lam)
    up[tops] = 0.0
    down, leave = np.where(heights > 1, mu, 0.0), np.where(heights > 1, 0.0, mu)
    start = np.zeros(len(heights))
    start[heights == 1] = delayed * found
    return chain(start, up, down, leave, lam + mu, last, 1 - delayed)


def places_found(rho: float, q: float) -> Vector:
    """Return P(a delayed one is the j-th that waits), j from 1 to q: geometric."""
    enough = math.ceil(math.log(_RARE) / math.log(rho)) + 1 if rho < 1 else math.inf
    size = int(min(q, enough))
    weights = np.exp((np.arange(size) - (size - 1 if rho > 1 else 0)) * math.log(rho))
    return np.asarray(weights / weights.sum())


def _solve_markov(system: System) -> Solution:
    lam, mu, n, q = system.arrival_rate, 1 / system.service.mean, int(system.n), system.q
    a, rho = system.offered_load, system.offered_load / n
    formula = f"M/M/n{'' if math.isinf(q) else '/q'}, {_named(system)}"
    if too_much(a, n) and math.isinf(q):
        return growing(system, formula, KINGMAN, lam - n * mu)
    B = erlang_b(n, a)
    full = places_found(rho, q + 1)
    first = float(full[0])
    all_busy = B / (B + first * (1 - B))  # P(n or more in the system)
    loss = all_busy * float(full[-1]) if math.isfinite(q) and len(full) == q + 1 else 0.0
    found = full[:-1] / full[:-1].sum()
    delayed = (all_busy - loss) / (1 - loss)
    Wq = delayed * float(found @ np.arange(1, len(found) + 1)) / (n * mu)
    log_state = math.lgamma(n + 1) - n * math.log(a)  # p0 over P(n in the system)
    p0 = math.exp(math.log(all_busy * first) + log_state) if all_busy * first > _TINY else math.exp(-a)
    tails, notes = _markov_tails(system, found, delayed)
    return steady(system, formula, _source(system), Wq=Wq, loss=loss, p0=p0, p_wait=delayed, notes=notes, **tails)


def _markov_tails(system: System, found: Vector, delayed: float) -> tuple[dict[str, Any], tuple[str, ...]]:
    lam, mu = system.arrival_rate, 1 / system.service.mean
    all_of_them = mu * system.n
    if system.discipline is Discipline.RANDOM and len(found) > _MOST_STATES:
        return {}, (f"no percentiles for random order with more than {_MOST_STATES} waiting: simulate",)
    if system.discipline is Discipline.RANDOM:
        steps = random_order
    elif math.isinf(system.q):
        later, F = passage_tail(lam, all_of_them, 0.0), passage_transform(lam, all_of_them, 0.0)
        sojourn = tail_of(lambda s: (1 - delayed + delayed * F(s)) * mu / (mu + s))
        return {"wait_tail": lambda t: delayed * later(t), "sojourn_tail": sojourn}, ()
    elif len(found) > _MOST_PLACES:
        return {}, (f"no percentiles for last in first out with more than {_MOST_PLACES} waiting places: simulate",)
    else:
        steps = last_first
    rate = lam + all_of_them
    wait, sojourn = (Steps(rate, steps(lam, all_of_them, found, delayed, last)) for last in (math.inf, mu))
    return {"wait_tail": wait, "sojourn_tail": sojourn}, ()


def _solve_general(system: System) -> Solution:
    """M/G/1: the mean of Pollaczek and Khinchine for every order, and the tail of last in first out by Takács."""
    lam, rho = system.arrival_rate, system.offered_load
    formula = f"M/G/1, {_named(system)}"
    if too_much(rho, 1):
        return growing(system, formula, TAKACS, lam - 1 / system.service.mean)
    Wq = lam * system.service.moment(2) / (2 * (1 - rho))
    tails: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    if system.discipline is Discipline.RANDOM or isinstance(system.service, General):
        notes = ("the mean is that of first in first out; no percentiles are known: simulate",)
    else:
        B = transform(system.service)
        W = _last_first_transform(lam, rho, B)
        tails = {"wait_tail": tail_of(W, rho), "sojourn_tail": tail_of(lambda s: W(s) * B(s))}
    return steady(system, formula, TAKACS, Wq=Wq, p0=1 - rho, p_wait=rho, notes=notes, **tails)


def _last_first_transform(lam: float, rho: float, B: Transform) -> Transform:
    """Return W*(s) = 1 − ρ + λ(1 − b(s))/(s + λ − λb(s)), of M/G/1 under last in first out."""
    busy = busy_transform(lam, B)

    def W(s: Complex) -> Complex:
        b = busy(s)
        return np.asarray(1 - rho + lam * (1 - b) / (s + lam * (1 - b)))

    return W


def _named(system: System) -> str:
    return "last in first out" if system.discipline is Discipline.LIFO else "random order"


def _source(system: System) -> str:
    return RIORDAN if system.discipline is Discipline.RANDOM else KINGMAN


def _ordered(system: System) -> bool:
    return asked(system) == {"discipline"} and poisson(system) and math.isfinite(system.n) and system.q > 0


MODELS = (
    Model("M/M/n/q, last in first out or random order", lambda s: _ordered(s) and markovian(s), _solve_markov),
    Model(
        "M/G/1, last in first out or random order",
        lambda s: _ordered(s) and s.n == 1 and math.isinf(s.q),
        _solve_general,
    ),
)
