# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from forebay.theory import solve

near = pytest.approx
workers = st.integers(1, 12)
limits = st.integers(1, 30)
rhos = st.floats(0.05, 3) | st.just(1.0) | st.floats(0.999999, 1.000001)


def balance(n, q, a):
    """Return p_0 ... p_{n+q} by solving the balance equations, which knows no formula."""
    K = n + q
    Q = np.zeros((K + 1, K + 1))
    for k in range(K):
        Q[k, k + 1], Q[k + 1, k] = a, min(k + 1, n)
    Q -= np.diag(Q.sum(axis=1))
    return np.linalg.lstsq(np.vstack([Q.T, np.ones(K + 1)]), np.eye(K + 2)[-1], rcond=None)[0]


@given(workers, limits, rhos)
def test_the_states_are_those_of_the_balance_equations(n, q, rho):
    p, s = balance(n, q, n * rho), solve(f"M/M/{n}/{q}", n * rho, 1.0)
    accepted = 1 - p[-1]
    expected = (p[-1], p[n:-1].sum() / accepted, p @ np.arange(n + q + 1), p[n:] @ np.arange(q + 1))
    assert (s.loss, s.p_wait, s.L, s.Lq) == near(expected, rel=1e-8, abs=1e-11)
    assert s.p0 == near(p[0], rel=1e-7, abs=1e-11)


@given(workers, limits, rhos, st.floats(0, 20))
def test_the_wait_is_a_mixture_of_erlang_laws(n, q, rho, t):
    p, s = balance(n, q, n * rho), solve(f"M/M/{n}/{q}", n * rho, 1.0)
    tails = stats.gamma.sf(t, np.arange(q) + 1, scale=1 / n)
    assert s.wait_tail(t) == near(p[n:-1] @ tails / (1 - p[-1]), rel=1e-8, abs=1e-11)


@given(workers, limits | st.none(), st.floats(0.05, 0.99), st.floats(0.01, 10))
def test_the_sojourn_is_the_wait_and_then_the_work(n, q, rho, t):
    s = solve(f"M/M/{n}" if q is None else f"M/M/{n}/{q}", n * rho, 1.0)
    behind, _ = integrate.quad(lambda v: s.wait_tail(v) * math.exp(v - t), 0, t, epsabs=1e-12, limit=200)
    assert s.sojourn_tail(t) == near(math.exp(-t) + behind, rel=1e-8)


def test_where_the_wait_has_the_rate_of_the_work_nothing_is_divided_by_zero():
    same, nearly = solve("M/M/2", 1.0, 1.0), solve("M/M/2", 1 + 1e-9, 1.0)
    C = same.p_wait
    assert same.sojourn_tail(1.5) == near(math.exp(-1.5) * (1 + C * 1.5), rel=1e-14)
    assert nearly.sojourn_tail(1.5) == near(same.sojourn_tail(1.5), rel=1e-8)


@given(workers, st.floats(0.05, 0.95))
def test_with_many_places_it_is_the_queue_without_a_limit(n, rho):
    limited, endless = solve(f"M/M/{n}/3000", n * rho, 1.0), solve(f"M/M/{n}", n * rho, 1.0)
    for name in ("p0", "p_wait", "Wq", "W", "L"):
        assert getattr(limited, name) == near(getattr(endless, name), rel=1e-9)
    for percent in (50, 95, 99.9):
        assert limited.wait(percent) == near(endless.wait(percent), rel=1e-8, abs=1e-12)
        assert limited.sojourn(percent) == near(endless.sojourn(percent), rel=1e-8)


@given(workers, st.integers(0, 200), rhos)
def test_one_more_place_loses_less_and_lets_wait_longer(n, q, rho):
    less, more = solve(f"M/M/{n}/{q}", n * rho, 1.0), solve(f"M/M/{n}/{q + 1}", n * rho, 1.0)
    assert more.loss < less.loss + 1e-15
    assert more.Wq >= less.Wq * (1 - 1e-12)  # far out one place more changes less than rounding
    assert solve(f"M/M/{n + 1}/{q}", n * rho, 1.0).loss < less.loss + 1e-15


@pytest.mark.parametrize(("rho", "Wq", "loss"), [(1.0, 49999.87, 1e-6), (2.0, 99999.9, 0.5), (0.5, 0.0, 0.0)])
def test_a_million_places_are_no_trouble(rho, Wq, loss):
    s = solve("M/M/10/1000000", 10 * rho, 1.0)
    assert s.Wq == near(Wq, rel=1e-6, abs=0.01)
    assert s.loss == near(loss, rel=1e-4, abs=1e-12)
    assert s.sojourn(99.9) > s.sojourn(50) > s.wait(50)


def test_in_a_long_overload_the_places_are_full_and_the_wait_is_nearly_sure():
    s = solve("M/M/1/1000", 5.0, 1.0)
    assert s.loss == near(0.8)
    assert s.p0 == near(0.8 * 5.0**-1001, rel=1e-9)
    assert s.wait(50) == near(1000, rel=1e-3)  # all places but one taken, by Erlang of that many stages


def test_with_very_many_workers_nobody_waits():
    s = solve("M/M/100000/5", 1.0, 1.0)
    assert (s.loss, s.p_wait, s.Wq) == (0, 0, 0)
    assert s.sojourn_tail(2.0) == near(math.exp(-2))


def test_overload_grows():
    s = solve("M/M/3", 10, 0.5)
    assert (s.stable, s.growth, s.L, s.Wq, s.wait(50), s.utilization) == (False, 4, math.inf, math.inf, math.inf, 1)
    assert "unstable" in str(s)


def test_at_the_very_limit_there_is_no_steady_state_either():
    s = solve("M/M/4", 4, 1)
    assert s.Wq == math.inf
    assert s.wait(50) in (None, math.inf)


@given(workers, st.floats(0.1, 5), st.sampled_from(["M", "D", "E3", "H2(4)", "U", "G(2)"]))
def test_loss_and_idleness_without_waiting_do_not_depend_on_the_law(n, rho, B):
    s, m = solve(f"M/{B}/{n}/0", n * rho, 1.0), solve(f"M/M/{n}/1", n * rho, 1.0)
    p = balance(n, 0, n * rho)
    assert (s.loss, s.p0) == near((p[-1], p[0]), rel=1e-8)
    assert (s.Wq, s.wait_tail(0.0), s.exact) == (0, 0, True)
    assert s.loss > m.loss


def test_a_worker_for_everyone_makes_the_number_poisson():
    s = solve("M/D/inf", 4, 0.5)
    assert (s.L, s.Lq, s.p0, s.utilization) == near((2, 0, stats.poisson.pmf(0, 2), 2))
    assert (s.sojourn_tail(0.49), s.sojourn_tail(0.51)) == (1, 0)


def test_many_idle_workers_are_nearly_always_all_idle():
    assert solve("M/M/57", arrivals=57e-6, service=1.0).p0 == pytest.approx(math.exp(-57e-6), rel=1e-12)
