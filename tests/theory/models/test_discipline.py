# ruff: noqa: N803 - the letters of the formulas
from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.disciplines import Discipline
from forebay.theory.laws import Deterministic, Exponential, General, Hyperexponential
from forebay.theory.models.discipline import delay_tail, second_moment_of_delay
from forebay.theory.solving import solve
from forebay.theory.system import System

near = pytest.approx
ORDERS = (Discipline.LIFO, Discipline.RANDOM)


def mean_of(tail, W: float, moment: int = 1) -> float:
    """Return E[T^moment] by integrating the tail, coarser and coarser outwards."""
    t = W * np.concatenate([np.linspace(0, 3, 400), np.geomspace(3, 600, 400)[1:]])
    return float(np.trapezoid(moment * t ** (moment - 1) * np.array([tail(x) for x in t]), t))


@given(st.integers(1, 8), st.floats(0.1, 0.93), st.sampled_from(ORDERS))
@settings(deadline=None, max_examples=20)
def test_the_order_changes_no_mean(n: int, rho: float, discipline: Discipline) -> None:
    fifo = solve(System(Exponential(1 / (n * rho)), Exponential(1), n))
    found = solve(System(Exponential(1 / (n * rho)), Exponential(1), n, discipline=discipline))
    for name in ("L", "Lq", "W", "Wq", "p0", "p_wait", "utilization", "throughput"):
        assert getattr(found, name) == near(getattr(fifo, name), rel=1e-9), name
    assert mean_of(found.wait_tail, found.Wq + 1) == near(found.Wq, rel=2e-3, abs=1e-6)
    assert found.sojourn_tail(0) == near(1)


@given(st.integers(1, 4), st.integers(1, 6), st.floats(0.2, 2.5), st.sampled_from(ORDERS))
@settings(deadline=None, max_examples=20)
def test_with_few_places_too(n: int, q: int, rho: float, discipline: Discipline) -> None:
    fifo = solve(System(Exponential(1 / (n * rho)), Exponential(1), n, q))
    found = solve(System(Exponential(1 / (n * rho)), Exponential(1), n, q, discipline=discipline))
    for name in ("L", "Lq", "W", "Wq", "p0", "p_wait", "loss", "throughput"):
        assert getattr(found, name) == near(getattr(fifo, name), rel=1e-9), name
    assert mean_of(found.wait_tail, found.Wq + 1) == near(found.Wq, rel=2e-3, abs=1e-6)
    assert mean_of(found.sojourn_tail, found.W) == near(found.W, rel=2e-3)


@pytest.mark.parametrize("discipline", list(Discipline)[:3])
@pytest.mark.parametrize("n", [1, 3])
def test_the_second_moment_is_that_of_the_tail(n: int, discipline: Discipline) -> None:
    lam = 0.7 * n
    found = solve(System(Exponential(1 / lam), Exponential(1), n, discipline=discipline))
    assert found.wait_tail(2) / found.p_wait == near(delay_tail(discipline, lam, 1, n, 2))
    second = mean_of(found.wait_tail, 1 / (0.3 * n), 2) / found.p_wait
    assert second == near(second_moment_of_delay(discipline, lam, 1, n), rel=5e-3)


@pytest.mark.parametrize("rho", [0.3, 0.8, 0.95])
def test_later_first_is_better_for_most_and_worse_for_the_last(rho: float) -> None:
    tails = [solve(System(Exponential(1 / rho), Exponential(1), discipline=one)) for one in list(Discipline)[:3]]
    fifo, lifo, siro = tails
    assert lifo.wait(75) <= siro.wait(75) <= fifo.wait(75) or rho < 0.5
    assert fifo.wait(99.9) < siro.wait(99.9) < lifo.wait(99.9)


@pytest.mark.parametrize("discipline", ORDERS)
def test_a_tail_falls_from_the_share_that_waits_to_nothing(discipline: Discipline) -> None:
    for q in (math.inf, 6):
        found = solve(System(Exponential(1 / 2.5), Exponential(1), 3, q, discipline=discipline))
        assert found.wait_tail(0) == near(found.p_wait)
        values = [found.wait_tail(t) for t in np.linspace(0, 80, 50)]
        assert all(a >= b - 1e-12 for a, b in itertools.pairwise(values))
        assert found.wait_tail(1e4) < 1e-9


@pytest.mark.parametrize("service", [Exponential(1), Deterministic(1), Hyperexponential(1, 3)])
def test_last_in_first_out_with_any_work_has_the_mean_of_its_tail(service) -> None:
    found = solve(System(Exponential(1 / 0.6), service, discipline=Discipline.LIFO))
    assert found.Wq == near(solve(System(Exponential(1 / 0.6), service)).Wq)
    assert mean_of(found.wait_tail, found.W) == near(found.Wq, rel=5e-3)


def test_the_two_ways_to_last_in_first_out_agree() -> None:
    by_chain = solve(System(Exponential(1 / 0.8), Exponential(1), discipline=Discipline.LIFO))
    # H2 with c² = 1 is M, but goes the way of any law
    by_transform = solve(System(Exponential(1 / 0.8), Hyperexponential(1, 1), discipline=Discipline.LIFO))
    for p in (50, 90, 99):
        assert by_chain.wait(p) == near(by_transform.wait(p), rel=1e-5)
        assert by_chain.sojourn(p) == near(by_transform.sojourn(p), rel=1e-5)


def test_many_places_are_as_good_as_no_limit() -> None:
    for discipline in ORDERS:
        limited, free = (
            solve(System(Exponential(1 / 1.2), Exponential(1), 2, q, discipline=discipline)) for q in (90, math.inf)
        )
        assert limited.wait(99) == near(free.wait(99), rel=1e-6)


def test_what_is_not_known_is_said() -> None:
    found = solve(System(Exponential(2), General(1, 2), discipline=Discipline.RANDOM))
    assert found.Wq == near(1.5)
    assert found.wait(99) is None
    assert any("no percentiles" in note for note in found.notes)


def test_overload_grows() -> None:
    found = solve(System(Exponential(0.25), Exponential(1), 3, discipline=Discipline.LIFO))
    assert found.growth == near(1)
    assert found.wait(50) == math.inf
