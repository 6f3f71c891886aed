from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forebay.theory.models.mixing import falling_steps, followed_by_exponential, poisson_steps, poisson_window

near = pytest.approx


@pytest.mark.parametrize("mean", [1e-300, 1e-6, 0.5, 20, 3000.5, 1e6])
def test_the_window_holds_all_of_a_poisson_law(mean):
    i, p = poisson_window(mean)
    assert p.sum() == near(1, abs=1e-12)
    assert p @ i == near(mean, rel=1e-10)
    assert p @ (i - mean) ** 2 == near(mean, rel=1e-9)


@given(st.integers(1, 400), st.floats(1e-9, 30))
def test_so_many_steps_are_an_erlang_time(k, t):
    tail = poisson_steps(10.0, lambda i: np.where(i < k, 1.0, 0.0))
    assert tail(t) == near(stats.gamma.sf(t, k, scale=0.1), rel=1e-8, abs=1e-13)


@given(st.floats(0.1, 1e4), st.integers(1, 60), st.floats(1e-9, 20))
def test_ever_slower_steps_are_the_logarithm_of_a_beta_law(r, k, t):
    tail = falling_steps(r, 0.5, np.ones(k))
    assert tail(t) == near(stats.beta.cdf(math.exp(-0.5 * t), r, k), rel=1e-7, abs=1e-12)


@given(st.floats(0.1, 10), st.floats(0, 30), st.floats(0.01, 1))
def test_two_exponential_times_make_a_hypoexponential_one(rate, t, p):
    total = followed_by_exponential(lambda v: p * math.exp(-rate * v), 1.01, 1 / rate)
    second = (1.01 * math.exp(-rate * t) - rate * math.exp(-1.01 * t)) / (1.01 - rate) if rate != 1.01 else 0
    if abs(rate - 1.01) > 1e-3:
        assert total(t) == near((1 - p) * math.exp(-1.01 * t) + p * second, rel=1e-6, abs=1e-12)
