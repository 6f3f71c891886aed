"""Times made of exponential phases, arrivals driven by phases, and the phases of n workers at once.

A phase-type law (α, T): begins in phase i with probability α_i, moves by T, ends by t = −T1. M is one phase, E_k is k
in a row, H_2 two side by side. Source: M. F. Neuts, "Matrix-Geometric Solutions in Stochastic Models" (1981),
chapter 2.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.theory.laws import Erlang, Exponential, Hyperexponential, Law
from forebay.theory.system import Arrivals, Markovian

Array = NDArray[np.float64]
PHASED = (Exponential, Erlang, Hyperexponential)
"""Laws that are made of phases."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseType:
    """(α, T): the law of the time until a Markov chain that starts by α and moves by T ends."""

    alpha: Array
    T: Array

    @property
    def t(self) -> Array:
        """The rates at which it ends, by phase."""
        return np.asarray(-self.T.sum(axis=1))


def phase_type(law: Law) -> PhaseType:
    """Return (α, T) of M, E_k or H_2.

    Raises:
        UsageError: another law.
    """
    if isinstance(law, Hyperexponential):
        alpha, means = np.array(law.branches).T
        return PhaseType(alpha, np.diag(-1 / means))
    if not isinstance(law, PHASED):
        raise UsageError(f"{law.letter} is not made of phases", "M, E_k and H2 are")
    k = law.k if isinstance(law, Erlang) else 1
    rate = k / law.mean
    return PhaseType(np.eye(k)[0], rate * (np.eye(k, k=1) - np.eye(k)))


def fitted(mean: float, c2: float, most: int) -> PhaseType:
    """Return a law made of at most so many phases, with this mean and (if they are enough) this c².

    From c² = 1 on H_2 with balanced means, below it E_{k−1} or E_k, or E_most where c² is less than 1/most. Source:
    H. C. Tijms, "A First Course in Stochastic Models" (2003), appendix B.
    """
    if c2 > 1:
        return phase_type(Hyperexponential(mean, c2))
    if c2 * most <= 1:
        return phase_type(Erlang(mean, most))
    k = math.ceil(1 / c2 - 1e-12)
    p = (k * c2 - math.sqrt(max(0.0, k * (1 + c2) - k * k * c2))) / (1 + c2)
    rate = (k - p) / mean
    alpha = np.array([1 - p, p, *np.zeros(k)])[:k]
    return PhaseType(alpha / alpha.sum(), rate * (np.eye(k, k=1) - np.eye(k)))


def renewals(law: PhaseType) -> tuple[Array, Array]:
    """Return (D0, D1) of arrivals whose distances follow a law made of phases."""
    return law.T, np.outer(law.t, law.alpha)


def arrival_process(arrivals: Arrivals) -> tuple[Array, Array]:
    """Return (D0, D1) of arrivals that are a MAP already, or renewals by a law made of phases.

    Raises:
        UsageError: other arrivals, or matrices that are no MAP.
    """
    if isinstance(arrivals, Markovian):
        return _checked(np.array(arrivals.D0), np.array(arrivals.D1))
    if not isinstance(arrivals, PHASED):
        raise UsageError("these arrivals are not made of phases", "M, E_k, H2, MMPP and MAP are")
    return renewals(phase_type(arrivals))


def _checked(D0: Array, D1: Array) -> tuple[Array, Array]:
    off = D0 - np.diag(np.diag(D0))
    if D0.shape != D1.shape or D0.ndim != 2 or D0.shape[0] != D0.shape[1]:
        raise UsageError("D0 and D1 of a MAP are square and of one size", "a row for each phase")
    if (off < 0).any() or (D1 < 0).any() or abs((D0 + D1).sum(axis=1)).max() > 1e-9 * abs(D0).max():
        raise UsageError("D0 and D1 are not a MAP", "rates >= 0 off the diagonal of D0; rows of D0 + D1 sum to 0")
    return D0, D1


def stationary(Q: Array) -> Array:
    """Return π with πQ = 0 and π1 = 1, of a generator, by elimination without subtraction.

    Source: W. K. Grassmann, M. I. Taksar, D. P. Heyman, "Regenerative Analysis and Steady State Distributions for
    Markov Chains", Operations Research 33 (1985).
    """
    A = np.array(Q, dtype=float)
    for k in range(len(A) - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    pi = np.ones(1)
    for k in range(1, len(A)):
        pi = np.append(pi, pi @ A[:k, k])
    return np.asarray(pi / pi.sum())


def dispersion(D0: Array, D1: Array) -> tuple[float, float]:
    """Return (λ, IDC): the rate of a MAP, and the limit of Var N(t)/E N(t), the index of dispersion for counts.

    IDC = 1 + 2 (π D1 (1π − D0 − D1)^−1 D1 1 − λ²)/λ; 1 is a Poisson process. Source: W. Fischer, K. Meier-Hellstern,
    "The Markov-modulated Poisson process (MMPP) cookbook", Performance Evaluation 18 (1993).
    """
    D0, D1 = np.asarray(D0, dtype=float), np.asarray(D1, dtype=float)
    pi, one = stationary(D0 + D1), np.ones(len(D0))
    rate = float(pi @ D1 @ one)
    deviation = np.linalg.solve(np.outer(one, pi) - D0 - D1, D1 @ one)
    return rate, float(1 + 2 * (pi @ D1 @ deviation - rate**2) / rate)


def configurations(workers: int, phases: int) -> list[tuple[int, ...]]:
    """Return how many of the busy workers may be in each phase: all the ways to write `workers` as such a sum."""
    if phases == 1:
        return [(workers,)]
    return [(first, *rest) for first in range(workers, -1, -1) for rest in configurations(workers - first, phases - 1)]


def configuration_count(workers: int, phases: int) -> int:
    """Return C(workers + phases − 1, phases − 1), the number of `configurations`."""
    return math.comb(workers + phases - 1, phases - 1)


class Workers:
    """Matrices of rates between the configurations of so many busy workers, all serving by one phase-type law."""

    def __init__(self, law: PhaseType) -> None:
        self.law = law

    def starting(self, busy: int) -> Array:
        """Return the probabilities of the next configuration where one more begins."""
        return self._moves(busy, busy + 1, [(None, j, a, False) for j, a in enumerate(self.law.alpha) if a > 0])

    def ending(self, busy: int) -> Array:
        """Return the rates at which one ends, and nobody follows."""
        return self._moves(busy, busy - 1, [(i, None, t, True) for i, t in enumerate(self.law.t) if t > 0])

    def moving(self, busy: int) -> Array:
        """Return the rates without an end; minus the total rate on the diagonal."""
        T = self.law.T
        moves = [(i, j, T[i, j], True) for i, j in np.argwhere(T) if i != j]
        matrix = self._moves(busy, busy, moves)
        totals = np.array(configurations(busy, len(T))) @ np.diag(T)
        return np.asarray(matrix + np.diag(totals))

    def _moves(self, busy: int, then: int, moves: list[tuple[int | None, int | None, float, bool]]) -> Array:
        rows = configurations(busy, len(self.law.alpha))
        columns = {c: k for k, c in enumerate(configurations(then, len(self.law.alpha)))}
        matrix = np.zeros((len(rows), len(columns)))
        for k, row in enumerate(rows):
            for target, rate in _reached(row, moves):
                matrix[k, columns[target]] += rate
        return matrix


def _reached(
    row: tuple[int, ...], moves: list[tuple[int | None, int | None, float, bool]]
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield (configuration, rate): every move takes one out of a phase and puts one into a phase, or only one of it."""
    for out, into, rate, each in moves:
        times = row[out] if each and out is not None else 1
        if times:
            new = list(row)
            if out is not None:
                new[out] -= 1
            if into is not None:
                new[into] += 1
            yield tuple(new), times * rate
