from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory.laws import Deterministic, Erlang, Exponential, Hyperexponential
from forebay.theory.models.passage import (
    busy_mean,
    busy_transform,
    busy_variance,
    passage_tail,
    passage_transform,
    tail_of,
)
from forebay.theory.models.steps import Steps, chain
from forebay.theory.models.transforms import transform

near = pytest.approx
shares = st.floats(0.0, 0.95)


@given(r=shares, sigma=shares, t=st.floats(0, 60))
@settings(deadline=None, max_examples=60)
def test_the_tail_is_that_of_a_chain_that_falls_a_geometric_number_of_steps(r: float, sigma: float, t: float) -> None:
    levels = 900
    j = np.arange(levels)
    up, down, leave = np.full(levels, r), np.where(j > 0, 1.0, 0.0), np.where(j > 0, 0.0, 1.0)
    up[-1] = 0
    start = (1 - sigma) * sigma**j
    assert passage_tail(r, 1, sigma)(t) == near(
        Steps(1 + r, chain(start, up, down, leave, 1 + r, math.inf))(t), abs=1e-9
    )


@given(r=shares, sigma=shares, t=st.floats(0.05, 60))
@settings(deadline=None, max_examples=60)
def test_the_transform_inverted_is_the_tail(r: float, sigma: float, t: float) -> None:
    assert tail_of(passage_transform(r, 1, sigma))(t) == near(passage_tail(r, 1, sigma)(t), abs=1e-8)


@pytest.mark.parametrize("sigma", [0.7999, 0.79999999, 0.8, 0.80000001, 0.8001, 0.81])
def test_where_the_pole_meets_the_cut_nothing_is_lost(sigma: float) -> None:
    tail = passage_tail(0.64, 1, sigma)
    assert tail(0) == near(1, abs=1e-12)
    assert tail(7) == near(passage_tail(0.64, 1, 0.8)(7), rel=0.1)


@given(r=shares, sigma=shares)
@settings(deadline=None, max_examples=40)
def test_a_tail_falls_from_one_to_nothing(r: float, sigma: float) -> None:
    tail = passage_tail(r, 1, sigma)
    values = [tail(t) for t in np.linspace(0, 200, 60)]
    assert values[0] == near(1, abs=1e-9)
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(values))
    assert tail(1e5) < 1e-6


@pytest.mark.parametrize("service", [Exponential(1), Deterministic(1), Erlang(1, 3), Hyperexponential(1, 4)])
@pytest.mark.parametrize("lam", [0.3, 0.8])
def test_the_moments_of_the_busy_period_are_the_slopes_of_its_transform(service, lam: float) -> None:
    b = busy_transform(lam, transform(service))
    h = 1e-4
    s = np.array([h, 2 * h, 3 * h], dtype=complex)
    logarithm = np.log(b(s).real)
    # ln b(s) = −E[B]s + Var[B]s²/2 − ..., from three points
    fitted = np.linalg.solve(np.array([[x, x * x, x**3] for x in s.real]), logarithm)
    assert -fitted[0] == near(busy_mean(lam, service), rel=1e-3)
    assert 2 * fitted[1] == near(busy_variance(lam, service), rel=5e-2)


def test_a_busy_period_in_overload_has_no_mean() -> None:
    assert busy_mean(1.0, Exponential(1)) == busy_variance(1.5, Deterministic(1)) == math.inf
