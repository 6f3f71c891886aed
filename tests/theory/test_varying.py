# ruff: noqa: N803 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import erlang

from forebay.errors import UsageError
from forebay.theory import Deterministic, Erlang, Exponential, Hyperexponential, Sine, evolve, pointwise, solve
from forebay.theory.varying.waits import survival, tails

near = pytest.approx


def by_scipy(load, mean, n, K, seconds, begin):
    """The forward equations by another hand: p at the end, arrivals that found each state, all arrivals."""

    def change(t, y):
        p, rate = y[: K + 1], load.rate(t)
        deaths = np.minimum(np.arange(K + 1), n) / mean
        flow = rate * p[:-1] - deaths[1:] * p[1:]
        dp = np.zeros(K + 1)
        dp[:-1] -= flow
        dp[1:] += flow
        return np.concatenate([dp, rate * p])

    start = np.zeros(2 * K + 2)
    start[begin] = 1
    end = solve_ivp(change, (0, seconds), start, rtol=1e-10, atol=1e-13).y[:, -1]
    return end[: K + 1], end[K + 1 :]


@settings(max_examples=12, deadline=None)
@given(
    A=st.floats(0, 1),
    B=st.floats(1, 12),
    T=st.floats(1, 8),
    n=st.integers(1, 6),
    q=st.integers(0, 20),
    backlog=st.integers(0, 5),
)
def test_another_solver_of_differential_equations_finds_the_same(A, B, T, n, q, backlog):
    load, backlog = Sine(A * B, B, T), min(backlog, q)
    ours = evolve(load, 0.5, n, q, seconds=T, backlog=backlog)
    p, seen = by_scipy(load, 0.5, n, n + q, T, backlog)
    assert ours.hills[-1].over(0, n + q + 1) == near(p, abs=1e-5)
    assert ours.loss == near(seen[-1] / seen.sum(), rel=1e-3, abs=1e-7)
    assert ours.offered == near(load.cumulative(T))


def test_the_wait_is_the_mixture_of_erlang_times_over_what_the_arrivals_find():
    load, n, q, mean = Sine(4, 5, 6), 3, 15, 0.5
    ours = evolve(load, mean, n, q, seconds=6.0)
    _, seen = by_scipy(load, mean, n, n + q, 6.0, 0)
    found = seen[n : n + q] / seen[: n + q].sum()
    for t in (0.0, 0.1, 0.7, 2.5):
        expected = sum(share * erlang.sf(t, j + 1, scale=mean / n) for j, share in enumerate(found))
        assert ours.wait_tail(t) == near(expected, abs=5e-6)
    assert ours.mean_wait == near(sum(share * (j + 1) * mean / n for j, share in enumerate(found)), rel=1e-5)


def test_the_sojourn_is_the_wait_and_then_the_work():
    ours = evolve(Sine(4, 5, 6), 0.5, 3, 15, seconds=6.0)
    v = np.linspace(0, 1.5, 3001)
    waits = np.array([ours.wait_tail(float(x)) for x in v])
    work = np.exp(-(1.5 - v) / 0.5) / 0.5
    assert ours.sojourn_tail(1.5) == near(math.exp(-1.5 / 0.5) + np.trapezoid(waits * work, v), rel=1e-6)


@pytest.mark.parametrize("q", [0, 7, math.inf])
def test_a_constant_rate_settles_where_the_steady_state_is(q):
    ours, formula = evolve(50, 0.1, 6, q, seconds=40, periodic=True), solve(f"M/M/6/{q:.0f}", 50.0, 0.1)
    assert ours.settled
    assert ours.loss == near(formula.loss, rel=1e-6)
    assert ours.utilization == near(formula.utilization, rel=1e-6)
    for percent in (50, 95, 99.9):
        assert ours.wait(percent) == near(formula.wait(percent), rel=1e-5, abs=1e-9)
        assert ours.sojourn(percent) == near(formula.sojourn(percent), rel=1e-5)
    assert ours.mean_wait == near(formula.Wq, rel=1e-5, abs=1e-12)


def test_what_comes_is_served_lost_or_still_there():
    ours = evolve(Sine(50, 50, 60), 0.08, 5, 40, seconds=45, backlog=30)
    served = ours.utilization * 5 / 0.08 * 45
    assert 30 + ours.offered * (1 - ours.loss) == near(served + ours.mean_in_system[-1], rel=1e-4)


@settings(max_examples=5, deadline=None)
@given(n=st.integers(5, 8), q=st.integers(0, 80))
def test_more_workers_and_more_places_lose_less(n, q):
    load = Sine(50, 50, 10)
    here, workers, places = (
        evolve(load, 0.08, *more, seconds=10, periodic=True) for more in ((n, q), (n + 1, q), (n, q + 5))
    )
    assert workers.loss <= here.loss
    assert places.loss <= here.loss
    assert workers.wait(99) <= here.wait(99) + 1e-9
    assert places.wait(99) >= here.wait(99) - 1e-9


def test_an_overload_is_said_to_grow():
    ours = evolve(Sine(50, 50, 60), 0.1, 4, seconds=60, periodic=True)
    assert not ours.stable
    assert ours.growth == near(10)
    assert math.isinf(ours.wait(50))
    assert "grows by 10 a second" in str(ours)
    assert ours.as_dict()["sojourn_percentiles"]["p99"] is None
    assert not evolve(50, 0.1, 5, seconds=1, periodic=True).stable  # at the very edge


def test_an_overload_that_ends_is_followed_to_its_end():
    ours = evolve(100, 0.1, 5, seconds=10)
    assert ours.stable
    assert ours.mean_backlog[-1] == near(500, rel=0.01)
    assert ours.peak_at == 10
    assert ours.wait(50) == near(5, rel=0.05)


def test_an_answer_for_similar_numbers_saves_time_and_changes_nothing():
    near_by = evolve(Sine(50, 50, 60), 0.08, 7, seconds=60, periodic=True)
    anew, begun = (evolve(Sine(50, 50, 60), 0.08, 8, 20, seconds=60, periodic=True, begin=b) for b in (None, near_by))
    assert begun.loss == near(anew.loss, rel=1e-5)


def test_the_stand_ins_have_no_steady_state_for_an_overload():
    with pytest.raises(UsageError, match="no steady state"):
        pointwise(Sine(50, 50, 60), 0.1, 6, seconds=60)
    assert pointwise(Sine(50, 50, 60), 0.1, 6, 10, seconds=60).loss > 0.2


@pytest.mark.parametrize("wrong", [{"n": 0}, {"q": -1}, {"seconds": 0}, {"backlog": 5, "q": 3}])
def test_numbers_without_meaning_are_refused_when_followed(wrong):
    with pytest.raises(UsageError, match="no meaning together"):
        evolve(5.0, 0.1, **{"n": 1, "seconds": 1.0} | wrong)
    with pytest.raises(UsageError, match="not a percentile"):
        pointwise(5.0, 0.1, 1).wait(100)


def test_what_is_too_much_to_follow_is_left_to_the_fluid():
    day = evolve(Sine(50, 50, 86400), 0.08, 8, seconds=86400, periodic=True)
    assert "fluid with its Gaussian term" in day.formula
    assert not day.exact
    assert evolve(Sine(5, 5, 60), 0.08, 1, seconds=60, periodic=True).exact


def test_the_answer_shows_itself():
    ours = evolve(Sine(50, 50, 20), 0.08, 7, 60, seconds=20, periodic=True)
    assert str(ours).startswith("system        Mt/M/7/60\noffered       1,000 in each 20s\n")
    assert ours.as_dict()["backlog_percentiles"]["p99"] == ours.backlog(99)
    assert "approximation" in str(evolve(5.0, Deterministic(0.1), 1, seconds=10))


def test_the_work_alone_has_its_own_tail():
    assert survival(Exponential(0.1), 0.3) == near(math.exp(-3))
    assert [survival(Deterministic(0.1), t) for t in (0.09, 0.1)] == [1, 0]
    wait, sojourn = tails(1.0, np.zeros(1), np.zeros(1), 3, Deterministic(0.1))
    assert wait(0.0) == 0
    assert [sojourn(t) for t in (0.09, 0.11)] == near([1, 0])


@pytest.mark.parametrize(
    ("law", "n", "q", "simulated"),
    [
        (Deterministic(0.08), 10, 4, 0.00874),
        (Deterministic(0.08), 9, 8, 0.00452),
        (Erlang(0.08, 3), 9, 8, 0.00747),
        (Erlang(0.08, 3), 10, 4, 0.01118),
        (Hyperexponential(0.08, 4.0), 9, 8, 0.02252),
        (Hyperexponential(0.08, 4.0), 9, 20, 0.00861),
        (Hyperexponential(0.08, 4.0), 10, 4, 0.02003),
    ],
)
def test_a_small_loss_of_other_work_is_what_a_million_simulated_customers_lose(law, n, q, simulated):
    ours = evolve(Sine(50, 50, 60), law, n, q, seconds=60, periodic=True)
    assert 0.8 * simulated < ours.loss < 1.3 * simulated
