# ruff: noqa: N803, SIM300 - the letters of the formulas
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, System, Uniform
from forebay.theory.models import mapphn, mdn, mg1, mg1k
from forebay.theory.models.mg1k import constant_tails, general_tails, states

LAWS = [
    Exponential(1.0),
    Erlang(1.0, 3),
    Hyperexponential(1.0, 4.0),
    Uniform(1.0),
    Deterministic(1.0),
    Samples.of([0.1, 0.5, 0.5, 2.9]),
]


@given(st.sampled_from(LAWS), st.integers(1, 60), st.floats(0.05, 3.0))
@settings(max_examples=60, deadline=None)
def test_the_states_obey_the_laws_of_conservation(law, K, rho):
    p = states(rho, law, K)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert 1 - p[0] == pytest.approx(rho * (1 - p[-1]), rel=1e-9)


@pytest.mark.parametrize("rho", [0.5, 1.0, 1.2])
@pytest.mark.parametrize("K", [2, 5, 11])
def test_mm1k_is_geometric(rho, K):
    terms = rho ** np.arange(K + 1)
    assert states(rho, Exponential(1.0), K) == pytest.approx(terms / terms.sum(), rel=1e-10)


@pytest.mark.parametrize("law", LAWS[:3], ids=lambda law: law.letter)
@pytest.mark.parametrize("q", [0, 1, 6, 40])
@pytest.mark.parametrize("rho", [0.6, 1.4])
def test_phases_give_the_same(law, q, rho):
    system = System(Exponential(1 / rho), law, 1, q)
    one, other = mg1k.solve(system), mapphn.solve(system)
    for name in ("loss", "L", "p_wait", "p0", "Wq"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-13), name
    for t in (0.0, 0.3, 2.0, 9.0):
        assert one.wait_tail(t) == pytest.approx(other.wait_tail(t), abs=1e-8)
        assert one.sojourn_tail(t) == pytest.approx(other.sojourn_tail(t), abs=1e-8)


@pytest.mark.parametrize("rho", [0.5, 1.0, 1.6])
@pytest.mark.parametrize("q", [1, 2, 8])
def test_constant_work_waits_as_its_tail_and_its_transform_say(rho, q):
    got = mg1k.solve(System(Exponential(1 / rho), Deterministic(1.0), 1, q))
    area = sum(got.wait_tail(k / 200 + 0.0025) for k in range(200 * q)) / 200
    assert area == pytest.approx(got.Wq, rel=1e-4)
    assert got.wait_tail(0.0) == pytest.approx(got.p_wait, rel=1e-9)
    assert got.wait_tail(float(q)) == pytest.approx(0, abs=1e-12)
    wait, _ = general_tails(rho, Deterministic(1.0), states(rho, Deterministic(1.0), q + 1))
    for t in (0.25, 0.6, q - 0.4):
        assert wait(t) == pytest.approx(got.wait_tail(t), abs=5e-3)


def test_with_many_places_there_is_no_limit():
    for law, free in ((Deterministic(1.0), mdn), (Uniform(1.0), mg1)):
        limited = mg1k.solve(System(Exponential(1 / 0.8), law, 1, 300))
        endless = free.solve(System(Exponential(1 / 0.8), law))
        assert limited.L == pytest.approx(endless.L, rel=1e-9)
        assert limited.wait_tail(3.3) == pytest.approx(endless.wait_tail(3.3), abs=1e-5)
        assert 0 < limited.loss < 1e-40


def test_small_losses_keep_their_digits():
    # M/M/1/K: (1 − ρ) ρ^K/(1 − ρ^{K+1})
    assert states(0.5, Exponential(1.0), 200)[-1] == pytest.approx(0.5**201, rel=1e-8)


def test_two_moments_are_the_gamma_law_and_say_so():
    one = mg1k.solve(System(Exponential(1.0), General(1.0, 0.5), 1, 4))
    other = mg1k.solve(System(Exponential(1.0), Erlang(1.0, 2), 1, 4))
    assert one.loss == pytest.approx(other.loss, rel=1e-10)
    assert (one.exact, other.exact) == (False, True)
    assert mg1k.solve(System(Exponential(1.0), General(1.0, 0.0), 1, 4)).exact


@pytest.mark.parametrize(("rho", "within"), [(0.5, 1.5), (0.7, 0.45), (1.2, 0.2)])
def test_other_laws_of_two_moments_lose_as_much_more_as_is_told(rho, within):
    for law in (Hyperexponential(1.0, 2.0), Hyperexponential(1.0, 9.0), Uniform(1.0), Samples.of([0.3, 1.7])):
        for q in (1, 3, 7, 15):
            gamma = mg1k.solve(System(Exponential(1 / rho), General(1.0, law.c2), 1, q))
            assert f"{within:.0%}".replace("%", " %") in gamma.error
            assert gamma.loss == pytest.approx(states(rho, law, q + 1)[-1], rel=within)


def test_heavy_overload_is_a_number_and_more_than_that_is_refused():
    got = mg1k.solve(System(Exponential(1 / 300), Deterministic(1.0), 1, 20))
    assert got.loss == pytest.approx(1 - 1 / 300, rel=1e-9)
    assert not mg1k.fits(System(Exponential(1 / 700), Deterministic(1.0), 1, 20))
    assert not mg1k.fits(System(Exponential(1.0), Deterministic(1.0), 2, 20))
    assert not mg1k.fits(System(Exponential(1.0), Deterministic(1.0), 1, math.inf))


def test_nobody_waits_longer_than_the_places_allow():
    p = states(5.0, Deterministic(0.5), 4)
    wait, sojourn = constant_tails(5.0, 0.5, p)
    assert wait(1.5) == 0.0
    assert sojourn(2.0) == 0.0
    assert sojourn(0.49) == 1.0
