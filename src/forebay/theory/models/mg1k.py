"""M/G/1/q: random arrivals, any work, one worker, K = q + 1 places; M/D/1/q with the exact wait.

The chain at the departures: d_j is proportional to how often one leaves j behind. What passes upwards comes down,

    d_{j+1} a_0 = d_0 ā_j + Σ_{i=1..j} d_i ā_{j+1−i},   ā_j = P(more than j come during one work),

all terms positive; p_j is proportional to d_j for j < K, and the loss p_K, which is 1 − 1/(d_0 + ρ) with Σ d_j = 1, is
summed up from how long a work goes on with all places taken. One who finds j waits for the rest of the work in hand,
which began with some i <= j in the system, and for j − 1 more. Sources:
R. B. Cooper, "Introduction to Queueing Theory" (1981), section 5.9; L. Takács, "Introduction to the Theory of Queues"
(1962).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forebay.theory.laws import Deterministic, General, Law
from forebay.theory.models.counting import all_counts, window
from forebay.theory.models.model import Model
from forebay.theory.models.plain import answer, plain_poisson
from forebay.theory.models.transforms import Complex, invert, probability, transform
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.survival import survival
from forebay.theory.system import System

Array = NDArray[np.float64]
FORMULA = "the chain at the departures"
SOURCE = 'R. B. Cooper, "Introduction to Queueing Theory" (1981), section 5.9'
PLACES = 10_000
_ERRORS = ((0.9, 20), (0.7, 45), (0.0, 150))
"""From these loads on, in percent: how far the loss of H_2, U and two-point work is from that of gamma work, q < 16."""
BUSIEST = 600.0
"""The largest ρ: e^−ρ must be a number."""


def states(arrival_rate: float, service: Law, K: int) -> Array:
    """Return p_0..p_K, the steady state of M/G/1 with K places in all; p_K is the loss."""
    come = all_counts(service, arrival_rate)
    above = np.append(come[::-1].cumsum()[::-1][1:], np.zeros(K + 1))
    d = np.zeros(K)
    d[0] = 1.0
    for j in range(K - 1):
        d[j + 1] = (d[0] * above[j] + d[1 : j + 1] @ above[j:0:-1]) / come[0]
        d /= max(1.0, d[j + 1])
    longer = np.append(above[::-1].cumsum()[::-1], np.zeros(K + 1))
    begun = np.append(d[0] + d[1:2].sum(), d[2:])
    full = float(begun @ longer[K - 1 - np.arange(len(begun))])
    p = np.append(d, full)
    return np.asarray(p / p.sum())


def _begun(p: Array) -> Array:
    """Return e_1..e_{K−1}: λe_i a second works begin with i in the system."""
    return np.append(p[0] + p[1], p[2:-1])[: len(p) - 2]


def constant_tails(arrival_rate: float, D: float, p: Array) -> tuple[Tail, Tail]:
    """Return P(Wq > t), P(W > t) of the accepted for constant work: one who finds j waits between (j − 1)D and jD.

    Of the work in hand more than x is left with N = j with probability Σ_i e_i P(more than j − i come within D − x).
    """
    accepted, begun, K = 1 - p[-1], _begun(p), len(p) - 1

    def rest(j: int, x: float) -> float:
        first, weights = window(arrival_rate * (D - x))
        more = np.append(np.ones(first + 1), 1 - weights.cumsum())[1:]
        i = np.arange(1, j + 1)
        return float(begun[:j] @ np.where(j - i < len(more), more[np.minimum(j - i, len(more) - 1)], 0.0))

    def wait(t: float) -> float:
        if t < 0:
            return 1.0
        whole = math.floor(t / D)
        longer = float(p[whole + 2 : K].sum())
        j = whole + 1
        return float((longer + (rest(j, t - whole * D) if j < K else 0.0)) / accepted)

    return wait, lambda t: 1.0 if t < D else wait(t - D)


def general_tails(arrival_rate: float, service: Law, p: Array) -> tuple[Tail, Tail]:
    """Return P(Wq > t), P(W > t) of the accepted by the transform of the rest of the work in hand and what follows."""
    B, begun, K, accepted = transform(service), _begun(p), len(p) - 1, 1 - float(p[-1])
    waits = float(p[1:K].sum()) / accepted
    come = all_counts(service, arrival_rate)

    def waiting(s: Complex) -> Complex:
        """Return E[e^(−sWq); Wq > 0] of the accepted."""
        work = B(s)
        C = _rests(s, work, arrival_rate, come, K - 1)
        reached = (C * work ** np.arange(K - 1)[:, None]).cumsum(axis=0)
        powers = work ** np.arange(K - 1)[:, None]
        return np.asarray(arrival_rate * (begun[:, None] * powers * reached[::-1]).sum(axis=0) / accepted)

    def wait(t: float) -> float:
        if t <= 0:
            return waits if t == 0 else 1.0
        return probability(invert(lambda s: (waits - waiting(s)) / s, t))

    def sojourn(t: float) -> float:
        if t <= 0:
            return 1.0
        at_once = (1 - waits) * survival(service, t)
        return probability(at_once + invert(lambda s: (waits - waiting(s) * B(s)) / s, t))

    return wait, sojourn


def _rests(s: Complex, work: Complex, rate: float, come: Array, size: int) -> Complex:
    """Return C_m(s) = E ∫_0^S e^{−λu}(λu)^m/m! e^{−s(S−u)} du for m < size, one row each.

    (λ − s) C_m = λ C_{m−1} − a_m, with λ C_{−1} = B*(s): forwards where |λ − s| >= λ, backwards from far out elsewhere,
    so that errors shrink.
    """
    far = max(size, len(come)) + 2
    a = np.append(come, np.zeros(far))[:far]
    forward, backward = np.zeros((size, len(s)), complex), np.zeros((size, len(s)), complex)
    apart = rate - s
    steady = abs(apart) >= rate
    last = work / rate
    for m in range(size):
        last = (rate * last - a[m]) / np.where(steady, apart, 1.0)
        last[~steady] = 0.0
        forward[m] = last
    last = np.zeros(len(s), complex)
    for m in range(far - 1, 0, -1):
        last = (np.where(steady, 0.0, apart) * last + a[m]) / rate
        if m - 1 < size:
            backward[m - 1] = last
    return np.where(steady, forward, backward)


def fits(system: System) -> bool:
    """Whether the system is M/G/1/q and not too large."""
    limited = math.isfinite(system.q) and system.n == 1 and system.places <= PLACES
    return plain_poisson(system) and limited and system.offered_load <= BUSIEST


def solve(system: System) -> Solution:
    """Return the steady state of M/G/1/q."""
    rate, work, K = system.arrival_rate, system.service, int(system.places)
    p = states(rate, work, K)
    loss = float(p[-1])
    constant = isinstance(work, Deterministic) or work.c2 == 0
    tails = constant_tails(rate, work.mean, p) if constant else general_tails(rate, work, p)
    Lq = float(np.arange(K) @ p[1:])
    p_wait = float(p[1:-1].sum()) / (1 - loss)
    two = isinstance(work, General) and not constant
    return answer(system, FORMULA, SOURCE, Lq, float(p[0]), p_wait, loss, tails, _error(system) if two else "")


def _error(system: System) -> str:
    """Return what is known of the loss where only two moments of the work are."""
    size = next(percent for load, percent in _ERRORS if system.offered_load >= load)
    return f"work by the gamma law of this mean and c²; other laws of the same lose up to {size} % more or less"


MODELS = (Model("M/G/1/q", fits, solve),)
