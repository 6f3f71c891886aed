"""Laws that measured times could have, each with its parameters, its likelihood, and how far it is from the times.

    M      exponential                       by the mean
    E_k    Erlang                            k by likelihood
    E_k−1,k  mixed Erlang, c² < 1            by two moments
    H2     hyperexponential, c² > 1          by two moments with balanced means, and by likelihood (EM)
    U      uniform from 0 to twice the mean  by the mean

Sources of the fits by moments: H. C. Tijms, "A First Course in Stochastic Models" (2003), appendix B; of the other:
A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm" (1977).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from forebay.theory.fit.goodness import Distribution, Goodness, anderson_darling, kolmogorov_smirnov
from forebay.theory.laws import Erlang, Exponential, Hyperexponential, Law, Uniform
from forebay.theory.path import Seconds

_STAGES = 200
"""Erlang stages at most: c² of half a percent, next to which all times are the same."""
_EM_STEPS = 500

Density = Callable[[Seconds], Seconds]
"""t to the logarithm of the density."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One law.

    Arguments:
        name: with its parameters. law: as the theory takes it; None: it has no letter there.
        parameters: how many it has.
        aic: Akaike's criterion, twice the parameters less twice the log likelihood; the smallest is best.
        ks, ad: distances of Kolmogorov-Smirnov and Anderson-Darling.
        distribution: P(X <= t).
    """

    name: str
    law: Law | None
    parameters: int
    aic: float
    ks: Goodness
    ad: Goodness
    distribution: Distribution = field(repr=False, compare=False)


def candidates(times: Seconds) -> list[Candidate]:
    """Return the laws that times could have, the likeliest first.

    Arguments:
        times: seconds, not all the same.
    """
    positive = np.maximum(times, 1e-9 * float(times.mean()))  # a clock's grain makes zeros, which no density has
    found = [_candidate(positive, *parts) for parts in _fitted(positive)]
    return sorted(found, key=lambda one: one.aic)


def _candidate(
    times: Seconds, name: str, law: Law | None, parameters: int, density: Density, distribution: Distribution
) -> Candidate:
    likelihood = float(np.sum(density(times)))
    aic = 2 * parameters - 2 * likelihood if math.isfinite(likelihood) else math.inf
    ks, ad = kolmogorov_smirnov(times, distribution), anderson_darling(times, distribution)
    return Candidate(name, law, parameters, aic, ks, ad, distribution)


def _fitted(times: Seconds) -> Iterator[tuple[str, Law | None, int, Density, Distribution]]:
    mean, c2 = float(times.mean()), float(times.var()) / float(times.mean()) ** 2
    yield _mixture("M", Exponential(mean), 1, [(1.0, mean)])
    k = _stages(times, mean)
    if k > 1:
        yield f"E{k}", Erlang(mean, k), 2, *_erlangs(mean / k, [(1.0, k)])
    if 1 / _STAGES < c2 < 1:
        yield _mixed_erlang(mean, c2)
    if c2 > 1:
        balanced = Hyperexponential(mean, float(f"{c2:.4g}"))
        yield _mixture(balanced.letter, balanced, 2, [*balanced.branches])
        branches = _em(times, [*balanced.branches])
        yield _mixture(_told(branches), _near_balanced(branches, mean), 3, branches)
    if c2 < 1:
        yield _uniform(mean, max(2 * mean, float(times.max())))


def _mixture(
    name: str, law: Law | None, parameters: int, branches: list[tuple[float, float]]
) -> tuple[str, Law | None, int, Density, Distribution]:
    """Return a mixture of exponentials, each (probability, mean)."""

    def density(t: Seconds) -> Seconds:
        return np.log(np.maximum(sum(p / m * np.exp(-t / m) for p, m in branches), 1e-300))

    def distribution(t: Seconds) -> Seconds:
        return np.asarray(sum(-p * np.expm1(-t / m) for p, m in branches))

    return name, law, parameters, density, distribution


def _uniform(mean: float, top: float) -> tuple[str, Law | None, int, Density, Distribution]:
    density = -math.log(top)
    return "U", Uniform(mean), 1, lambda t: np.full(len(t), density), lambda t: np.clip(t / top, 0, 1)


def _stages(times: Seconds, mean: float) -> int:
    """Return the likeliest number of stages: the largest of k log(k/mean) − log Γ(k) + (k − 1) E log X − k."""
    log_mean = float(np.mean(np.log(times)))

    def likelihood(k: int) -> float:
        return k * math.log(k / mean) - math.lgamma(k) + (k - 1) * log_mean - k

    return max(range(1, _STAGES + 1), key=likelihood)


def _mixed_erlang(mean: float, c2: float) -> tuple[str, Law | None, int, Density, Distribution]:
    """Return k − 1 stages with probability p, else k, all of the same rate; 1/k <= c² <= 1/(k − 1)."""
    k = max(2, math.ceil(1 / c2))
    p = (k * c2 - math.sqrt(max(k * (1 + c2) - k * k * c2, 0.0))) / (1 + c2)
    p = min(max(p, 0.0), 1.0)
    parts = [(weight, stages) for weight, stages in ((p, k - 1), (1 - p, k)) if weight > 0]
    return f"E{k - 1},{k} (p = {p:.2g})", None, 2, *_erlangs(mean / (k - p), parts)


def _erlangs(stage: float, parts: list[tuple[float, int]]) -> tuple[Density, Distribution]:
    """Return density and distribution of a mixture of Erlangs (probability, stages) with one mean of a stage."""

    def density(t: Seconds) -> Seconds:
        y = t / stage
        logs = [math.log(p) + (k - 1) * np.log(y) - y - math.lgamma(k) - math.log(stage) for p, k in parts]
        return np.asarray(np.logaddexp.reduce(logs, axis=0))

    def distribution(t: Seconds) -> Seconds:
        y = t / stage
        term = np.exp(-y)
        below = np.zeros_like(y)
        total = np.zeros_like(y)
        for i in range(max(k for _, k in parts)):
            below += term  # P(Poisson(y) <= i): fewer than i + 1 stages are over
            term = term * y / (i + 1)
            total += sum(p for p, k in parts if k == i + 1) * (1 - below)
        return np.clip(total, 0, 1)

    return density, distribution


def _em(times: Seconds, branches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the likeliest mixture of as many exponentials, the shortest first."""
    p, m = (np.array(part) for part in zip(*branches, strict=True))
    for _ in range(_EM_STEPS):
        share = p / m * np.exp(-times[:, None] / m)
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        weight = np.maximum(share.sum(axis=0), 1e-12)
        before, p, m = m, weight / len(times), np.maximum(share.T @ times / weight, 1e-12)
        if np.max(np.abs(m / before - 1)) < 1e-6:
            break
    return sorted(zip(p.tolist(), m.tolist(), strict=True), key=lambda branch: branch[1])


def _told(branches: list[tuple[float, float]]) -> str:
    return "H2: " + ", ".join(f"{p:.1%} of {m:.3g} s" for p, m in branches)


def _near_balanced(branches: list[tuple[float, float]], mean: float) -> Law | None:
    """Return the H2 of the theory, if both branches give about half of the mean, as it has them."""
    (p, short), (q, long) = branches
    if not 0.8 < p * short / (q * long) < 1.25:
        return None
    fitted = p * short + q * long
    c2 = 2 * (p * short**2 + q * long**2) / fitted**2 - 1
    return Hyperexponential(mean, float(f"{c2:.4g}")) if c2 > 1 else None
