"""How likely a time is longer than t, by its law: P(S > t), and how much longer on average: E[(S − t)⁺].

Of G(c²) nothing is known but two moments; wherever a whole law is needed, the gamma law of these two stands in for it
(and the clock where c² = 0), the same that a simulation draws from.
"""

from __future__ import annotations

import math
from functools import singledispatch

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Samples, Uniform

_ENOUGH = 1e-17


@singledispatch
def survival(law: Law, t: float) -> float:
    """Return P(S > t), t in seconds."""
    raise UsageError(f"a law {law.letter} of your own has no formula here", "simulate it, or take its samples")


@singledispatch
def excess(law: Law, t: float) -> float:
    """Return E[(S − t)⁺] = ∫ P(S > x) dx from t on, seconds."""
    raise UsageError(f"a law {law.letter} of your own has no formula here", "simulate it, or take its samples")


@survival.register
def _(law: Exponential, t: float) -> float:
    return math.exp(-max(t, 0.0) / law.mean)


@excess.register
def _(law: Exponential, t: float) -> float:
    return law.mean * survival(law, t) - min(t, 0.0)


@survival.register
def _(law: Deterministic, t: float) -> float:
    return float(t < law.mean)


@excess.register
def _(law: Deterministic, t: float) -> float:
    return max(law.mean - t, 0.0)


@survival.register
def _(law: Erlang, t: float) -> float:
    return gamma_tail(law.k, max(t, 0.0) * law.k / law.mean)


@excess.register
def _(law: Erlang, t: float) -> float:
    return _gamma_excess(law.k, law.mean / law.k, t)


@survival.register
def _(law: Hyperexponential, t: float) -> float:
    return sum(p * math.exp(-max(t, 0.0) / m) for p, m in law.branches)


@excess.register
def _(law: Hyperexponential, t: float) -> float:
    return sum(p * m * math.exp(-max(t, 0.0) / m) for p, m in law.branches) - min(t, 0.0)


@survival.register
def _(law: Uniform, t: float) -> float:
    return 1 - min(max(t / (2 * law.mean), 0.0), 1.0)


@excess.register
def _(law: Uniform, t: float) -> float:
    return law.mean * survival(law, t) ** 2 - min(t, 0.0)


@survival.register
def _(law: General, t: float) -> float:
    if law.c2 == 0:
        return float(t < law.mean)
    return gamma_tail(1 / law.c2, max(t, 0.0) / (law.mean * law.c2))


@excess.register
def _(law: General, t: float) -> float:
    if law.c2 == 0:
        return max(law.mean - t, 0.0)
    return _gamma_excess(1 / law.c2, law.mean * law.c2, t)


@survival.register
def _(law: Samples, t: float) -> float:
    return sum(x > t for x in law.seconds) / len(law.seconds)


@excess.register
def _(law: Samples, t: float) -> float:
    return math.fsum(x - t for x in law.seconds if x > t) / len(law.seconds)


def _gamma_excess(shape: float, scale: float, t: float) -> float:
    x = max(t, 0.0) / scale
    return max(scale * (shape * gamma_tail(shape + 1, x) - x * gamma_tail(shape, x)), 0.0) - min(t, 0.0)


def gamma_tail(shape: float, x: float) -> float:
    """Return P(X > x) of the gamma law with scale 1; for a whole shape k, P(Poisson(x) < k).

    The series of the lower part below shape + 1, the continued fraction of the upper part above, by Lentz. Source:
    M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions" (1964), 6.5.29 and 6.5.31.
    """
    if x <= 0:
        return 1.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    return 1 - front * _series(shape, x) if x < shape + 1 else front * _fraction(shape, x)


def _series(shape: float, x: float) -> float:
    term = total = 1 / shape
    k = 0
    while term > _ENOUGH * total:
        k += 1
        term *= x / (shape + k)
        total += term
    return total


def _fraction(shape: float, x: float) -> float:
    b = x + 1 - shape
    c, d = math.inf, 1 / b
    h, k, step = d, 0, 0.0
    while abs(step - 1) > 4e-16 and k < 100_000:
        k += 1
        a = -k * (k - shape)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        step = c * d
        h *= step
    return h
