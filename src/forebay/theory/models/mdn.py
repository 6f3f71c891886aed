"""M/D/n: random arrivals, constant work, n workers; exactly, without alternating sums.

Every D seconds n of those in the system are done with, and Poisson(a) have come: Lq' = (Lq + A − n)⁺, a = λD. So

    E z^Lq = (n − a)(z − 1) Π (z − z_k)/(1 − z_k) / (zⁿ − e^{a(z−1)})

with z_k the n − 1 roots of zⁿ = e^{a(z−1)} inside of the unit circle. Read off on the circle by a Fourier transform;
far out P(Lq > m) falls geometrically by 1/τ, with τ the root above 1. The wait, for (k−1)D <= x < kD:

    P(Wq <= x) = Σ_{j<kn} P(Lq <= kn − 1 − j) e^{−λ(kD−x)} (λ(kD−x))^j/j!

Sources: C. D. Crommelin, "Delay Probability Formulae When the Holding Times Are Constant" (1932); G. J. Franx,
"A Simple Solution for the M/D/c Waiting Time Distribution", Operations Research Letters 29 (2001).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forebay.theory.laws import Deterministic
from forebay.theory.models.counting import window
from forebay.theory.models.model import Model
from forebay.theory.models.plain import answer, overloaded, plain_poisson, stable
from forebay.theory.solution import Solution
from forebay.theory.system import System

Array = NDArray[np.float64]
FORMULA = "Crommelin's roots, Franx' waiting time"
SOURCE = 'C. D. Crommelin (1932); G. J. Franx, "A Simple Solution for the M/D/c Waiting Time Distribution" (2001)'
WORKERS = 1000
_CRITICAL = 0.99998
"""The largest ρ: the queue is some 1/(1 − ρ) long, and all of it is held in memory."""
_ANCHOR = 1e-12
"""From where the tail is this small on it is continued geometrically."""
_ROUNDS = 200


def roots(a: float, n: int) -> NDArray[np.complex128]:
    """Return z_1..z_{n−1}, the roots of zⁿ = e^{a(z−1)} inside of the unit circle; the n-th is 1.

    Newton's steps for z = w e^{a(z−1)/n}, w an n-th root of unity, from a few steps of substitution.
    """
    w = np.exp(2j * np.pi * np.arange(1, n) / n)
    rho, z = a / n, 0.5 * w
    for _ in range(20):
        z = w * np.exp(rho * (z - 1))
    for _ in range(_ROUNDS):
        image = w * np.exp(rho * (z - 1))
        step = (z - image) / (1 - rho * image)
        z = z - step
        if abs(step).max(initial=0.0) < 1e-15:
            break
    return np.asarray(z)


def decay(a: float, n: int) -> float:
    """Return τ > 1 with τⁿ = e^{a(τ−1)}: far out, P(Lq > m) falls by 1/τ from m to m + 1."""
    rho = a / n
    tau = 1 - 2 * math.log(rho) / rho
    for _ in range(_ROUNDS):
        step = (rho * (tau - 1) - math.log(tau)) / (rho - 1 / tau)
        tau -= step
        if abs(step) < 1e-15 * tau:
            break
    return tau


class Waiting:
    """P(Lq > m) of M/D/n for every m from 0, in a steady state.

    Arguments:
        a: λD, below n. n: workers.
    """

    def __init__(self, a: float, n: int) -> None:
        self.ratio = 1 / decay(a, n)
        size = 1 << math.ceil(math.log2(n + 40 / math.log1p(1 / self.ratio - 1) + 64))
        pmf = np.fft.irfft(np.conj(_generating(a, n, size)), size)
        above = np.maximum(pmf[::-1].cumsum()[::-1][1:], 0.0)
        small = np.flatnonzero(above < _ANCHOR)
        self.known: Array = np.asarray(above[: max(int(small[0]), 1)] if len(small) else above)
        self.none = float(pmf[0])

    def above(self, m: NDArray[np.signedinteger]) -> Array:
        """Return P(Lq > m); 1 below 0."""
        last = len(self.known) - 1
        far = self.known[last] * self.ratio ** np.maximum(m - last, 0)
        return np.asarray(np.where(m < 0, 1.0, np.where(m > last, far, self.known[np.clip(m, 0, last)])))

    @property
    def mean(self) -> float:
        """Lq = Σ P(Lq > m)."""
        return float(self.known.sum() + self.known[-1] * self.ratio / (1 - self.ratio))


def _generating(a: float, n: int, size: int) -> NDArray[np.complex128]:
    """Return E z^Lq at z = e^{2πik/size}, k = 0..size/2."""
    angle = 2j * np.pi * np.arange(size // 2 + 1) / size
    z, less = np.exp(angle), np.expm1(angle)
    less[0] = -1.0  # any: the value at z = 1 is put in below
    values = (n - a) * less / (np.expm1(n * angle) - np.expm1(a * less))
    for root in roots(a, n):
        values *= (z - root) / (1 - root)
    values[0] = 1.0
    return np.asarray(values)


def mean_queue(a: float, n: int) -> float:
    """Return Lq = (a² − n(n−1))/(2(n − a)) + Σ 1/(1 − z_k). Source: Crommelin (1932)."""
    return float((a * a - n * (n - 1)) / (2 * (n - a)) + (1 / (1 - roots(a, n))).sum().real)


def wait_tail(waiting: Waiting, a: float, n: int, x: float) -> float:
    """Return P(Wq > x D), by Franx: k whole times D are begun, and Poisson arrivals fill the rest of the last one."""
    if x < 0:
        return 1.0
    k = math.floor(x) + 1
    first, weights = window(a * (k - x))
    j = first + np.arange(len(weights))
    return min(1.0, float(np.dot(weights, waiting.above(k * n - 1 - j))))


def fits(system: System) -> bool:
    """Whether the system is M/D/n with a queue without limit."""
    work = isinstance(system.service, Deterministic) or system.service.c2 == 0
    near = _CRITICAL * system.n < system.offered_load < system.n
    return plain_poisson(system) and work and math.isinf(system.q) and system.n <= WORKERS and not near


def solve(system: System) -> Solution:
    """Return the steady state of M/D/n."""
    if not stable(system):
        return overloaded(system, FORMULA, SOURCE)
    a, n, D = system.offered_load, int(system.n), system.service.mean
    waiting = Waiting(a, n)

    def wait(t: float) -> float:
        return wait_tail(waiting, a, n, t / D)

    def sojourn(t: float) -> float:
        return 1.0 if t < D else wait(t - D)

    p0 = waiting.none * math.exp(-a)
    return answer(system, FORMULA, SOURCE, waiting.mean, p0, wait(0.0), tails=(wait, sojourn))


MODELS = (Model("M/D/n", fits, solve),)
