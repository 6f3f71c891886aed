from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory.models.steps import Steps, chain, erlangs, poisson

near = pytest.approx


def erlang_tail(stages: int, x: float) -> float:
    return math.exp(-x) * sum(x**k / math.factorial(k) for k in range(stages))


@given(st.floats(0, 1e5))
def test_the_weights_are_poissons(x: float) -> None:
    first, weights = poisson(x)
    k = first + np.arange(len(weights))
    assert weights.sum() == near(1, abs=1e-12)
    assert weights @ k == near(x, abs=1e-6)


@given(st.integers(1, 20), st.floats(0, 30))
def test_a_fixed_number_of_steps_is_erlangs_time(stages: int, t: float) -> None:
    exactly = np.zeros(stages + 1)
    exactly[stages] = 1
    assert Steps(2.0, erlangs(exactly, 2.0, math.inf))(t) == near(erlang_tail(stages, 2 * t), abs=1e-12)


def test_the_time_that_follows_may_be_slower() -> None:
    """One step of rate 2, then a time of rate 0.5: 1 − F is (2e^(−t/2) − 0.5e^(−2t))/1.5."""
    tail = Steps(2.0, erlangs(np.array([0.0, 1.0]), 2.0, 0.5))
    for t in (0.0, 0.4, 3.0, 20.0):
        assert tail(t) == near((2 * math.exp(-0.5 * t) - 0.5 * math.exp(-2 * t)) / 1.5, abs=1e-12)


@given(st.integers(1, 6), st.floats(0.1, 3), st.floats(0, 20))
@settings(deadline=None)
def test_a_chain_that_only_falls_is_a_row_of_steps(height: int, mu: float, t: float) -> None:
    start = np.zeros(height)
    start[-1] = 1
    nothing, falls = np.zeros(height), np.full(height, mu)
    down, leave = falls.copy(), nothing.copy()
    down[0], leave[0] = 0, mu
    tail = Steps(3.0, chain(start, nothing, down, leave, 3.0, math.inf))
    assert tail(t) == near(erlang_tail(height, mu * t), abs=1e-10)


def test_asking_out_of_order_gives_the_same() -> None:
    up, down, leave = np.array([0.5, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 0.0])
    fresh = [Steps(1.5, chain(np.array([0.4, 0.3]), up, down, leave, 1.5, 0.7, 0.3)) for _ in range(2)]
    times = [9.0, 0.1, 30.0, 2.0]
    forwards = {t: fresh[1](t) for t in sorted(times)}
    assert [fresh[0](t) for t in times] == [forwards[t] for t in times]
    assert fresh[0](0.0) == 1
