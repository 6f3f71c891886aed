"""GI/G/n by Whitt: the mean wait and P(wait), from two moments of each law.

Source: W. Whitt, "Approximations for the GI/G/m Queue", Production and Operations Management 2 (1993), equations 2.16
to 2.25 (the mean) and section 3 (P(wait)). The letters are his, with n for m.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.ggn import mmn

_above = NormalDist().cdf


def mean_wait(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return the mean wait, in units of the mean work: φ(ρ, ca², cs², n) (ca² + cs²)/2 W(M/M/n)."""
    return _phi(rho, n, ca2, cs2) * (ca2 + cs2) / 2 * mmn(rho, n)


def p_wait(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return P(wait)."""
    z = (ca2 + cs2) / (1 + cs2)
    spread = math.sqrt(n * rho * z) if z else 0.0
    gamma = (n - n * rho - 0.5) / spread if spread else math.inf
    first = _first(rho, n, ca2, cs2)
    if n <= 6 or gamma <= 0.5 or ca2 >= 1:
        return min(1.0, first)
    normal = _above(-gamma) if math.isfinite(gamma) else 0.0
    second = ca2 * first + (1 - ca2) * normal
    share = 1.0 if gamma >= 1 else 2 * (1 - ca2) * (gamma - 0.5)
    return min(1.0, share * second + (1 - share) * first)


def _first(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return π1, between heavy traffic (π4) and arrivals alone (π5)."""
    exponential, beta = erlang_c(n, n * rho), (1 - rho) * math.sqrt(n)
    below = _above(-beta)

    def scaled(by: float) -> float:
        return min(1.0, _above(-by * beta) / below * exponential) if below else 0.0

    heavy = scaled((1 + cs2) / (ca2 + cs2)) if ca2 + cs2 else 0.0
    return rho**2 * heavy + (1 - rho**2) * scaled(2 / (1 + ca2))


def _phi(rho: float, n: int, ca2: float, cs2: float) -> float:
    between = _psi(rho, n, (ca2 + cs2) / 2)
    if ca2 == cs2:
        return between
    if ca2 > cs2:
        both = 4 * ca2 - 3 * cs2
        return (4 * (ca2 - cs2) * _phi1(rho, n) + cs2 * between) / both
    return ((cs2 - ca2) * _phi3(rho, n) + (cs2 + 3 * ca2) * between) / (2 * (ca2 + cs2))


def _psi(rho: float, n: int, c2: float) -> float:
    return 1.0 if c2 >= 1 else min(1.0, (_phi1(rho, n) + _phi3(rho, n)) / 2) ** (2 * (1 - c2))


def _phi1(rho: float, n: int) -> float:
    return 1 + _gamma(rho, n)


def _phi3(rho: float, n: int) -> float:
    return (1 - 4 * _gamma(rho, n)) * math.exp(-2 * (1 - rho) / (3 * rho))


def _gamma(rho: float, n: int) -> float:
    return min(0.24, (1 - rho) * (n - 1) * (math.sqrt(4 + 5 * n) - 2) / (16 * n * rho))
