"""The universal scalability law: what N workers (or clients, or processors) do together, from a few measurements.

    X(N) = γN/(1 + α(N − 1) + βN(N − 1))

γ is what one does, α the share that must be done one after the other (contention: the limit is γ/α, Amdahl's), β what
every pair costs (coherency: past N* = √((1 − α)/β) more of them do less). Sources: N. J. Gunther, "A simple capacity
model of massively parallel transaction systems" (1993); "Guerrilla Capacity Planning" (2007), chapters 4 to 6.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.theory.result import Result, Row, finite
from forebay.theory.simulation.student import half_width

Vector = NDArray[np.float64]
Interval = tuple[float, float]

SUPPOSED_ERROR = 0.05
"""What each measurement is supposed to be off by, relatively, where nothing is left over to tell it from."""
_CONFIDENCE = 0.95
_ROUNDS = 500


class Method(StrEnum):
    """How the law is fitted."""

    LEAST_SQUARES = "least squares"
    """α, β and γ with the smallest sum of squared errors of X."""
    GUNTHER = "gunther"
    """γ is X(1); α and β by a parabola without constant through N/(X/γ) − 1 over N − 1."""


def usl(N: float, alpha: float, beta: float, gamma: float) -> float:
    """Return X(N), per second."""
    return gamma * N / (1 + alpha * (N - 1) + beta * N * (N - 1))


@dataclass(frozen=True, slots=True)
class Scalability(Result):
    """A fitted law.

    Arguments:
        alpha, beta, gamma: contention, coherency, and what one does a second.
        intervals: of alpha, beta and gamma, 95 %.
        degrees: of freedom, points less parameters; 0: the intervals suppose `SUPPOSED_ERROR` in every measurement.
        residual: standard error of the residuals, per second; 0 where nothing is left over.
        points: (N, X) that were measured. method: how it was fitted.
    """

    alpha: float
    beta: float
    gamma: float
    intervals: tuple[Interval, Interval, Interval]
    degrees: int
    residual: float
    points: tuple[tuple[float, float], ...]
    method: Method

    def throughput(self, N: float) -> float:
        """Return X(N), per second."""
        return usl(N, self.alpha, self.beta, self.gamma)

    @property
    def peak_at(self) -> float:
        """N*, with which the most is done; inf where more always do more."""
        if self.beta == 0:
            return math.inf
        return max(1.0, math.sqrt(max(0.0, 1 - self.alpha) / self.beta))

    @property
    def peak(self) -> float:
        """X(N*), per second; the limit where N* is inf."""
        return self.limit if math.isinf(self.peak_at) else self.throughput(self.peak_at)

    @property
    def limit(self) -> float:
        """γ/α, what would be done at most if pairs cost nothing (Amdahl), per second."""
        return self.gamma / self.alpha if self.alpha else math.inf

    @property
    def peak_interval(self) -> Interval:
        """N* at the ends of the intervals of α and β: wide where the points say little."""
        (low_a, high_a), (low_b, high_b), _ = self.intervals
        ends = [
            math.inf if b <= 0 else max(1.0, math.sqrt(max(0.0, 1 - a) / b))
            for a, b in ((max(0.0, high_a), high_b), (max(0.0, low_a), low_b))
        ]
        return ends[0], ends[1]

    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        alpha, beta, gamma = self.intervals
        peak = f"{self.peak:.5g}/s with {self.peak_at:.4g}" if math.isfinite(self.peak_at) else "none: more do more"
        return [
            ("gamma, of one", f"{self.gamma:.5g}/s  {_between(gamma)}"),
            ("alpha, contention", f"{self.alpha:.4g}  {_between(alpha)}"),
            ("beta, coherency", f"{self.beta:.4g}  {_between(beta)}"),
            ("peak", peak),
            ("peak is with", f"{_between(self.peak_interval)} of them"),
            ("limit (Amdahl)", f"{self.limit:.5g}/s" if math.isfinite(self.limit) else "none"),
            ("residual error", f"{self.residual:.4g}/s with {self.degrees} degrees of freedom"),
            *((f"X({N:g})", f"measured {X:.5g}/s, fitted {self.throughput(N):.5g}/s") for N, X in self.points),
            ("source", "N. J. Gunther, Guerrilla Capacity Planning (2007), chapters 4 to 6"),
            *(("note", note) for note in self.notes),
        ]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        if self.degrees:
            return ()
        supposed = f"the intervals suppose that each measurement is off by {SUPPOSED_ERROR:.0%}"
        count = len(self.points)
        return (f"{count} points for as many parameters leave 0 degrees of freedom to judge the fit by; {supposed}",)

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite becomes None."""
        derived = {name: getattr(self, name) for name in ("peak_at", "peak", "limit", "peak_interval", "notes")}
        result: dict[str, Any] = finite(asdict(self) | derived)
        return result


def _between(interval: Interval) -> str:
    return f"[{interval[0]:.4g}, {interval[1]:.4g}]"


def fit_usl(points: Sequence[tuple[float, float]], method: Method | str = Method.LEAST_SQUARES) -> Scalability:
    """Return the law that fits measurements, with α and β at 0 or above.

    Arguments:
        points: (N, X): X was measured, per second, with N; from three different N.
        method: see `Method`.

    Raises:
        UsageError: fewer than three different N, one is not above 0, the method is not known, or Gunther's has no X(1).
    """
    N, X = _measured(points)
    chosen = _method(method)
    start = _linear(N, X) if chosen is Method.LEAST_SQUARES else _gunther(N, X)
    theta = _least_squares(N, X, start) if chosen is Method.LEAST_SQUARES else start
    free = 3 if chosen is Method.LEAST_SQUARES else 2
    degrees = len(N) - free
    errors = X - _curve(theta, N)
    residual = math.sqrt(float(errors @ errors) / degrees) if degrees else 0.0
    intervals = _intervals(theta, N, X, residual, degrees, free)
    alpha, beta, gamma = map(float, theta)
    pairs = tuple(zip(N.tolist(), X.tolist(), strict=True))
    return Scalability(alpha, beta, gamma, intervals, degrees, residual, pairs, chosen)


def _measured(points: Sequence[tuple[float, float]]) -> tuple[Vector, Vector]:
    N, X = np.array([n for n, _ in points], dtype=float), np.array([x for _, x in points], dtype=float)
    if len(set(N.tolist())) < 3:
        raise UsageError("the law has three numbers to find", "measure with three different N or more")
    if not (np.isfinite(N).all() and np.isfinite(X).all() and N.min() > 0 and X.min() > 0):
        raise UsageError("a measurement is not a number above 0", "points are (N, X) with X a second")
    return N, X


def _method(method: Method | str) -> Method:
    try:
        return Method(method)
    except ValueError:
        raise UsageError(f"{method!r} is no way to fit", f"one of {', '.join(Method)}") from None


def _curve(theta: Vector, N: Vector) -> Vector:
    alpha, beta, gamma = theta
    return np.asarray(gamma * N / (1 + alpha * (N - 1) + beta * N * (N - 1)))


def _slopes(theta: Vector, N: Vector) -> Vector:
    """Return ∂X/∂(α, β, γ), one row for each point."""
    alpha, beta, gamma = theta
    below = 1 + alpha * (N - 1) + beta * N * (N - 1)
    X = gamma * N / below
    return np.column_stack([-X * (N - 1) / below, -X * N * (N - 1) / below, N / below])


def _linear(N: Vector, X: Vector) -> Vector:
    """Return a first guess: N/X is linear in 1/γ, α/γ and β/γ; weighted so that the errors are nearly those of X."""
    weight = X * X / N
    columns = np.column_stack([np.ones_like(N), N - 1, N * (N - 1)]) * weight[:, None]
    one, a, b = np.linalg.lstsq(columns, N / X * weight, rcond=None)[0]
    gamma = 1 / one if one > 0 else float((X / N).max())
    return np.array([max(0.0, a * gamma), max(0.0, b * gamma), gamma])


def _gunther(N: Vector, X: Vector) -> Vector:
    if 1.0 not in N:
        raise UsageError("Gunther's method divides by X(1), which was not measured", "measure N = 1, or least squares")
    gamma = float(X[N == 1].mean())
    x, y = N - 1, N / (X / gamma) - 1
    a, b = np.linalg.lstsq(np.column_stack([x * x, x]), y, rcond=None)[0]
    beta = max(0.0, float(a))
    return np.array([max(0.0, float(b) - beta), beta, gamma])


def _least_squares(N: Vector, X: Vector, start: Vector) -> Vector:
    """Return α, β >= 0 and γ of the smallest squared error: the best of the fits with none, one or both held at 0."""
    best, least = start, math.inf
    for held in ((), (0,), (1,), (0, 1)):
        theta = start.copy()
        theta[list(held)] = 0.0
        theta = _marquardt(N, X, theta, [i for i in range(3) if i not in held])
        error = float(np.sum((X - _curve(theta, N)) ** 2))
        if min(theta) >= 0 and error < least * (1 - 1e-9):
            best, least = theta, error
    return best


def _marquardt(N: Vector, X: Vector, theta: Vector, free: list[int]) -> Vector:
    """Return where the squared error does not fall any more, by damped Gauss-Newton steps of the free parameters.

    Source: D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters" (1963).
    """
    damping, error = 1e-3, X - _curve(theta, N)
    for _ in range(_ROUNDS):
        J = _slopes(theta, N)[:, free]
        scale = np.maximum(np.linalg.norm(J, axis=0), 1e-300)
        A = (J / scale).T @ (J / scale)
        step = np.linalg.solve(A + damping * np.eye(len(free)), (J / scale).T @ error) / scale
        tried = theta.copy()
        tried[free] += step
        new = X - _curve(tried, N)
        if new @ new <= error @ error:
            settled = np.abs(step) <= 1e-13 * np.maximum(np.abs(tried[free]), 1e-12)
            theta, error, damping = tried, new, max(damping / 10, 1e-15)
            if settled.all():
                break
        else:
            damping *= 10
            if damping > 1e12:
                break
    return theta


def _intervals(
    theta: Vector, N: Vector, X: Vector, residual: float, degrees: int, free: int
) -> tuple[Interval, Interval, Interval]:
    """Return the intervals of α, β and γ by the slopes at the fit; of one that was not fitted, the point itself."""
    J = _slopes(theta, N)[:, :free]
    scale = np.linalg.norm(J, axis=0)
    inverse = np.linalg.pinv(J / scale) / scale[:, None]
    errors = np.full(len(N), residual) if degrees else SUPPOSED_ERROR * X
    width = half_width(_CONFIDENCE, degrees) if degrees else half_width(_CONFIDENCE, 10_000)
    half = np.zeros(3)
    half[:free] = width * np.sqrt(((inverse * errors) ** 2).sum(axis=1))
    low, high = np.maximum(0.0, theta - half), theta + half
    a, b, c = zip(low.tolist(), high.tolist(), strict=True)
    return a, b, c
