# ruff: noqa: SIM300 - the letters of the formulas
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from forebay.theory import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, System, Uniform
from forebay.theory.models import gimn, mapphn
from forebay.theory.models.gimn import found, sigma, two_exponentials

LAWS = [
    Exponential(1.0),
    Deterministic(1.0),
    Erlang(1.0, 3),
    Hyperexponential(1.0, 4.0),
    Uniform(1.0),
    Samples.of([0.2, 0.2, 1.0, 2.6]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
@pytest.mark.parametrize("capacity", [1.02, 1.5, 8.0])
def test_sigma_is_the_root_that_scipy_finds(law, capacity):
    root = optimize.brentq(
        lambda x: law.transform(complex(capacity * (1 - x))).real - x, 0.0, 1 - 1e-6, xtol=1e-15, rtol=1e-14
    )
    assert sigma(law, capacity) == pytest.approx(root, rel=1e-8)


def test_two_moments_of_arrivals_are_taken_as_gamma():
    assert sigma(General(1.0, 1 / 3), 1.5) == pytest.approx(sigma(Erlang(1.0, 3), 1.5), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("rho", [0.3, 0.5, 0.9])
def test_memoryless_arrivals_find_the_states_of_mmn(n, rho):
    # the closed formula has a 0/0 wherever n(1 − σ) is a whole number: here n(1 − ρ)
    a = n * rho
    terms = [a**j / math.factorial(j) for j in range(n)]
    p0 = 1 / (sum(terms) + a**n / math.factorial(n) / (1 - rho))
    pi, ratio = found(Exponential(1 / a), 1.0, n)
    assert ratio == pytest.approx(rho, rel=1e-12)
    assert pi == pytest.approx([p0 * term for term in terms], rel=1e-9)


@pytest.mark.parametrize("law", [Exponential(1.0), Erlang(1.0, 2), Hyperexponential(1.0, 6.0)], ids=lambda x: x.letter)
@pytest.mark.parametrize(("n", "q"), [(1, math.inf), (4, math.inf), (20, math.inf), (1, 0), (3, 0), (3, 7), (5, 40)])
def test_the_chain_at_arrivals_agrees_with_the_levels(law, n, q):
    system = System(law.with_mean(1 / (0.85 * n)), Exponential(1.0), n, q)
    one, other = gimn.solve(system), mapphn.solve(system)
    for name in ("Wq", "L", "p_wait", "loss", "throughput"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-10, abs=1e-14), name
    assert one.p0 == pytest.approx(other.p0, rel=1e-5)
    for t in (0.0, 0.1, 1.0, 5.0):
        assert one.wait_tail(t) == pytest.approx(other.wait_tail(t), rel=1e-9, abs=1e-13)
        assert one.sojourn_tail(t) == pytest.approx(other.sojourn_tail(t), rel=1e-9, abs=1e-13)


@given(st.sampled_from(LAWS), st.integers(1, 30), st.floats(0.05, 0.97))
@settings(max_examples=40, deadline=None)
def test_little_and_the_tail_agree_with_the_mean(law, n, rho):
    got = gimn.solve(System(law.with_mean(1 / (n * rho)), Exponential(1.0), n))
    assert got.L == pytest.approx(got.throughput * got.W, rel=1e-12)
    assert got.L - got.Lq == pytest.approx(n * rho, rel=1e-9)
    assert 0 <= got.p_wait <= 1
    if got.p_wait > 1e-6:
        rate = -math.log(got.wait_tail(1.0) / got.wait_tail(0.0))
        assert got.Wq == pytest.approx(got.p_wait / rate, rel=1e-6)


def test_a_clock_waits_less_than_chance_and_bursts_wait_more():
    waits = [gimn.solve(System(law.with_mean(1 / 2.4), Exponential(1.0), 3)).Wq for law in LAWS]
    memoryless, clock, erlang, bursts, uniform, _ = waits
    assert clock < erlang == pytest.approx(uniform, rel=0.05)
    assert erlang < memoryless < bursts


def test_two_equal_rates_are_no_singularity():
    at, near = two_exponentials(0.4, 2.0, 2.0), two_exponentials(0.4, 2.0, 2.0 + 1e-7)
    assert at(1.3) == pytest.approx(near(1.3), rel=1e-6)
    assert at(1.3) == pytest.approx(math.exp(-2.6) * (1 + 0.4 * 2.6), rel=1e-12)
    assert two_exponentials(1.0, 1e6, 2.0)(1.0) == pytest.approx(math.exp(-2.0), rel=1e-5)


def test_overload_with_few_places_loses_what_is_too_much():
    got = gimn.solve(System(Deterministic(0.1), Exponential(1.0), 3, 5))
    assert got.loss == pytest.approx(0.7, abs=0.01)
    assert got.throughput <= 3


def test_a_clock_with_hardly_any_load_is_empty():
    # σ is e^-2000 there: 0 in floats
    for n in (1, 3):
        got = gimn.solve(System(Deterministic(2000 / n), Exponential(1.0), n))
        assert got.p0 == pytest.approx(1 - n / 2000, rel=1e-9)
        assert got.Wq < 1e-100
        assert got.wait(99) == 0.0


def test_what_fits():
    assert gimn.fits(System(Uniform(1.0), Exponential(0.5)))
    assert not gimn.fits(System(General(1.0, 0.5), Exponential(0.5)))
    assert not gimn.fits(System(Uniform(1.0), Exponential(0.5), 401))
    assert not gimn.fits(System(Exponential(1.0), Erlang(0.5, 2)))
