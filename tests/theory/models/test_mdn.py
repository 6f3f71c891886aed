# ruff: noqa: N803, SIM300 - the letters of the formulas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from forebay.theory import Deterministic, Exponential, General, System
from forebay.theory.models import mdn
from forebay.theory.models.mdn import Waiting, decay, mean_queue, roots, wait_tail


def solved(n, rho, D=1.0):
    return mdn.solve(System(Exponential(D / (n * rho)), Deterministic(D), n))


def erlang_1909(rho, t, digits=60):
    """P(Wq > t) of M/D/1 by the alternating sum, which needs many digits."""
    mp.dps = digits
    x, total = mpf(rho), mpf(0)
    for j in range(int(t) + 1):
        y = x * (j - mpf(t))
        total += y**j / mp.factorial(j) * mp.exp(-y)
    return float(1 - (1 - x) * total)


@pytest.mark.parametrize("rho", [0.3, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("t", [0.2, 1.0, 7.5, 50.0, 200.0])
def test_the_alternating_sum_is_met_where_floats_could_not_follow_it(rho, t):
    assert solved(1, rho).wait_tail(t) == pytest.approx(erlang_1909(rho, t, 400), rel=1e-7, abs=1e-14)


@given(st.integers(1, 300), st.floats(0.3, 0.99))
@settings(max_examples=40, deadline=None)
def test_the_sum_of_the_queue_is_the_formula_of_the_mean(n, rho):
    a = n * rho
    assert Waiting(a, n).mean == pytest.approx(mean_queue(a, n), rel=1e-7, abs=1e-9 * n)


def test_the_roots_solve_their_equation():
    for a, n in ((0.5, 2), (9.9, 10), (297.0, 300)):
        z = roots(a, n)
        assert len(z) == n - 1
        assert abs(z).max() < 1
        assert abs(z**n - np.exp(a * (z - 1))).max() < 1e-12
        tau = decay(a, n)
        assert tau > 1
        assert n * np.log(tau) == pytest.approx(a * (tau - 1), rel=1e-9)


@pytest.mark.parametrize(("n", "rho"), [(2, 0.9), (20, 0.95), (300, 0.99)])
def test_nothing_of_the_queue_is_cut_off(n, rho):
    # a published program returns zeros from p_20 on for M/D/2 at 0.9: they sum to .975, and Little gives 1.849
    found, waiting = solved(n, rho), Waiting(n * rho, n)
    area = sum(wait_tail(waiting, n * rho, n, x / 40 + 0.0125) for x in range(40 * int(40 / (n * (1 - rho)) + 3))) / 40
    assert area == pytest.approx(found.Wq, rel=5e-3)
    assert waiting.none + waiting.known[0] == pytest.approx(1, abs=1e-12)


def test_md2_is_not_what_the_truncated_states_say():
    assert solved(2, 0.9).Wq == pytest.approx(2.146923, abs=5e-7)


def test_light_load_is_right_too():
    assert solved(1, 0.01).Wq == pytest.approx(0.01 / (2 * 0.99), rel=1e-7)
    assert solved(1, 0.01).p0 == pytest.approx(0.99, rel=1e-12)
    assert solved(500, 0.3).Wq == pytest.approx(0, abs=1e-13)


def test_a_load_so_near_to_the_limit_that_it_does_not_fit_into_memory_is_left_to_others():
    loads = {rho: mdn.fits(System(Exponential(1 / rho), Deterministic(1.0))) for rho in (0.9999, 0.999999, 1.0, 1.5)}
    assert loads == {0.9999: True, 0.999999: False, 1.0: True, 1.5: True}


def test_the_work_itself_is_added_to_the_wait():
    found = solved(3, 0.8, D=0.08)
    assert found.sojourn_tail(0.079) == 1.0
    assert found.sojourn_tail(0.2) == found.wait_tail(0.12)
    assert found.sojourn(99) == pytest.approx(found.wait(99) + 0.08)


def test_no_variance_is_a_clock():
    system = System(Exponential(0.6), General(1.0, 0.0), 2)
    assert mdn.fits(system)
    assert mdn.solve(system).Wq == solved(2, 1 / 1.2).Wq


def test_overload_grows():
    assert solved(2, 1.25).growth == pytest.approx(0.5)
    assert solved(2, 1.0).L == np.inf
    assert solved(2, 1.0).critical


def test_hardly_any_load_makes_no_negative_queue():
    assert solved(2, 1e-6).Lq >= 0
