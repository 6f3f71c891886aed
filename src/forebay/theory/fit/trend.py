"""How the rate of arrivals moves: it stands still, it slopes, or it is the wave S(t) = A sin(2πt/T + φ) + B.

Counts in bins are regressed on 1, sin ωt and cos ωt; ω comes from the periodogram and is made exact by Gauss and Newton
with Poisson weights. A wave is believed if its peak stands above the noise around it: that of bursts is red, and would
pass for a wave beside white noise. Source: P. Bloomfield, "Fourier Analysis of Time Series" (2nd ed. 2000), chapter 2.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay.theory.path import Seconds
from forebay.theory.varying.sine import Sine

_BY_CHANCE = 1e-4
"""A peak of noise alone is this rare before it is believed."""
_MOVED = 3.0
"""Messages that a wave or slope moves at least: less is the grain of a clock."""
_NEAR = 16
"""Frequencies whose power tells the noise."""
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Flat:
    """A rate that stands still: `level` a second."""

    level: float

    def rate(self, t: float) -> float:
        """Return S(t)."""
        return self.level

    def cumulative(self, t: Any) -> Any:
        """Return Λ(t), of a number or of an array."""
        return self.level * t

    def __str__(self) -> str:
        return "constant"


@dataclass(frozen=True, slots=True)
class Slope:
    """A rate of `begin` a second at first that grows by `slope` (± `slope_error`) a second, each second."""

    begin: float
    slope: float
    slope_error: float

    def rate(self, t: float) -> float:
        """Return S(t)."""
        return max(0.0, self.begin + self.slope * t)

    def cumulative(self, t: Any) -> Any:
        """Return Λ(t), of a number or of an array; a rate that falls to 0 stays there."""
        if self.slope < 0:
            t = np.minimum(t, -self.begin / self.slope)
        return self.begin * t + self.slope * t * t / 2

    def __str__(self) -> str:
        return f"from {self.begin:.4g}/s, {self.slope:+.3g} ± {2 * self.slope_error:.2g} a second each second"


@dataclass(frozen=True, slots=True)
class Wave:
    """The wave A sin(2πt/T + φ) + B, t from the beginning of the log, each with its standard error."""

    A: float
    B: float
    T: float
    phi: float
    A_error: float
    B_error: float
    T_error: float
    phi_error: float

    @property
    def load(self) -> Sine:
        """The same as a load; its trough is never below 0."""
        return Sine(min(self.A, self.B), self.B, self.T, self.phi)

    def rate(self, t: float) -> float:
        """Return S(t)."""
        return self.load.rate(t)

    def cumulative(self, t: Any) -> Any:
        """Return Λ(t), of a number or of an array."""
        w = 2 * math.pi / self.T
        return self.B * t + min(self.A, self.B) / w * (math.cos(self.phi) - np.cos(w * t + self.phi))

    def __str__(self) -> str:
        return (
            f"a wave around {self.B:.4g} ± {2 * self.B_error:.2g}/s, "
            f"amplitude {self.A:.4g} ± {2 * self.A_error:.2g}/s, period {self.T:.4g} ± {2 * self.T_error:.2g} s"
        )


Trend = Flat | Slope | Wave


def trend_of(arrived: Seconds, end: float) -> Trend:
    """Return how the rate moves.

    Arguments:
        arrived: instants, seconds, rising.
        end: when the watching ended, counted from 0, where it began.
    """
    flat = Flat(len(arrived) / end)
    m = int(min(4096, len(arrived) // 5))
    if m < 16:
        return flat
    w = end / m
    counts = np.bincount(np.minimum((arrived / w).astype(int), m - 1), minlength=m).astype(float)
    return _wave(counts, w) or _slope(counts, w) or flat


def _wave(counts: Seconds, w: float) -> Wave | None:
    m = len(counts)
    power = np.abs(np.fft.rfft(counts - counts.mean(), 8 * m)) ** 2 / m
    lowest, highest = 7, 2 * m  # from 0.9 waves in all to a quarter of the bins
    peak = lowest + int(np.argmax(power[lowest:highest]))
    fitted = _newton(counts, 2 * math.pi * peak / (8 * m))
    if fitted is None:
        return None
    (B, a, b, omega), inverse, mean = fitted[0].tolist(), *fitted[1:]
    noise = _noise_around(counts - mean, omega)
    A = math.hypot(a, b)
    if _chance(A * A * m / 4 / noise, m) > _BY_CHANCE or 2 * A / omega < _MOVED:
        return None
    errors = np.sqrt(np.diag(inverse) * max(noise / counts.mean(), 1e-12))
    A_error = math.hypot(a * errors[1], b * errors[2]) / A
    phi_error = math.hypot(b * errors[1], a * errors[2]) / (A * A)
    blur = math.sin(omega / 2) / (omega / 2)  # the mean over a bin is lower than the crest in its middle
    T = 2 * math.pi / omega * w
    phi = math.atan2(b, a) - omega / 2  # t = 0 is the left edge of the first bin, not its middle
    return Wave(
        A / w / blur,
        B / w,
        T,
        math.remainder(phi, 2 * math.pi),
        A_error / w / blur,
        float(errors[0]) / w,
        T * float(errors[3]) / omega,
        phi_error + float(errors[3]) / 2,
    )


def _newton(counts: Seconds, omega: float) -> tuple[Seconds, Seconds, Seconds] | None:
    """Return (B, a, b, ω) of B + a sin ωk + b cos ωk, their covariance for Poisson counts, and the means of the bins.

    None where the steps lead nowhere.
    """
    k, m = np.arange(len(counts)), len(counts)
    X = _design(k, omega, 0.0, 0.0)[:, :3]
    beta = np.append(np.linalg.lstsq(X, counts, rcond=None)[0], omega)
    for _ in range(_STEPS):
        X = _design(k, beta[3], beta[1], beta[2])
        mean = X[:, :3] @ beta[:3]
        weighted = X / np.maximum(mean, 0.05 * beta[0])[:, None]
        try:
            inverse = np.linalg.inv(X.T @ weighted)
        except np.linalg.LinAlgError:
            return None
        step = inverse @ (weighted.T @ (counts - mean))
        limit = math.pi / (4 * m)  # an eighth of a wave over the whole: further is another peak
        step *= min(1.0, limit / max(abs(step[3]), 1e-300))
        beta = beta + step
        if abs(step[3]) * m < 1e-7:
            break
    if not (np.isfinite(beta).all() and beta[0] > 0 and 0.8 * 2 * math.pi / m < beta[3] < math.pi):
        return None
    return beta, inverse, mean


def _design(k: Any, omega: float, a: float, b: float) -> Seconds:
    sin, cos = np.sin(omega * k), np.cos(omega * k)
    columns: Seconds = np.column_stack([np.ones(len(k)), sin, cos, k * (a * cos - b * sin)])
    return columns


def _noise_around(rest: Seconds, omega: float) -> float:
    """Return the mean power of what the wave leaves at the frequencies next to its own."""
    m = len(rest)
    power = np.abs(np.fft.rfft(rest)) ** 2 / m
    near = np.argsort(np.abs(np.arange(1, len(power)) - omega * m / (2 * math.pi)))[:_NEAR] + 1
    return max(float(np.mean(power[near])), 1e-12)


def _chance(ratio: float, m: int) -> float:
    """Return the chance that noise alone has a peak of so many times its mean at one of m frequencies.

    The mean is itself one of a few powers, so a single ratio has the law F(2, 2 · few).
    """
    one = (1 + ratio / _NEAR) ** -_NEAR
    return 1.0 if one > 0.5 else float(-np.expm1(m * np.log1p(-one)))


def _slope(counts: Seconds, w: float) -> Slope | None:
    """Return a straight line through twenty pieces, if it is far from level."""
    pieces = np.array([piece.mean() for piece in np.array_split(counts, min(20, len(counts)))])
    m = len(pieces)
    x = np.arange(m) - (m - 1) / 2
    b = float(x @ pieces / (x @ x))
    rest = pieces - pieces.mean() - b * x
    error = math.sqrt(float(rest @ rest) / (m - 2) / float(x @ x))
    moved = abs(b) * m * m / 8 * len(counts) / m
    if abs(b) < 5 * error or moved < _MOVED or abs(b) * m < 0.1 * pieces.mean():
        return None
    seconds = len(counts) * w / m
    begin = max(float(pieces.mean() + b * (x[0] - 0.5)) / w, 0.0)
    return Slope(begin, b / w / seconds, error / w / seconds)
