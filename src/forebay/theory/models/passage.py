"""How long it takes to work off what lies ahead, while others come who go before: busy periods.

A queue that is worked off at rate μ and refilled at rate λ falls by one in a busy period of M/M/1. Whoever must wait
until a geometric number of such falls has happened, P(k + 1 falls) = (1 − σ)σ^k, waits F with the transform

    F*(s) = (1 − σ) b(s)/(1 − σ b(s)),    b(s) = (λ + μ + s − √((λ + μ + s)² − 4λμ))/2λ

One formula holds three disciplines of M/M/n, with μ the rate of all workers together: FIFO (λ = 0, σ = ρ: nobody goes
before), LIFO (σ = 0: everybody who comes later does), and a class of priority between them (λ of the more urgent, σ of
them and of its own). Source for b(s): L. Kleinrock, "Queueing Systems" I (1975), eq. 5.139; the tail here is the
integral of F* around its cut and its pole.
"""

# ruff: noqa: N802, N803 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np

from forebay.theory.laws import Law
from forebay.theory.models.transforms import Complex, Transform, invert
from forebay.theory.percentiles import Tail

_SMALL = 1e-9
_MOST_POINTS = 200_000
_MOST_ROUNDS = 40
_SETTLED = 2e-15
_TINY = 1e-200


def busy_mean(arrival_rate: float, service: Law) -> float:
    """Return E[B] = E[S]/(1 − ρ), seconds, of M/G/1; inf where ρ >= 1.

    Source: L. Kleinrock, "Queueing Systems" I (1975), eq. 5.141.
    """
    rho = arrival_rate * service.mean
    return service.mean / (1 - rho) if rho < 1 else math.inf


def busy_variance(arrival_rate: float, service: Law) -> float:
    """Return Var B = (Var S + ρ E[S]²)/(1 − ρ)³, seconds², of M/G/1; inf where ρ >= 1.

    Source: L. Kleinrock, "Queueing Systems" I (1975), eq. 5.143.
    """
    rho = arrival_rate * service.mean
    return (service.c2 + rho) * service.mean**2 / (1 - rho) ** 3 if rho < 1 else math.inf


def busy_transform(lam: float, B: Transform) -> Transform:
    """Return b(s) = B*(s + λ(1 − b(s))), the transform of the busy period of M/G/1, for Re s > 0.

    Arguments:
        lam: arrivals, per second. B: B*(s), the transform of the service time.

    Source: L. Takács, "Introduction to the Theory of Queues" (1962); L. Kleinrock I (1975), eq. 5.137. The iteration is
    sped up by J. F. Steffensen's method (1933): the limit of the geometric series that two steps suggest.
    """

    def b(s: Complex) -> Complex:
        found, error = B(s + lam), math.inf
        for _ in range(_MOST_ROUNDS):
            once = B(s + lam * (1 - found))
            twice = B(s + lam * (1 - once))
            first, second = once - found, twice - once
            before, error = error, float(abs(first).max())
            if error < _SETTLED and error >= before / 2:  # what is left is rounding
                break
            bend = second - first
            ahead = np.divide(first * first, bend, out=np.zeros_like(bend), where=abs(bend) > _TINY)
            limit = np.where(abs(bend) > _TINY, found - ahead, twice)
            found = np.where(abs(limit) <= 1, limit, twice)  # the only root with |b| <= 1 is the one looked for
        return found

    return b


def passage_transform(lam: float, mu: float, sigma: float) -> Transform:
    """Return F*(s); see the top of this module, and `passage_tail` for the arguments."""
    if lam <= _SMALL * mu:
        return lambda s: (1 - sigma) * mu / ((1 - sigma) * mu + s)

    def F(s: Complex) -> Complex:
        half = (lam + mu + s) / 2
        b = mu / (half + np.sqrt(half - math.sqrt(lam * mu)) * np.sqrt(half + math.sqrt(lam * mu)))
        return np.asarray((1 - sigma) * b / (1 - sigma * b))

    return F


def passage_tail(lam: float, mu: float, sigma: float) -> Tail:
    """Return t -> P(F > t) for 0 <= λ < μ, 0 <= σ < 1; see the top of this module.

    Arguments:
        lam: rate at which others come who go before, per second.
        mu: rate at which all is worked off.
        sigma: P(one more lies ahead), of the geometric number.
    """
    if lam <= _SMALL * mu:
        return lambda t: math.exp(-(1 - sigma) * mu * t)
    r = math.sqrt(lam / mu)
    points = min(_MOST_POINTS, max(128, math.ceil(40 / -math.log(r))))
    phi = (np.arange(points) + 0.5) * (math.pi / points)  # the trapezoid rule on a circle converges as a power series
    x = lam + mu - 2 * math.sqrt(lam * mu) * np.cos(phi)
    distance = r * r - 2 * sigma * r * np.cos(phi) + sigma * sigma
    weight = 2 * lam * (1 - sigma) / points * np.sin(phi) ** 2 / (distance * x)
    # F* has a pole beside its cut where σ > r. What the integral lacks at t = 0 is the pole's, and near r also what
    # the rule misses of it: both decay alike.
    pole = 1 - float(weight.sum()) if sigma > r * math.exp(-20 / points) else 0.0
    decay = (1 - sigma) * (mu - lam / sigma) if pole else 0.0

    def tail(t: float) -> float:
        return min(1.0, float(weight @ np.exp(-x * t)) + pole * math.exp(-decay * t))

    return tail


def tail_of(transform: Transform, at_once: float = 1.0) -> Tail:
    """Return t -> P(T > t) from E[e^(−sT)], which cannot exceed P(T > 0)."""
    return lambda t: min(at_once, max(0.0, invert(lambda s: (1 - transform(s)) / s, t))) if t > 0 else at_once
