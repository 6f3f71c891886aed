"""Retrials: who finds no place is not told to wait but comes again later (a 503 and a client that retries).

Those between two attempts are said to be in orbit; each comes again after an exponential time of rate θ.

    M/G/1      E[orbit] = λ²E[S²]/2(1 − ρ) + λρ/θ(1 − ρ): the queue of Pollaczek and Khinchine, and what searching costs
    M/M/n/q    a chain of levels (the orbit) and phases (the places taken), cut where nothing is left
    M/G/n/0    extended Erlang B: the load is what comes anew and the share of the blocked that returns

Sources: G. I. Falin, J. G. C. Templeton, "Retrial Queues" (1997), sections 1.2 and 2.2; extended Erlang B:
R. I. Wilkinson, "Theories for toll traffic engineering in the U.S.A." (1956).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Exponential, Law
from forebay.theory.models.erlang import erlang_b
from forebay.theory.models.model import Model
from forebay.theory.models.qbd import Array, Levels, steady_levels
from forebay.theory.models.steady import asked, growing, markovian, poisson, steady, too_much
from forebay.theory.solution import Solution
from forebay.theory.system import Retrying, System

FALIN = "G. I. Falin, J. G. C. Templeton, Retrial Queues (1997), section {}"
WILKINSON = "R. I. Wilkinson, Theories for toll traffic engineering in the U.S.A. (1956)"
BLIND = (
    "the wait is too short: by 4 % where they stay away for 10 service times, by 17 % for 2, by half for half of one"
)
INDEPENDENT = (
    "attempts are taken as independent: W is up to 10 % too long, the loss up to 20 % too small; the wait is too long "
    "by half where they stay away for half a service time, by 22 % for 2, by 7 % for 10"
)
GAVE_UP = "L counts those that will give up, W does not"
WAITS_AWAY = "the wait is the time until the attempt that finds a place, and in the queue"
Chain = tuple[list[Array], list[Array], list[Array]]
_NOTHING = 1e-13
_SETTLED = 1e-10
_MOST_PLACES = 200
_MOST_LEVELS = 1 << 14
_MOST_ROUNDS = 200
_MOST_LOAD = 1e9


def retrial_orbit(arrival_rate: float, service: Law, theta: float) -> float:
    """Return E[orbit] of M/G/1 with retrials, how many stay away on average; inf where ρ >= 1.

    Arguments:
        arrival_rate: λ, per second. theta: how often each tries again, per second.
    """
    lam, rho = arrival_rate, arrival_rate * service.mean
    if rho >= 1:
        return math.inf
    return lam * lam * service.moment(2) / (2 * (1 - rho)) + lam * rho / (theta * (1 - rho))


def redelivered_load(arrival_rate: float, p: float, attempts: float = math.inf) -> float:
    """Return λ(1 − p^m)/(1 − p), how many deliveries a second a broker makes where each fails with probability p.

    Arguments:
        arrival_rate: λ, new messages a second. attempts: m, how often one is delivered at most.
    """
    if p >= 1:
        return arrival_rate * attempts
    return arrival_rate * float(1 - p**attempts) / (1 - p)


def extended_erlang_b(n: int, a: float, returns: float) -> float:
    """Return the share of attempts that n workers block, where a share of the blocked returns as new load.

    Arguments:
        a: offered load of those that come for the first time. returns: 0 to 1. It is 1.0 where nothing holds the load.
    """

    def stays(offered: float) -> float:
        """Return what a' = a + returns B(a') a' leaves for a; it rises with a'."""
        return offered * (1 - returns * erlang_b(n, offered))

    low, high = a, 2 * a
    while stays(high) < a:
        low, high = high, 2 * high
        if high > _MOST_LOAD * (a + n):
            return 1.0
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if stays(middle) < a else (low, middle)
    return erlang_b(n, high)


def extended_erlang_b_workers(a: float, blocking: float, returns: float) -> int:
    """Return the smallest n that blocks at most this share of attempts.

    Raises:
        UsageError: the blocking is not between 0 and 1.
    """
    if not 0 < blocking < 1:
        raise UsageError(f"{blocking:g} is not a share", "between 0 and 1, as 0.03")
    n = 1
    while extended_erlang_b(n, a, returns) > blocking:
        n += 1
    return n


@dataclass(frozen=True, slots=True)
class Orbit:
    """The steady state of M/M/n/q with retrials.

    Arguments:
        away: mean number between two attempts. staying: of them, those that will find a place in the end.
        busy: mean number at work. inside: P(0), P(1), ... places taken.
        p0: P(nobody at all). cut: the probability of the largest orbit that was looked at.
    """

    away: float
    staying: float
    busy: float
    inside: Array
    p0: float
    cut: float


def orbit(lam: float, mu: float, n: int, q: int, theta: float, share: float = 1.0) -> Orbit:
    """Return the steady state of M/M/n/q where a share of those without a place tries again, each θ times a second."""
    top = 64
    while True:
        chain = _generator(lam, mu, n, n + q, theta, share, top)
        levels = steady_levels(*chain)
        if levels.mass(top) < _NOTHING or top >= _MOST_LEVELS:
            inside = np.sum(levels.pi, axis=0)
            busy = float(np.minimum(np.arange(n + q + 1), n) @ inside)
            away = levels.mean_above(0)
            staying = away if share == 1 else _staying(levels, chain, theta)
            return Orbit(away, staying, busy, inside, float(levels.pi[0][0]), levels.mass(top))
        top *= 2


def _staying(levels: Levels, chain: Chain, theta: float) -> float:
    """Return Σ j π(c, j) h(c, j): h is the probability that one of j in orbit finds a place before it gives up.

    The chances of one hold Q h = −θ where a place is free; at level j the others of its orbit are j − 1.
    """
    local, up, down = chain
    top = len(up)
    finds: Array = np.append(np.full(len(local[0]) - 1, theta), 0.0)
    passed: list[Array] = []  # G and g of h(j) = G h(j + 1) + g
    G, g = np.zeros_like(local[0]), np.zeros_like(finds)
    for j in range(1, top + 1):
        others = down[j - 1] * ((j - 1) / j)
        rising = up[j] if j < top else np.zeros_like(G)
        sides = np.column_stack([rising, finds + others @ g])
        found = np.asarray(np.linalg.solve(-(local[j] + others @ G), sides), dtype=np.float64)
        G, g = found[:, :-1], found[:, -1]
        passed.append(found)
    total, h = 0.0, np.zeros_like(finds)
    for j in range(top, 0, -1):
        h = passed[j - 1] @ np.append(h, 1.0)
        total += j * float(levels.pi[j] @ h)
    return total


def _generator(lam: float, mu: float, n: int, K: int, theta: float, share: float, top: int) -> Chain:
    """Return the blocks of the generator: within each level of the orbit, to the next, and to the one before."""
    taken = np.arange(K + 1)
    enter = np.diag(np.ones(K), 1)
    refused = np.zeros((K + 1, K + 1))
    refused[K, K] = 1.0
    within = lam * enter + np.diag(np.minimum(taken, n)[1:] * mu, -1)
    up, down = lam * share * refused, theta * (enter + (1 - share) * refused)
    out = within.sum(axis=1)
    local = [
        within - np.diag(out + (up.sum(axis=1) if j < top else 0.0) + j * down.sum(axis=1)) for j in range(top + 1)
    ]
    return local, [up] * top, [j * down for j in range(1, top + 1)]


def _solve_chain(system: System) -> Solution:
    """M/M/n/q: exact where attempts have no limit; else a share of the blocked returns that agrees with the limit."""
    retrying, lam, mu = _retrying(system), system.arrival_rate, 1 / system.service.mean
    formula, source, share = "M/M/n/q with retrials, by levels of the orbit", FALIN.format("2.2"), retrying.share
    limited = math.isfinite(retrying.attempts)
    if share == 1 and not limited and too_much(system.offered_load, system.n):
        return growing(system, formula, source, lam - system.n * mu)
    share, rounds = (0.0, _MOST_ROUNDS) if limited else (share, 1)
    blocked = -1.0
    for _ in range(rounds):
        found = orbit(lam, mu, int(system.n), int(system.q), 1 / retrying.after.mean, share)
        before, blocked = blocked, 1 - mu * found.busy / _attempts(system, found)
        if abs(blocked - before) < _SETTLED:
            break
        share = _returning(retrying, blocked)
    wrong = INDEPENDENT if limited else "" if found.cut < _NOTHING else f"cut at {_MOST_LEVELS} in orbit"
    return _told(system, found, formula, source, exact=not wrong, error=wrong)


def _returning(retrying: Retrying, blocked: float) -> float:
    """Return the share of blocked attempts after which another is made."""
    x, m = retrying.share * blocked, retrying.attempts
    return retrying.share * ((1 - x ** (m - 1)) / (1 - x**m) if x < 1 else (m - 1) / m)


def _attempts(system: System, found: Orbit) -> float:
    """Return how many attempts are made a second."""
    return system.arrival_rate + found.away / _retrying(system).after.mean


def _told(system: System, found: Orbit, formula: str, source: str, **more: Any) -> Solution:
    lam, mu, n = system.arrival_rate, 1 / system.service.mean, int(system.n)
    taken, attempts, retrying = np.arange(len(found.inside)), _attempts(system, found), _retrying(system)
    queue = float(np.maximum(taken - n, 0) @ found.inside)
    blocked = 1 - mu * found.busy / attempts
    loss = max(0.0, 1 - found.busy / system.offered_load)
    loss = loss if loss > 1e-9 else 0.0
    accepted = lam * (1 - loss)
    away = found.staying / accepted
    if math.isfinite(retrying.attempts):
        away = found.away / lam * _patience_of_the_served(retrying, blocked)
    return steady(
        system,
        formula,
        source,
        Wq=away + queue / accepted,
        L=found.away + queue + found.busy,
        Lq=found.away + queue,
        loss=loss,
        p0=found.p0,
        p_wait=1 - float(found.inside[:n].sum()) / (1 - loss),
        notes=(_tries(attempts / lam, blocked), WAITS_AWAY, *((GAVE_UP,) if loss else ())),
        **more,
    )


def _tries(each: float, blocked: float) -> str:
    return f"{each:.4g} attempts for each, of which {blocked:.2%} find no place"


def _patience_of_the_served(retrying: Retrying, blocked: float) -> float:
    """Return how long those that are served stay away, against all: 1 unless the number of attempts is limited."""
    x, m = retrying.share * blocked, retrying.attempts
    if math.isinf(m) or m == 1 or x == 0:
        return 1.0
    weights = x ** np.arange(m)
    return float(weights @ np.arange(m) / weights.sum() / weights[1:].sum())


def _solve_general(system: System) -> Solution:
    rho, lam = system.offered_load, system.arrival_rate
    formula, source = "M/G/1 with retrials", FALIN.format("1.2")
    if too_much(rho, 1):
        return growing(system, formula, source, lam - 1 / system.service.mean)
    away = retrial_orbit(lam, system.service, 1 / _retrying(system).after.mean)
    empty = (1 - rho) ** (1 + lam * _retrying(system).after.mean) if markovian(system) else None
    return steady(system, formula, source, Wq=away / lam, p0=empty, p_wait=rho, notes=(WAITS_AWAY,))


def _solve_extended(system: System) -> Solution:
    retrying, a, lam = _retrying(system), system.offered_load, system.arrival_rate
    formula = "extended Erlang B"
    if retrying.share == 1 and math.isinf(retrying.attempts) and too_much(a, system.n):
        return growing(system, formula, WILKINSON, lam - system.n / system.service.mean)
    share = blocked = 0.0
    for _ in range(_MOST_ROUNDS):
        before, blocked = blocked, extended_erlang_b(int(system.n), a, share)
        share = _returning(retrying, blocked)
        if abs(blocked - before) < _SETTLED:
            break
    tries = 1 / (1 - share * blocked)
    away = (tries - 1) * retrying.after.mean
    loss = max(0.0, 1 - tries * (1 - blocked))
    loss = loss if loss > 1e-9 else 0.0
    notes = (_tries(tries, blocked), WAITS_AWAY, *((GAVE_UP,) if loss else ()))
    L = lam * away + a * (1 - loss)
    more: dict[str, Any] = {"L": L, "Lq": lam * away, "loss": loss, "notes": notes}
    more["p_wait"] = 1 - (1 - blocked) / (1 - loss)
    Wq = away * _patience_of_the_served(retrying, blocked)
    return steady(system, formula, WILKINSON, Wq=Wq, exact=False, error=BLIND, **more)


def _retrying(system: System) -> Retrying:
    assert system.retrying is not None
    return system.retrying


def _returns(system: System) -> bool:
    finite = math.isfinite(system.n) and math.isfinite(system.q)
    return asked(system) == {"retrying"} and poisson(system) and finite


def _by_chain(system: System) -> bool:
    small = system.places <= _MOST_PLACES
    return small and _returns(system) and markovian(system) and isinstance(_retrying(system).after, Exponential)


def _single(system: System) -> bool:
    if not _returns(system) or (system.n, system.q) != (1, 0):
        return False
    retrying = _retrying(system)
    return isinstance(retrying.after, Exponential) and retrying.share == 1 and math.isinf(retrying.attempts)


MODELS = (
    Model("M/G/1 with retrials", _single, _solve_general),
    Model("M/M/n/q with retrials", lambda s: _by_chain(s) and math.isinf(_retrying(s).attempts), _solve_chain),
    Model("M/M/n/q with limited retrials", _by_chain, _solve_chain, exact=False),
    Model("M/G/n/0 with retrials", lambda s: _returns(s) and s.q == 0, _solve_extended, exact=False),
)
