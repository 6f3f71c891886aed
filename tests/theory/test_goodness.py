from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from forebay.theory.fit.goodness import _adinf, anderson_darling, kolmogorov_smirnov

SAMPLES = [(seed, n) for seed in range(4) for n in (20, 200, 5000)]


@pytest.mark.parametrize(("seed", "n"), SAMPLES)
def test_kolmogorov_and_smirnov_agree_with_scipy(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).exponential(1.0 + 0.02 * seed, n)
    other = stats.kstest(x, "expon", method="exact")
    found = kolmogorov_smirnov(x, lambda t: -np.expm1(-t))
    assert found.statistic == pytest.approx(other.statistic, abs=1e-12)
    assert found.p == pytest.approx(other.pvalue, abs=0.04 if n < 100 else 0.01)


@pytest.mark.parametrize(("seed", "n"), SAMPLES)
def test_anderson_and_darlings_distance_agrees_with_scipy(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).normal(size=n)
    mean, deviation = x.mean(), x.std(ddof=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its answer will change its form
        other = stats.anderson(x, "norm")
    found = anderson_darling(x, lambda t: stats.norm.cdf(t, mean, deviation))
    assert found.statistic == pytest.approx(other.statistic, abs=1e-8)


@pytest.mark.parametrize(
    ("statistic", "p"), [(1.248, 0.25), (1.933, 0.10), (2.492, 0.05), (3.070, 0.025), (3.857, 0.01)]
)
def test_anderson_and_darlings_percentage_points(statistic: float, p: float) -> None:
    """M. A. Stephens, "EDF Statistics for Goodness of Fit and Some Comparisons" (1974), table 1.0, case 0."""
    assert 1 - _adinf(statistic) == pytest.approx(p, abs=0.0006)


def test_p_values_are_uniform_where_the_law_is_right() -> None:
    generator = np.random.default_rng(7)
    samples = generator.random((400, 100))
    for test in (kolmogorov_smirnov, anderson_darling):
        p = [test(x, lambda t: t).p for x in samples]
        assert stats.kstest(p, "uniform").pvalue > 0.01


def test_a_wrong_law_is_refused() -> None:
    x = np.random.default_rng(1).random(1000)
    for test in (kolmogorov_smirnov, anderson_darling):
        assert test(x, lambda t: -np.expm1(-t / 0.5)).p < 1e-6
