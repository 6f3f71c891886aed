import math

import pytest
from scipy import integrate, special, stats

from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, Uniform
from forebay.theory.survival import excess, gamma_tail, survival

LAWS = [
    Exponential(2.0),
    Erlang(2.0, 3),
    Hyperexponential(2.0, 4.0),
    Uniform(2.0),
    General(2.0, 0.3),
    General(2.0, 5.0),
    Deterministic(2.0),
    General(2.0, 0.0),
    Samples.of([0.5, 2.5, 3.0, 2.0]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
def test_the_mean_is_the_area_under_the_survival(law):
    assert excess(law, 0.0) == pytest.approx(law.mean, rel=1e-12)
    assert survival(law, -1.0) == 1.0
    assert excess(law, -1.0) == pytest.approx(law.mean + 1, rel=1e-12)


@pytest.mark.parametrize("law", LAWS[:6], ids=lambda law: law.letter)
@pytest.mark.parametrize("t", [0.3, 2.0, 7.0])
def test_the_excess_is_the_rest_of_that_area(law, t):
    area, _ = integrate.quad(lambda x: survival(law, x), t, 400.0, limit=400, points=[4.0] if t < 4 else None)
    assert excess(law, t) == pytest.approx(area, rel=1e-6, abs=1e-9)


def test_what_jumps_is_longer_than_t_only_before_its_value():
    assert survival(Deterministic(2.0), 1.999) == 1.0
    assert survival(Deterministic(2.0), 2.0) == 0.0
    assert survival(Samples.of([1.0, 1.0, 3.0]), 1.0) == pytest.approx(1 / 3)
    assert excess(Samples.of([1.0, 1.0, 3.0]), 2.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 2.5, 10.0, 300.0])
@pytest.mark.parametrize("x", [0.01, 0.9, 2.0, 9.0, 50.0, 320.0])
def test_the_gamma_tail_is_that_of_scipy(shape, x):
    assert gamma_tail(shape, x) == pytest.approx(special.gammaincc(shape, x), rel=1e-11, abs=1e-15)


def test_an_erlang_law_is_late_when_few_events_have_come():
    assert survival(Erlang(1.0, 4), 1.7) == pytest.approx(stats.poisson.cdf(3, 4 * 1.7), rel=1e-13)
    assert survival(General(1.0, 1.0), 1.3) == pytest.approx(math.exp(-1.3), rel=1e-13)
