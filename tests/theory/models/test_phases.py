# ruff: noqa: N806 - the letters of the formulas
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, Hyperexponential, Uniform
from forebay.theory.models.phases import (
    Workers,
    arrival_process,
    configuration_count,
    configurations,
    dispersion,
    fitted,
    phase_type,
    renewals,
    stationary,
)
from forebay.theory.system import Markovian


def moment(law, k):
    """E X^k = k! α (−T)^−k 1."""
    power = np.linalg.matrix_power(np.linalg.inv(-law.T), k)
    return float(np.prod(range(1, k + 1)) * law.alpha @ power.sum(axis=1))


@pytest.mark.parametrize("law", [Exponential(2.0), Erlang(2.0, 4), Hyperexponential(2.0, 5.0)], ids=lambda x: x.letter)
def test_phases_have_the_moments_of_their_law(law):
    assert [moment(phase_type(law), k) for k in (1, 2, 3)] == pytest.approx([law.moment(k) for k in (1, 2, 3)])


@given(st.floats(0.02, 30.0))
def test_two_moments_are_met_where_there_are_phases_enough(c2):
    law = fitted(3.0, c2, 50)
    assert law.alpha.min() >= 0
    assert moment(law, 1) == pytest.approx(3.0, rel=1e-9)
    assert moment(law, 2) / 9 - 1 == pytest.approx(c2, rel=1e-6)


def test_with_too_few_phases_the_variance_is_the_least_there_is():
    law = fitted(3.0, 0.01, 5)
    assert moment(law, 2) / 9 - 1 == pytest.approx(0.2)


def test_there_are_as_many_configurations_as_counted():
    assert configurations(2, 2) == [(2, 0), (1, 1), (0, 2)]
    assert [len(configurations(n, 3)) for n in range(6)] == [configuration_count(n, 3) for n in range(6)]


@pytest.mark.parametrize("law", [Erlang(1.0, 3), Hyperexponential(1.0, 4.0)], ids=lambda x: x.letter)
def test_what_leaves_a_configuration_goes_somewhere(law):
    workers = Workers(phase_type(law))
    for busy in (1, 2, 5):
        assert workers.moving(busy).sum(axis=1) + workers.ending(busy).sum(axis=1) == pytest.approx(0, abs=1e-12)
        assert workers.starting(busy).sum(axis=1) == pytest.approx(1)


def test_a_steady_state_is_found_without_cancellation():
    Q = np.array([[-1e-9, 1e-9, 0], [0, -1, 1], [1e9, 0, -1e9]])
    pi = stationary(Q)
    assert pi == pytest.approx([1, 1e-9, 1e-18], rel=1e-8)


def test_renewals_of_memoryless_distances_are_a_poisson_process():
    assert dispersion(*renewals(phase_type(Exponential(0.2)))) == pytest.approx((5.0, 1.0))


@pytest.mark.parametrize("law", [Erlang(0.5, 4), Hyperexponential(0.5, 7.0)], ids=lambda x: x.letter)
def test_the_dispersion_of_renewals_is_c2(law):
    assert dispersion(*arrival_process(law)) == pytest.approx((2.0, law.c2))


def test_what_is_no_map_is_refused():
    with pytest.raises(UsageError, match="not a MAP"):
        arrival_process(Markovian(((-1.0, 0.0), (0.0, -1.0)), ((2.0, 0.0), (0.0, 1.0))))
    with pytest.raises(UsageError, match="square"):
        arrival_process(Markovian(((-1.0,),), ((1.0, 0.0), (0.0, 1.0))))
    with pytest.raises(UsageError, match="phases"):
        arrival_process(Uniform(1.0))
    with pytest.raises(UsageError, match="phases"):
        phase_type(Deterministic(1.0))
