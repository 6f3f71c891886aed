import numpy as np
import pytest

from forebay.theory import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, System, Uniform
from forebay.theory.models import mdn, mg1
from forebay.theory.models.mg1 import mean_wait, sojourn_tail, wait_moment2, wait_tail

LAWS = [
    Exponential(1.0),
    Erlang(1.0, 3),
    Hyperexponential(1.0, 4.0),
    Uniform(1.0),
    Deterministic(1.0),
    Samples.of([0.1, 0.5, 0.5, 2.9]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_the_law_of_the_wait_has_the_moments_of_the_formula(law, rho):
    tail = wait_tail(rho, law)
    step = 0.05 if rho < 0.5 else 0.2
    t = np.arange(step / 2, 60 * (1 + law.c2) / (1 - rho) / 3, step)
    values = np.array([tail(x) for x in t.tolist()])
    assert values.sum() * step == pytest.approx(mean_wait(rho, law), rel=2e-3)
    assert 2 * (t * values).sum() * step == pytest.approx(wait_moment2(rho, law), rel=5e-3)


def test_mm1_is_closed():
    tail, sojourn = wait_tail(0.9, Exponential(1.0)), sojourn_tail(0.9, Exponential(1.0))
    for t in (0.001, 0.5, 10.0, 60.0):
        assert tail(t) == pytest.approx(0.9 * np.exp(-0.1 * t), abs=1e-9)
        assert sojourn(t) == pytest.approx(np.exp(-0.1 * t), abs=1e-9)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_md1_is_met_at_its_edges_too(rho):
    exact = mdn.solve(System(Exponential(1 / rho), Deterministic(1.0)))
    wait, sojourn = wait_tail(rho, Deterministic(1.0)), sojourn_tail(rho, Deterministic(1.0))
    for t in np.arange(0.0, 6.0, 0.25).tolist():
        assert wait(t) == pytest.approx(exact.wait_tail(t), abs=1e-5)
        assert sojourn(t + 0.01) == pytest.approx(exact.sojourn_tail(t + 0.01), abs=1e-3)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
def test_the_atom_at_nothing_is_exact(law):
    got = mg1.solve(System(Exponential(1 / 0.7), law))
    assert got.p_wait == got.wait_tail(0.0) == pytest.approx(0.7)
    assert got.wait(29.9) == 0.0
    assert got.wait_tail(1e-6) == pytest.approx(0.7, abs=1e-5)
    assert got.sojourn_tail(0.0) == pytest.approx(1.0 - (0.3 * 0.0))


def test_only_the_variance_of_the_work_counts_for_the_mean():
    for c2 in (0.5, 4.0):
        got = mg1.solve(System(Exponential(1 / 0.8), General(1.0, c2)))
        assert got.Wq == pytest.approx(0.8 * (1 + c2) / 2 / 0.2)
        assert "gamma" in got.notes[0]
    erlang = mg1.solve(System(Exponential(1 / 0.8), Erlang(1.0, 2)))
    general = mg1.solve(System(Exponential(1 / 0.8), General(1.0, 0.5)))
    assert general.wait(99) == pytest.approx(erlang.wait(99), rel=1e-9)


def test_measured_times_are_used_as_they_are():
    times = np.random.default_rng(3).lognormal(size=3000).tolist()
    law = Samples.of(times)
    got = mg1.solve(System(Exponential(law.mean / 0.5), law))
    assert got.Wq == pytest.approx(0.5 / law.mean * np.mean(np.square(times)) / (2 * 0.5))
    assert got.wait(99) > got.wait(90) > 0


def test_overload_grows():
    assert mg1.solve(System(Exponential(0.5), Uniform(1.0))).growth == 1.0
    assert mean_wait(1.0, Uniform(1.0)) == wait_moment2(1.0, Uniform(1.0)) == np.inf
