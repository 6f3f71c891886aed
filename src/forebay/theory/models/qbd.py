"""Quasi-birth-death processes: Markov chains of levels, which rise and fall by one, and phases within a level.

    π_{i+1} = π_i R_i;   R_i = F_i (−(L_{i+1} + R_{i+1} B_{i+2}))^−1, from the top down

with F up, L within, B down. Above some level all levels are alike and R_i = R: the logarithmic reduction finds it in
a few steps. Probabilities are good to about 1e-15, the very small ones not to as many digits. Sources: G. Latouche,
V. Ramaswami, "A Logarithmic Reduction Algorithm for Quasi-Birth-Death Processes", Journal of Applied Probability 30
(1993); for levels that differ, D. P. Gaver, P. A. Jacobs, G. Latouche, "Finite Birth-and-Death Models in Randomly
Changing Environments", Advances in Applied Probability 16 (1984).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forebay.theory.models.phases import stationary

Array = NDArray[np.float64]
_ROUNDS = 64
"""Every round doubles the levels that are looked at."""


def reduce(B: Array, L: Array, F: Array) -> Array:
    """Return G, the first passage one level down: G_ij = P(the phase is j when the level below is first reached).

    Arguments:
        B, L, F: square matrices of rates: one level down, within the level, one level up.
    """
    H, D = np.hsplit(np.linalg.solve(-L, np.hstack([F, B])), 2)
    G, T, eye = np.array(D), np.array(H), np.eye(len(L))
    for _ in range(_ROUNDS):
        U = H @ D + D @ H
        H, D = np.hsplit(np.linalg.solve(eye - U, np.hstack([H @ H, D @ D])), 2)
        step = T @ D
        G, T = G + step, T @ H
        if step.max() < 1e-16:
            break
    return np.asarray(G)


def rate_matrix(B: Array, L: Array, F: Array) -> Array:
    """Return R, the smallest solution of F + RL + R²B = 0, of a process that is stable."""
    return _right(F, -(L + F @ reduce(B, L, F)))


def _right(X: Array, A: Array) -> Array:
    """Return X A^−1."""
    return np.asarray(np.linalg.solve(A.T, X.T).T)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The steady state: π of the levels 0..N, and for all above π_{N+j} = π_N R^j; without R there are none.

    Arguments:
        pi: one vector for each level.
        R: of the levels that are alike.
    """

    pi: tuple[Array, ...]
    R: Array | None = None

    def mass(self, level: int) -> float:
        """Return P(level)."""
        return float(self.vector(level).sum())

    def vector(self, level: int) -> Array:
        """Return π of a level."""
        if level < len(self.pi):
            return self.pi[level]
        if self.R is None:
            return np.zeros_like(self.pi[-1])
        return np.asarray(self.pi[-1] @ np.linalg.matrix_power(self.R, level - len(self.pi) + 1))

    @property
    def above(self) -> Array:
        """π_N + π_{N+1} + ..."""
        if self.R is None:
            return self.pi[-1]
        return np.asarray(np.linalg.solve(np.eye(len(self.R)) - self.R.T, self.pi[-1]))

    def mean_above(self, level: int) -> float:
        """Return E[(level − `level`)⁺], for a level up to N."""
        known = sum((k - level) * float(p.sum()) for k, p in enumerate(self.pi[:-1]) if k > level)
        top = (len(self.pi) - 1 - level) * float(self.above.sum())
        if self.R is None:
            return known + top
        further = np.linalg.solve(np.eye(len(self.R)) - self.R.T, self.R.T @ self.above)
        return known + top + float(further.sum())


Block = Callable[[int], Array]


def steady_levels(L: Sequence[Array], F: Sequence[Array], B: Sequence[Array], R: Array | None = None) -> Levels:
    """Return the steady state of levels 0..N, on top of which others alike may follow.

    Arguments:
        L: within the level, for the levels 0..N; for N with the part R B that comes back from above, or with the
            arrivals that find no place.
        F: from the level up, for 0..N−1. B: from the level down, for 1..N (B[0] is of level 1).
        R: of the levels above N; None: there are none.
    """
    rates = []
    local = L[-1]
    for i in range(len(F) - 1, -1, -1):
        step = _right(F[i], -local)
        rates.append(step)
        local = L[i] + step @ B[i]
    pi = [stationary(local)]
    for step in reversed(rates):
        pi.append(pi[-1] @ step)
        if pi[-1].sum() > 1e100:
            pi = [p / 1e100 for p in pi]
    result = Levels(tuple(pi), R)
    total = sum(float(p.sum()) for p in pi[:-1]) + float(result.above.sum())
    return Levels(tuple(np.asarray(p / total) for p in pi), R)


def quasi_birth_death(B: ArrayLike, L: ArrayLike, F: ArrayLike, L0: ArrayLike) -> Levels:
    """Return the steady state of a process whose levels are all alike but for level 0, which has L0 within it.

    Arguments:
        B, L, F, L0: square matrices of rates: down, within, up, and within level 0.
    """
    down, within, up = (np.asarray(matrix, dtype=float) for matrix in (B, L, F))
    R = rate_matrix(down, within, up)
    return steady_levels([np.asarray(L0, dtype=float), within + R @ down], [up], [down], R)


def map_map_1(D0: ArrayLike, D1: ArrayLike, S0: ArrayLike, S1: ArrayLike) -> Levels:
    """Return the steady state of MAP/MAP/1: work that is a MAP too, whose phase stands still while nobody is there.

    Arguments:
        D0, D1: rates of the arrivals, without and with one. S0, S1: of the work, without and with an end.
    """
    still, coming, steady, ending = (np.asarray(matrix, dtype=float) for matrix in (D0, D1, S0, S1))
    one, other = np.eye(len(still)), np.eye(len(steady))
    idle = np.kron(still, other)
    return quasi_birth_death(np.kron(one, ending), idle + np.kron(one, steady), np.kron(coming, other), idle)
