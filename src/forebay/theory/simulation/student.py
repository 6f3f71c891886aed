"""Student's t: how wide an interval of a few batches must be."""

from __future__ import annotations

import functools
import math
import statistics

_MANY = 200
_HALVINGS = 80
"""Enough to cut π/2 down to the spacing of floats near 0."""


def probability(t: float, nu: int) -> float:
    """Return P(|T| < t) with nu degrees of freedom: the finite sums in sin θ and cos θ, tan θ = t/√nu.

    Source: M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.3 (odd nu), 26.7.4 (even).
    """
    return _inside(math.atan(t / math.sqrt(nu)), nu)


@functools.lru_cache(maxsize=256)
def half_width(confidence: float, nu: int) -> float:
    """Return the t with P(|T| < t) = confidence.

    Arguments:
        confidence: above 0 and below 1; 0.95 for the usual interval.
        nu: degrees of freedom, one or more.

    Raises:
        ValueError: there is no such t.
    """
    if not (0 < confidence < 1 and nu >= 1):
        raise ValueError(f"there is no t for a confidence of {confidence} with {nu} degrees of freedom")
    if nu > _MANY:
        return _nearly_normal(statistics.NormalDist().inv_cdf((1 + confidence) / 2), nu)
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _inside(middle, nu) < confidence else (low, middle)
    return math.sqrt(nu) * math.tan((low + high) / 2)


def _nearly_normal(z: float, nu: int) -> float:
    """Return the same for many degrees of freedom from the normal z, by the expansion 26.7.5."""
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term * float(nu) ** -k for k, term in enumerate(terms))


def _inside(theta: float, nu: int) -> float:
    cos, sin = math.cos(theta), math.sin(theta)
    term = cos if nu % 2 else 1.0
    total = term if nu > 1 else 0.0
    for k in range(2 + nu % 2, nu, 2):
        term *= cos * cos * (k - 1) / k
        total += term
    return 2 / math.pi * (theta + sin * total) if nu % 2 else sin * total
