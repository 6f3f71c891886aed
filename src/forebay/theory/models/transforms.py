"""Laplace transforms: of the laws, and back again by Euler's summation.

Source: J. Abate, W. Whitt, "Numerical Inversion of Laplace Transforms of Probability Distributions", ORSA Journal on
Computing 7 (1995), equations 13 to 15. The error is about 1e-10 where the function is smooth; where its slope
jumps (work that takes one of a few fixed times) it is up to about 1e-4 just there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forebay.theory.laws import Deterministic, General, Law, Samples, Uniform

Complex = NDArray[np.complex128]
Transform = Callable[[Complex], Complex]
"""A vector of s with Re s > 0 to the values of the transform there."""

_A = 23.0  # the discretisation leaves e^-A = 1e-10, rounding e^(A/2) 1e-16
_ROUNDING = 1e-10
_TERMS = 40
_EULER = 14
_KEPT = 400
"""Samples above so many distinct ones are grouped for the inversion."""

_NODES: Complex = np.asarray((_A + 2j * np.pi * np.arange(_TERMS + _EULER + 1)) / 2, dtype=np.complex128)


def _weights() -> NDArray[np.float64]:
    """Return (−1)^k times the share of the k-th term that Euler's summation takes."""
    row = np.array([1.0])
    for _ in range(_EULER):
        row = (np.append(row, 0.0) + np.append(0.0, row)) / 2
    share = np.ones(_TERMS + _EULER + 1)
    share[_TERMS:] = row[::-1].cumsum()[::-1]
    share[0] = 0.5
    return np.asarray(share * (-1.0) ** np.arange(len(share)) * np.exp(_A / 2))


_WEIGHTS = _weights()


def invert(transform: Transform, t: float) -> float:
    """Return f(t), t > 0, from its Laplace transform ∫ e^(−st) f(t) dt."""
    return float(np.dot(_WEIGHTS, transform(_NODES / t).real)) / t


def probability(value: float) -> float:
    """Return what was inverted as a probability; what is below the error of the inversion is 0."""
    return min(1.0, value) if value > _ROUNDING else 0.0


def transform(law: Law) -> Transform:
    """Return B*(s) = E[e^(−sS)] of a law, for vectors of s.

    Measured times are summed up where there are many: the longest 200 stay as they are, the others become 100 groups
    of as many each, and of each group two times with its mean and variance.
    """
    if isinstance(law, Deterministic) or (isinstance(law, General) and law.c2 == 0):
        return lambda s: np.exp(-s * law.mean)
    if isinstance(law, General):
        return lambda s: np.exp(-np.log1p(s * (law.mean * law.c2)) / law.c2)
    if isinstance(law, Uniform):
        return lambda s: -np.expm1(-2 * s * law.mean) / (2 * s * law.mean)
    if isinstance(law, Samples):
        times, shares = grouped(law)
        return lambda s: np.asarray(np.exp(-np.outer(s, times)) @ shares)
    return lambda s: np.asarray(law.transform(s))  # type: ignore[arg-type]  # rational: as good for a vector


def grouped(law: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (times, shares) of measured times, at most about 400; mean and variance are kept."""
    times, counts = np.unique(law.seconds, return_counts=True)
    if len(times) <= _KEPT:
        return times, counts / len(law.seconds)
    rising = np.sort(law.seconds)
    groups = np.array_split(rising[: -_KEPT // 2], _KEPT // 4)
    middle, spread = np.array([g.mean() for g in groups]), np.array([g.std() for g in groups])
    halves = np.repeat([len(g) / 2 for g in groups], 2)
    pairs = np.ravel(np.column_stack([middle - spread, middle + spread]))
    longest = rising[-_KEPT // 2 :]
    return np.append(pairs, longest), np.append(halves, np.ones(len(longest))) / len(rising)
