import numpy as np
import pytest
from scipy import integrate, stats

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, Uniform
from forebay.theory.models.counting import all_counts, counts, window

LAWS = [
    Exponential(0.7),
    Erlang(0.7, 3),
    Hyperexponential(0.7, 6.0),
    Uniform(0.7),
    Deterministic(0.7),
    General(0.7, 0.4),
    General(0.7, 0.0),
    Samples.of([0.0, 0.3, 0.3, 2.0]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
@pytest.mark.parametrize("rate", [0.01, 3.0, 400.0])
def test_the_counts_have_the_mean_and_variance_of_a_mixed_poisson_law(law, rate):
    a = all_counts(law, rate)
    j, mean = np.arange(len(a)), rate * law.mean
    assert a.min() >= 0
    assert a.sum() == pytest.approx(1, abs=1e-12)
    assert a @ j == pytest.approx(mean, rel=1e-9)
    assert a @ (j - mean) ** 2 == pytest.approx(mean + law.c2 * mean**2, rel=1e-7)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
def test_no_event_has_the_probability_that_the_transform_says(law):
    if not isinstance(law, General):
        assert counts(law, 3.0, 5)[0] == pytest.approx(law.transform(3.0 + 0j).real, rel=1e-12)


def test_a_uniform_time_is_integrated():
    density, _ = integrate.quad(lambda t: stats.poisson.pmf(4, 3 * t) / 1.4, 0, 1.4)
    assert counts(Uniform(0.7), 3.0, 6)[4] == pytest.approx(density, rel=1e-9)


def test_few_counts_are_the_first_of_many():
    for law in LAWS:
        assert counts(law, 50.0, 7) == pytest.approx(counts(law, 50.0, 300)[:7], rel=1e-12)


def test_the_window_holds_the_poisson_law():
    first, weights = window(90.0)
    assert weights == pytest.approx(stats.poisson.pmf(first + np.arange(len(weights)), 90.0), rel=1e-10, abs=1e-300)


def test_millions_of_events_are_refused():
    with pytest.raises(UsageError, match="events"):
        all_counts(Exponential(1.0), 1e7)
