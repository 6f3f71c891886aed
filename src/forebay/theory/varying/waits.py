"""How long they wait under FIFO, from what they find: who finds j waiting before it waits for j + 1 departures.

While all n workers are busy, departures come at the rate C = nμ whatever comes later. With exponential work they are a
Poisson process, so that the wait of who finds j waiting is Erlang of j + 1 stages of rate C, exactly, even where the
load changes with time. With f_j the share of the accepted that find j waiting and a_i(t) = e^(−Ct) (Ct)^i/i!

    P(Wq > t) = Σ_i a_i(t) Σ_{j>=i} f_j
    P(W > t)  = Σ_i a_i(t) [Σ_{j>=i} f_j + V_i] + f_free e^(−μt),   V_i = (1 − 1/n) V_{i−1} + f_{i−1},  V_0 = 0

where V_i is the share that began before the i-th departure and is in work still. For other laws the j + 1 departures
take a time of mean (j + (1 + cs²)/2)/C and variance cs² (j + 1)/C², gamma by its cube root (E. B. Wilson, M. M.
Hilferty, "The Distribution of Chi-Square", PNAS 17 (1931)), and the work is added by its quantiles.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from forebay.theory.laws import Exponential, Law
from forebay.theory.percentiles import Tail
from forebay.theory.varying.forward import Floats

_DRAWS = 1 << 16
_QUANTILES = 512
_GRID = 512
_FAR = 8.0
_NOTHING = 1e-14


def tails(free: float, found: Floats, ahead: Floats, n: int, service: Law) -> tuple[Tail, Tail]:
    """Return P(Wq > t) and P(W > t) of the accepted.

    Arguments:
        free: share of the accepted that find a free worker.
        found: shares of the accepted that find `ahead` waiting, and no free worker.
        ahead: messages, ascending.
        n: workers. service: the law of their work.
    """
    if isinstance(service, Exponential) and np.array_equal(ahead, np.arange(len(ahead))):
        return _exponential_wait(found, n / service.mean), _exponential_sojourn(free, found, n, service.mean)
    return _general(found, ahead, n, service)


def survival(service: Law, t: float) -> float:
    """Return P(the work alone takes longer than t), seconds."""
    if isinstance(service, Exponential):
        return math.exp(-t / service.mean)
    return float(np.mean(_quantiles(service) > t))


def poisson(most: int) -> Callable[[float], Floats]:
    """Return x to e^(−x) x^i/i! for i from 0 to `most`."""
    i = np.arange(most + 1, dtype=float)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(i[1:]))])

    def at(x: float) -> Floats:
        return np.asarray(np.exp(i * math.log(x) - x - log_factorials) if x > 0 else i == 0, dtype=float)

    return at


def _exponential_wait(found: Floats, C: float) -> Tail:
    beyond, a = _beyond(found), poisson(len(found) - 1)
    return lambda t: min(1.0, float(a(C * t) @ beyond))


def _exponential_sojourn(free: float, found: Floats, n: int, mean: float) -> Tail:
    begun, stays = [0.0], 1 - 1 / n
    for share in found.tolist():
        begun.append(stays * begun[-1] + share)
    while begun[-1] > _NOTHING:
        begun.append(stays * begun[-1])
    inside = np.array(begun)
    inside[: len(found)] += _beyond(found)
    a, C = poisson(len(inside) - 1), n / mean
    return lambda t: min(1.0, free * math.exp(-t / mean) + float(a(C * t) @ inside))


def _beyond(found: Floats) -> Floats:
    """Return Σ_{j>=i} f_j by i."""
    return np.cumsum(found[::-1])[::-1]


def _general(found: Floats, ahead: Floats, n: int, service: Law) -> tuple[Tail, Tail]:
    """Return both tails, from that of the wait on a grid that is finest at 0."""
    C, cs2 = n / service.mean, service.c2
    means, deviations = (ahead + (1 + cs2) / 2) / C, np.sqrt(cs2 * (ahead + 1)) / C
    grid = (means[-1] + 8 * deviations[-1]) * np.linspace(0, 1, _GRID) ** 2
    values = np.array([float(_later(t, means, deviations) @ found) for t in grid.tolist()])
    works = _quantiles(service)

    def waits(t: Floats) -> Floats:
        return np.asarray(np.interp(t, grid, values, left=1.0, right=0.0))

    return (lambda t: float(waits(np.array(t)))), (lambda t: float(waits(t - works).mean()))


def _later(t: float, means: Floats, deviations: Floats) -> Floats:
    """Return P(gamma times > t); without deviation it is 1 or 0."""
    if not deviations.any():
        return np.where(t < means, 1.0, 0.0)
    spread = (deviations / means) ** 2 / 9  # of the cube root of time over mean
    return normal_below((1 - spread - np.cbrt(t / means)) / np.sqrt(spread))


def normal_below(z: Floats) -> Floats:
    """Return P(a standard normal <= z), within 1e-7."""
    return np.interp(z, *_normal())


@cache
def _normal() -> tuple[Floats, Floats]:
    z = np.linspace(-_FAR, _FAR, 8001)
    return z, np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in z.tolist()])


def _quantiles(service: Law) -> Floats:
    """Return times that are equally likely: of many drawn, each hundredth or so."""
    drawn = np.empty(_DRAWS)
    service.draw(np.random.default_rng(0), drawn)
    drawn.sort()
    return drawn[_DRAWS // _QUANTILES // 2 :: _DRAWS // _QUANTILES]
