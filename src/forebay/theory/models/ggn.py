"""GI/G/n from two moments of each law: approximations of the mean wait, in units of the mean work.

All take ρ < 1, n, ca² (arrivals) and cs² (work), and are right for M/M/n. How far off they are is in `two_moments`.
"""

from __future__ import annotations

import math
from functools import cache

from forebay.theory.laws import Deterministic
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.gimn import found
from forebay.theory.models.mdn import mean_queue


def mmn(rho: float, n: int) -> float:
    """Return the mean wait of M/M/n, exactly: C(n, nρ)/(n(1 − ρ)). Source: A. K. Erlang (1917)."""
    return erlang_c(n, n * rho) / (n * (1 - rho))


@cache
def mdn(rho: float, n: int) -> float:
    """Return the mean wait of M/D/n, exactly. Source: C. D. Crommelin (1932)."""
    return max(0.0, mean_queue(n * rho, n) / (n * rho))


@cache
def dmn(rho: float, n: int) -> float:
    """Return the mean wait of D/M/n, exactly. Source: L. Takács, "Introduction to the Theory of Queues" (1962)."""
    pi, sigma = found(Deterministic(1 / (n * rho)), 1.0, n)
    return float(pi[-1]) * sigma / (n * (1 - sigma) ** 2)


def kingman(rho: float, ca2: float, cs2: float) -> float:
    """Return a bound that GI/G/1 does not exceed: (ca²/ρ² + cs²) ρ/(2(1 − ρ)).

    Source: J. F. C. Kingman, "Some Inequalities for the Queue GI/G/1", Biometrika 49 (1962).
    """
    return (ca2 / rho**2 + cs2) * rho / (2 * (1 - rho))


def marchal(rho: float, ca2: float, cs2: float) -> float:
    """Return Kingman's bound of GI/G/1, scaled so that M/G/1 is exact: times (1 + cs²)/(1/ρ² + cs²).

    Source: W. G. Marchal, "An Approximate Formula for Waiting Time in Single Server Queues", AIIE Transactions 8
    (1976).
    """
    return kingman(rho, ca2, cs2) * (1 + cs2) / (1 / rho**2 + cs2)


def allen_cunneen(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return W(M/M/n) (ca² + cs²)/2; for one worker often called Kingman's formula.

    Source: A. O. Allen, "Probability, Statistics, and Queueing Theory" (2nd ed. 1990), section 5.4.
    """
    return mmn(rho, n) * (ca2 + cs2) / 2


def kraemer_langenbach_belz(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return Allen and Cunneen's formula with an exponential correction for ca² other than 1.

    exp(−2(1 − ρ)(1 − ca²)²/(3ρ(ca² + cs²))) for ca² <= 1, exp(−(1 − ρ)(ca² − 1)/(ca² + 4cs²)) above. Source:
    W. Krämer, M. Langenbach-Belz, "Approximate Formulae for the Delay in the Queueing System GI/G/1" (ITC 8, 1976).
    """
    if ca2 + cs2 == 0:
        return 0.0
    if ca2 <= 1:
        exponent = -2 * (1 - rho) * (1 - ca2) ** 2 / (3 * rho * (ca2 + cs2))
    else:
        exponent = -(1 - rho) * (ca2 - 1) / (ca2 + 4 * cs2)
    return allen_cunneen(rho, n, ca2, cs2) * math.exp(exponent)


def cosmetatos(rho: float, n: int) -> float:
    """Return about the mean wait of M/D/n: W(M/M/n)/2 (1 + (1 − ρ)(n − 1)(√(4 + 5n) − 2)/(16ρn)).

    Source: G. P. Cosmetatos, "Approximate Explicit Formulae for the Average Queueing Time in the Processes (M/D/r) and
    (D/M/r)", INFOR 13 (1975).
    """
    return mmn(rho, n) / 2 * (1 + (1 - rho) * (n - 1) * (math.sqrt(4 + 5 * n) - 2) / (16 * rho * n))


def kimura(rho: float, n: int, ca2: float, cs2: float) -> float:
    """Return what lies harmonically between the exact M/M/n, M/D/n and D/M/n.

    (ca² + cs²)/((1 − ca²)/W(D/M/n) + (1 − cs²)/W(M/D/n) + 2(ca² + cs² − 1)/W(M/M/n)), useful for ca² <= 1. Source:
    T. Kimura, "Approximations for Multi-Server Queues: System Interpolations", Queueing Systems 17 (1994).
    """
    if ca2 + cs2 == 0 or mmn(rho, n) < _NOTHING:
        return 0.0
    parts = 2 * (ca2 + cs2 - 1) / mmn(rho, n)
    for c2, limit in ((ca2, dmn), (cs2, mdn)):
        if c2 != 1:
            parts += (1 - c2) / max(limit(rho, n), _NOTHING)
    return (ca2 + cs2) / parts if parts > 0 else math.inf


def bjoerklund_elldin(rho: float, n: int, cs2: float) -> float:
    """Return about the mean wait of M/G/n: cs² W(M/M/n) + (1 − cs²) W(M/D/n), the latter exactly.

    Source: M. Björklund, A. Elldin, "A Practical Method of Calculation for Certain Types of Complex Common Control
    Systems", Ericsson Technics 20 (1964).
    """
    return cs2 * mmn(rho, n) + (1 - cs2) * mdn(rho, n)


_NOTHING = 1e-14
"""A wait, in units of the work, below which nothing is told from it."""
