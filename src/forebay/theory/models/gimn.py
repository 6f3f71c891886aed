"""GI/M/n and GI/M/n/q: arrivals by any law, exponential work, n workers, exactly.

Who arrives finds j with probability π_j; between two arrivals nothing but ends happens, min(j, n)μ a second. What
passes upwards over a level must come down:

    π_{j−1} A*(jμ) = Σ_{i>=j} π_i P(from i + 1 to below j before the next arrival)        j = 1, ..., n

from the top down, all terms positive. With a queue without limit π_{n−1+j} = π_{n−1} σ^j, where σ = A*(nμ(1 − σ));
the wait of who waits is exponential of rate nμ(1 − σ). The closed formula for π_0..π_{n−1} has a removable 0/0
where n(1 − σ) is a whole number, and is not used. Source: L. Takács, "Introduction to the Theory of Queues" (1962),
chapter 2; L. Kleinrock, "Queueing Systems" I (1975), chapter 6.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forebay.theory.laws import Exponential, General, Law
from forebay.theory.models.counting import all_counts
from forebay.theory.models.model import Model
from forebay.theory.models.plain import answer, overloaded, plain, stable
from forebay.theory.models.steps import Steps, erlangs
from forebay.theory.models.transforms import transform
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System

Array = NDArray[np.float64]
FORMULA = "GI/M/n, the chain at the arrivals; σ = A*(nμ(1 − σ))"
SOURCE = 'L. Takács, "Introduction to the Theory of Queues" (1962), chapter 2'
PLACES = 400
"""The most workers (or workers and places, where these are limited) that are solved: about half a second."""
_STEPS, _WORK = 3e4, 1e9
_ROUNDS = 500


def sigma(arrivals: Law, capacity: float) -> float:
    """Return σ, the root in (0, 1) of σ = A*(nμ(1 − σ)).

    Arguments:
        arrivals: G(c²) is taken for the gamma law of the same two moments.
        capacity: nμ, above the arrival rate.
    """

    A = transform(arrivals) if isinstance(arrivals, General) else arrivals.transform

    def surplus(x: float) -> float:
        """Return A*(nμ(1 − x)) − x: above 0 below the root, below 0 from there to 1."""
        return complex(A(complex(capacity * (1 - x)))).real - x  # type: ignore[arg-type]

    low, gap = 0.0, 0.5
    while surplus(1 - gap) > 0 and gap > 1e-14:  # at 1 the surplus is 0 again: come near to it from below
        low, gap = 1 - gap, gap / 2
    high = 1 - gap
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if surplus(middle) > 0 else (low, middle)
    return (low + high) / 2


def found(arrivals: Law, mu: float, n: int, places: int | None = None) -> tuple[Array, float]:
    """Return π_0, π_1, ... that an arrival finds, and σ: up to n − 1, then on by σ; or up to n + q, and σ = 0.

    Arguments:
        mu: μ, ends a second of one worker. places: K = n + q; None: no limit.
    """
    top, highest = (n - 1, n) if places is None else (places, places)
    ratio = sigma(arrivals, n * mu) if places is None else 0.0
    moved, beyond = _deaths(all_counts(arrivals, n * mu), n, highest, ratio)
    at_most = moved.cumsum(axis=1)
    pi = np.zeros(top + 1)
    pi[top] = 1.0
    for j in range(top, 0, -1):
        starts = np.minimum(np.arange(j, top + 1) + 1, highest)
        pi[j - 1] = pi[j:] @ at_most[starts, j - 1] + pi[top] * beyond[j - 1]
        if moved[j, j] > 0:
            pi[j - 1] /= moved[j, j]
        else:  # so seldom that it is 0 in floats: nobody is found so high up
            pi[j:], pi[j - 1] = 0.0, 1.0
        pi /= max(1.0, pi[j - 1])
    total = float(pi.sum()) + float(pi[top]) * ratio / (1 - ratio)
    return pi / total, ratio


def _deaths(weights: Array, n: int, highest: int, ratio: float) -> tuple[Array, Array]:
    """Return P(from i to j before the next arrival), and P(to at most j) of all who start above the highest together.

    The ends are uniformised at nμ: `weights` are how many steps there are between two arrivals. Those above the
    highest weigh σ, σ², ...; at every step one σ more of them has come down.
    """
    down = np.minimum(np.arange(highest + 1), n) / n
    one, above, arriving = np.eye(highest + 1), np.zeros(highest + 1), ratio
    moved, beyond = np.zeros_like(one), np.zeros(highest + 1)
    for weight in weights:
        moved += weight * one
        beyond += weight * above
        one, above = _step(one, down), _step(above, down)
        above[highest] += arriving
        arriving *= ratio
    return moved, np.asarray(beyond.cumsum())


def _step(p: Array, down: Array) -> Array:
    after = p * (1 - down)
    after[..., :-1] += p[..., 1:] * down[1:]
    return np.asarray(after)


def two_exponentials(share: float, theta: float, mu: float) -> Tail:
    """Return t -> P(X + Y > t), Y exponential of rate μ, X 0 or with probability `share` exponential of rate θ.

    Written without the difference of the rates in the denominator, so that they may be equal.
    """
    slow, apart = min(theta, mu), abs(theta - mu)

    def tail(t: float) -> float:
        between = t if apart * t < 1e-9 else -math.expm1(-apart * t) / apart
        return math.exp(-mu * t) + share * mu * math.exp(-slow * t) * between

    return tail


def fits(system: System) -> bool:
    """Whether the system is GI/M/n or GI/M/n/q with a law that is known, and not too large."""
    if not plain(system) or not isinstance(system.arrivals, Law) or isinstance(system.arrivals, General):
        return False
    size = system.n if math.isinf(system.q) else system.places
    steps = 100 + 40 * max(1.0, system.arrivals.c2) * system.n / system.offered_load
    return isinstance(system.service, Exponential) and size <= PLACES and steps < _STEPS and size**2 * steps < _WORK


def solve(system: System) -> Solution:
    """Return the steady state of GI/M/n or GI/M/n/q."""
    if math.isfinite(system.q):
        return _limited(system)
    if not stable(system):
        return overloaded(system, FORMULA, SOURCE)
    assert isinstance(system.arrivals, Law)
    n, mu = int(system.n), 1 / system.service.mean
    pi, ratio = found(system.arrivals, mu, n)
    theta = n * mu * (1 - ratio)
    share = float(pi[-1]) * ratio / (1 - ratio)

    def wait(t: float) -> float:
        return share * math.exp(-theta * t)

    Lq = system.arrival_rate * share / theta
    p0 = empty(system.arrivals, mu, n, pi, ratio)
    return answer(system, FORMULA, SOURCE, Lq, p0, share, tails=(wait, two_exponentials(share, theta, mu)))


def _limited(system: System) -> Solution:
    assert isinstance(system.arrivals, Law)
    n, q, mu = int(system.n), int(system.q), 1 / system.service.mean
    pi, _ = found(system.arrivals, mu, n, n + q)
    loss = float(pi[-1])
    stages = np.append(pi[:n].sum(), pi[n:-1]) / (1 - loss)
    Lq = system.arrival_rate * float(np.arange(1, q + 1) @ pi[n:-1]) / (n * mu)
    tails = tuple(Steps(n * mu, erlangs(stages, n * mu, last)) for last in (math.inf, mu))
    p0, p_wait = empty(system.arrivals, mu, n, pi, None), float(stages[1:].sum())
    return answer(system, FORMULA, SOURCE, Lq, p0, p_wait, loss, (tails[0], tails[1]))


def empty(arrivals: Law, mu: float, n: int, pi: Array, ratio: float | None) -> float:
    """Return p_0 = λ Σ_k P(k + 1 steps or more between two arrivals)/(nμ) P(all gone after k steps).

    Arguments:
        pi, ratio: as `found` returns them; None instead of σ where the places are limited.
    """
    weights = all_counts(arrivals, n * mu)
    start = np.append(0.0, pi)
    if ratio is None:  # who finds no place changes nothing
        start = np.append(start[:-2], start[-2] + start[-1])
    down = np.minimum(np.arange(len(start)), n) / n
    fewer = ratio or 0.0
    arriving, result = float(pi[-1]) * fewer, 0.0
    for further in weights[::-1].cumsum()[::-1][1:]:
        result += further * start[0]
        start = _step(start, down)
        start[-1] += arriving
        arriving *= fewer
    return float(result) / (arrivals.mean * n * mu)


MODELS = (Model("GI/M/n/q", fits, solve),)
