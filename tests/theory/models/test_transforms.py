import math

import numpy as np
import pytest
from scipy import stats

from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, Uniform
from forebay.theory.models.transforms import grouped, invert, probability, transform

PAIRS = {
    "e^-t": (lambda s: 1 / (s + 1), lambda t: math.exp(-t)),
    "1": (lambda s: 1 / s, lambda t: 1.0),
    "sin t": (lambda s: 1 / (s**2 + 1), math.sin),
    "1/sqrt(pi t)": (lambda s: 1 / np.sqrt(s), lambda t: 1 / math.sqrt(math.pi * t)),
    "tail of E3": (lambda s: (1 - (1 + s / 3) ** -3.0) / s, lambda t: stats.gamma.sf(t, 3, scale=1 / 3)),
    "t e^-t": (lambda s: 1 / (s + 1) ** 2, lambda t: t * math.exp(-t)),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("t", [0.01, 0.5, 1.0, 4.0])
def test_known_pairs_are_taken_back(name, t):
    forward, back = PAIRS[name]
    assert invert(forward, t) == pytest.approx(back(t), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "law",
    [
        Exponential(0.5),
        Erlang(0.5, 3),
        Hyperexponential(0.5, 4.0),
        Uniform(0.5),
        Deterministic(0.5),
        Samples.of([0.1, 0.4, 1.0]),
    ],
    ids=lambda law: law.letter,
)
def test_the_transform_of_a_vector_is_that_of_its_elements(law):
    s = np.array([0.3 + 0j, 1 + 2j, 7 - 40j])
    assert transform(law)(s) == pytest.approx([law.transform(x) for x in s.tolist()], rel=1e-13)


def test_two_moments_are_transformed_as_the_gamma_law():
    s = np.array([0.3 + 0j, 1 + 2j])
    assert transform(General(0.5, 1 / 3))(s) == pytest.approx(transform(Erlang(0.5, 3))(s), rel=1e-13)
    assert transform(General(0.5, 0.0))(s) == pytest.approx(transform(Deterministic(0.5))(s), rel=1e-13)


def test_many_samples_are_grouped_with_their_mean_and_variance():
    law = Samples.of(np.random.default_rng(1).lognormal(size=20_000).tolist())
    times, shares = grouped(law)
    assert len(times) <= 400
    assert shares.sum() == pytest.approx(1, rel=1e-12)
    assert times @ shares == pytest.approx(law.mean, rel=1e-12)
    assert times**2 @ shares == pytest.approx(law.moment(2), rel=1e-12)
    assert times**3 @ shares == pytest.approx(law.moment(3), rel=1e-4)


def test_what_is_below_the_error_of_the_inversion_is_nothing():
    assert probability(1 + 1e-9) == 1.0
    assert probability(-1e-12) == 0.0
    assert probability(0.25) == 0.25
