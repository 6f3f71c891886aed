# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.scalability import fit_usl, usl

near = pytest.approx
LOADS = (1, 2, 4, 8, 16, 32, 64)


@given(st.floats(0, 0.3), st.floats(0, 0.01), st.floats(0.1, 1e5), st.sampled_from(["least squares", "gunther"]))
@settings(deadline=None, max_examples=60)
def test_measurements_without_error_give_the_law_back(alpha, beta, gamma, method) -> None:
    found = fit_usl([(N, usl(N, alpha, beta, gamma)) for N in LOADS], method)
    assert found.gamma == near(gamma, rel=1e-6)
    assert found.alpha == near(alpha, rel=1e-4, abs=1e-7)
    assert found.beta == near(beta, rel=1e-4, abs=1e-8)


def test_the_peak_is_where_the_law_is_highest() -> None:
    found = fit_usl([(N, usl(N, 0.05, 0.002, 100)) for N in LOADS])
    N = np.linspace(1, 100, 100_000)
    assert found.peak_at == near(N[np.argmax(usl(N, 0.05, 0.002, 100))], rel=1e-3)
    assert found.peak == near(usl(N, 0.05, 0.002, 100).max(), rel=1e-6)
    assert found.limit == near(2000, rel=1e-6)


def test_no_law_beside_the_fit_is_nearer_to_the_points() -> None:
    generator = np.random.default_rng(5)
    points = [(N, usl(N, 0.1, 0.001, 50) * (1 + generator.normal(0, 0.05))) for N in LOADS]
    found = fit_usl(points)
    least = sum((X - found.throughput(N)) ** 2 for N, X in points)
    for a, b, c in generator.uniform(0.9, 1.1, (200, 3)):
        other = sum((X - usl(N, found.alpha * a, found.beta * b, found.gamma * c)) ** 2 for N, X in points)
        assert other >= least
    assert found.residual == near(math.sqrt(least / 4))


def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    generator, covered = np.random.default_rng(11), 0
    for _ in range(300):
        points = [(N, usl(N, 0.1, 0.002, 50) + generator.normal(0, 2)) for N in LOADS]
        low, high = fit_usl(points).intervals[0]
        covered += low <= 0.1 <= high
    assert 0.91 <= covered / 300 <= 0.98


def test_three_points_leave_no_freedom_and_the_answer_says_so() -> None:
    found = fit_usl([(1, 600), (20, 2500), (140, 2750)])
    assert found.degrees == 0
    assert "0 degrees of freedom" in str(found)
    assert [found.throughput(N) for N in (1, 20, 140)] == [near(600), near(2500), near(2750)]
    low, high = found.intervals[2]
    assert low < 600 < high
    assert found.peak_interval[0] < found.peak_at < found.peak_interval[1]


def test_what_would_be_negative_is_held_at_nothing() -> None:
    more_than_linear = fit_usl([(1, 10), (2, 21), (4, 43), (8, 90)])
    assert (more_than_linear.alpha, more_than_linear.beta) == (0, 0)
    assert more_than_linear.peak_at == more_than_linear.limit == math.inf
    assert "none" in str(more_than_linear)
    assert json.loads(json.dumps(more_than_linear.as_dict()))["peak"] is None


@pytest.mark.parametrize(
    ("points", "method", "what"),
    [
        ([(1, 10), (2, 18), (2, 19)], "least squares", "three numbers to find"),
        ([(1, 10), (2, 18), (4, -1)], "least squares", "not a number above 0"),
        ([(1, 10), (2, 18), (4, 30)], "eye", "no way to fit"),
        ([(2, 18), (4, 30), (8, 40)], "gunther", "was not measured"),
    ],
)
def test_what_cannot_be_fitted_is_said(points, method, what) -> None:
    with pytest.raises(UsageError, match=what):
        fit_usl(points, method)
