"""The sinusoidal load S(t) = A sin(ωt + φ) + B against a capacity C: what can be said in closed form.

With T = 2π/ω, x = (C − B)/A and φ = 0, the rate is above the capacity while ωt is between α = arcsin x and π − α.
From empty the backlog is Q(t) = ∫(S − C) = (A/ω) [cos α − cos ωt − x (ωt − α)], largest at ωt = π − α:

    Q_max = (T/π) [√(A² − (C − B)²) − (C − B) arccos((C − B)/A)]

It is empty again at the first root of cos α − cos θ − x (θ − α) = 0 behind π − α, which exists within the period
exactly when C ≥ B. The same integral, divided by T, is what a limiter at rate C refuses: A/π at C = B, which for
A = B is 1/π = 31.8 % of the load. Derived in the style of the fluid queues of G. F. Newell, "Applications of Queueing
Theory" (2nd ed. 1982), chapter 2.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass

from forebay.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sine:
    """The rate S(t) = A sin(2πt/T + φ) + B in messages a second; never negative.

    Arguments:
        A: amplitude, per second, 0 to B.
        B: mean, per second.
        T: period, seconds.
        phi: phase at t = 0, radians; −π/2 starts in the trough.

    Raises:
        UsageError: the rate would be negative somewhere, or the period is not above 0.
    """

    A: float
    B: float
    T: float
    phi: float = -math.pi / 2

    def __post_init__(self) -> None:
        if not 0 <= self.A <= self.B < math.inf:
            raise UsageError(
                f"a rate of {self.A:g} sin + {self.B:g} is not possible", "0 <= A <= B keeps it at 0 or above"
            )
        if not 0 < self.T < math.inf:
            raise UsageError(f"a period of {self.T:g} s is not possible", "the period is above 0")

    @property
    def period(self) -> float:
        """T, seconds."""
        return self.T

    def rate(self, t: float) -> float:
        """Return S(t), per second."""
        return max(0.0, self.A * math.sin(2 * math.pi * t / self.T + self.phi) + self.B)

    def cumulative(self, t: float) -> float:
        """Return Λ(t) = Bt + (A/ω)(cos φ − cos(ωt + φ)): how many come from 0 to t."""
        w = 2 * math.pi / self.T
        return self.B * t + self.A / w * (math.cos(self.phi) - math.cos(w * t + self.phi))

    def excess(self, C: float) -> float:
        """Return ∫(S − C)⁺ over one period: Q_max where C ≥ B, and what a limiter at rate C refuses."""
        A, B, T = self.A, self.B, self.T
        if C >= A + B:
            return 0.0
        if C <= B - A:
            return (B - C) * T
        return T / math.pi * (math.sqrt(A * A - (C - B) ** 2) - (C - B) * math.acos((C - B) / A))

    def refused_share(self, C: float) -> float:
        """Return the share of the load that a limiter at rate C without a queue refuses: 1/π at A = B = C."""
        return self.excess(C) / (self.B * self.T) if self.B else 0.0

    def over_capacity_seconds(self, C: float) -> float:
        """Return for how long in each period the rate exceeds C: (T/π) arccos((C − B)/A)."""
        if C >= self.A + self.B:
            return 0.0
        if C < self.B - self.A:
            return self.T
        return self.T / math.pi * math.acos((C - self.B) / self.A)

    def peak_backlog(self, C: float) -> float:
        """Return Q_max, messages; inf where C < B, since (B − C)T more stay behind in each period."""
        return self.excess(C) if C >= self.B else math.inf

    def longest_wait(self, C: float) -> float:
        """Return Q_max/C, seconds: the wait under FIFO of who comes at the peak of the backlog."""
        peak = self.peak_backlog(C)
        return peak / C if peak else 0.0

    def peak_at(self, C: float) -> float | None:
        """Return when the first whole wave at t >= 0 has its largest backlog; None where there is no such peak."""
        if not self.B <= C < self.A + self.B:
            return None
        return self._begins(C) + self.over_capacity_seconds(C)

    def empty_at(self, C: float) -> float | None:
        """Return when the backlog of the wave of `peak_at` is worked off; None where there is no such wave."""
        if not self.B <= C < self.A + self.B:
            return None
        x = (C - self.B) / self.A
        alpha = math.asin(x)
        low, high = math.pi - alpha, alpha + 2 * math.pi
        for _ in range(60):  # halves 2π to below the spacing of floats
            theta = (low + high) / 2
            if math.cos(alpha) - math.cos(theta) - x * (theta - alpha) > 0:
                low = theta
            else:
                high = theta
        return self._begins(C) + (high - alpha) * self.T / (2 * math.pi)

    def busy(self, service: float, t: float) -> float:
        """Return m(t), the mean number in work if there is a worker for everyone, long after the beginning.

        m(t) = Bs + A (sin θ − ωs cos θ) s/(1 + (ωs)²) with s the mean of exponential work, θ = ωt + φ: the wave itself,
        flatter and later. Source: S. G. Eick, W. A. Massey, W. Whitt, "Mt/G/∞ Queues with Sinusoidal Arrival Rates",
        Management Science 39 (1993).

        Arguments:
            service: E[S], seconds.
        """
        w = 2 * math.pi / self.T
        theta, late = w * t + self.phi, w * service
        return self.B * service + self.A * service * (math.sin(theta) - late * math.cos(theta)) / (1 + late * late)

    def busy_amplitude(self, service: float) -> float:
        """Return by how much m(t) of `busy` rises above its mean: As/√(1 + (ωs)²)."""
        return self.A * service / math.hypot(1, 2 * math.pi / self.T * service)

    def busy_lag(self, service: float) -> float:
        """Return by how many seconds m(t) of `busy` is later than the rate: arctan(ωs)/ω."""
        w = 2 * math.pi / self.T
        return math.atan(w * service) / w

    def _begins(self, C: float) -> float:
        """Return the first t >= 0 at which the rate passes C upwards."""
        return (math.asin((C - self.B) / self.A) - self.phi) * self.T / (2 * math.pi) % self.T
