from __future__ import annotations

import math

import numpy as np
import pytest

from forebay.errors import UsageError
from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Line, Sine
from forebay.load.profiles.stages import Poisson
from forebay.theory.fit.arrivals import ArrivalFit, Kind, arrivals_of
from forebay.theory.fit.bursts import Bursts, bursts_of, dispersions
from forebay.theory.fit.trend import Flat, Slope, Wave
from forebay.theory.laws import Deterministic, Erlang, Exponential, General
from forebay.theory.path import Seconds
from forebay.theory.system import Markovian, Varying

SEEDS = range(40)
OF_40 = 33
"""Of 40 intervals of 95 %, as many or more hold the truth but once in 5000 times."""


def poisson(seed: int, rate: float = 50.0, seconds: float = 60.0) -> Seconds:
    generator = np.random.default_rng(seed)
    return np.sort(generator.random(generator.poisson(rate * seconds)) * seconds)


def of_profile(profile: Profile, seconds: float) -> ArrivalFit:
    return arrivals_of(np.array([*profile.shots(seconds)]), seconds)


def switching(seed: int, rates: tuple[float, float], means: tuple[float, float], seconds: float) -> Seconds:
    """Return arrivals at two rates that take turns."""
    generator = np.random.default_rng(seed)
    t, state, parts = 0.0, 0, []
    while t < seconds:
        length = generator.exponential(means[state])
        parts.append(t + np.sort(generator.random(generator.poisson(rates[state] * length)) * length))
        t, state = t + length, 1 - state
    arrived = np.concatenate(parts)
    return arrived[arrived < seconds]


def covered(truth: float, found: list[tuple[float, float]]) -> int:
    return sum(abs(value - truth) <= 1.96 * error for value, error in found)


@pytest.mark.parametrize("seed", SEEDS)
def test_poisson_is_poisson(seed: int) -> None:
    fit = arrivals_of(poisson(seed), 60.0)
    assert fit.kind is Kind.POISSON
    assert isinstance(fit.trend, Flat)
    assert isinstance(fit.law, Exponential)
    assert fit.poisson.p > 1e-4


def test_intervals_of_rate_and_variation_hold_the_truth() -> None:
    fits = [arrivals_of(poisson(seed), 60.0) for seed in SEEDS]
    assert covered(50.0, [(fit.rate, fit.rate_error) for fit in fits]) >= OF_40
    assert covered(1.0, [(fit.c2, fit.c2_error) for fit in fits]) >= OF_40
    assert covered(1.0, [(fit.dispersion.index, fit.dispersion.error) for fit in fits if fit.dispersion]) >= OF_40


@pytest.mark.parametrize("gap", [0.01, 0.0137, 1 / 3])
def test_a_clock_is_told_from_poisson(gap: float) -> None:
    fit = arrivals_of(np.arange(1000) * gap, 1000 * gap)
    assert fit.kind is Kind.CLOCK
    assert fit.law == Deterministic(1 / fit.rate)
    assert fit.law.mean == pytest.approx(gap)
    assert isinstance(fit.trend, Flat)


def test_a_clock_that_trembles_is_a_clock() -> None:
    late = np.random.default_rng(3).exponential(0.002, 1000)
    assert arrivals_of(np.sort(np.arange(1000) * 0.01 + late), 10.0).kind is Kind.CLOCK


def test_erlang_gaps_are_between_a_clock_and_poisson() -> None:
    arrived = np.cumsum(np.random.default_rng(2).gamma(3, 0.01 / 3, 10_000))
    fit = arrivals_of(arrived, float(arrived[-1]))
    assert fit.kind is Kind.REGULAR
    assert fit.law == Erlang(1 / fit.rate, 3)


@pytest.mark.parametrize("seed", range(10))
def test_the_wave_of_the_demonstration_is_found(seed: int) -> None:
    fit = of_profile(Poisson(Sine(0, 100, 60), seed), 180.0)
    assert fit.kind is Kind.POISSON
    assert isinstance(fit.trend, Wave)
    mean, amplitude, period = fit.trend.B, fit.trend.A, fit.trend.T
    assert mean == pytest.approx(50, rel=0.05)
    assert amplitude == pytest.approx(50, rel=0.1)
    assert period == pytest.approx(60, rel=0.02)
    assert math.cos(fit.trend.phi + math.pi / 2) > 0.99
    assert isinstance(fit.process, Varying)


def test_intervals_of_a_wave_hold_the_truth() -> None:
    waves = [of_profile(Poisson(Sine(20, 100, 20), seed), 100.0).trend for seed in SEEDS]
    found = [wave for wave in waves if isinstance(wave, Wave)]
    assert len(found) == len(SEEDS)
    assert covered(60, [(wave.B, wave.B_error) for wave in found]) >= OF_40
    assert covered(40, [(wave.A, wave.A_error) for wave in found]) >= OF_40
    assert covered(20, [(wave.T, wave.T_error) for wave in found]) >= OF_40
    assert covered(-math.pi / 2, [(wave.phi, wave.phi_error) for wave in found]) >= OF_40


def test_a_wave_by_a_clock_is_both() -> None:
    fit = of_profile(Sine(10, 100, 60), 180.0)
    assert fit.kind is Kind.CLOCK
    assert isinstance(fit.trend, Wave)
    amplitude, period = fit.trend.A, fit.trend.T
    assert amplitude == pytest.approx(45, rel=1e-3)
    assert period == pytest.approx(60, rel=1e-3)
    assert isinstance(fit.process, Varying)
    assert not fit.process.poisson


def test_a_ramp_is_a_slope_and_poisson_beside_it() -> None:
    fit = of_profile(Poisson(Line(10, 100, 100), 5), 100.0)
    assert fit.kind is Kind.POISSON
    assert isinstance(fit.trend, Slope)
    assert abs(fit.trend.slope - 0.9) < 3 * fit.trend.slope_error + 0.05


@pytest.mark.parametrize("seed", range(20))
def test_bursts_are_seen_and_are_no_wave(seed: int) -> None:
    fit = arrivals_of(switching(seed, (100.0, 0.0), (1.0, 1.0), 200.0), 200.0)
    assert fit.kind is Kind.BURSTS
    assert isinstance(fit.trend, Flat)
    assert isinstance(fit.process, Markovian)
    assert fit.bursts is not None
    assert fit.bursts.rates[0] == pytest.approx(100, rel=0.2)
    assert fit.bursts.rates[1] < 10


def test_the_moments_of_long_bursts_lead_back_to_their_rates_and_times() -> None:
    fit = arrivals_of(switching(1, (100.0, 20.0), (5.0, 10.0), 6000.0), 6000.0)
    assert fit.bursts is not None
    assert fit.bursts.rates == (pytest.approx(100, rel=0.05), pytest.approx(20, rel=0.1))
    assert fit.bursts.seconds == (pytest.approx(5, rel=0.25), pytest.approx(10, rel=0.25))


def test_bursts_have_the_mean_rate_of_the_arrivals() -> None:
    fit = arrivals_of(switching(4, (100.0, 20.0), (5.0, 10.0), 600.0), 600.0)
    assert fit.bursts is not None
    (high, low), (on, off) = fit.bursts.rates, fit.bursts.seconds
    assert (high * on + low * off) / (on + off) == pytest.approx(fit.rate)
    assert isinstance(fit.process, Markovian)
    for row0, row1 in zip(fit.process.D0, fit.process.D1, strict=True):
        assert sum(row0) + sum(row1) == pytest.approx(0)
    assert Bursts((100, 0), (1, 2)).name == "MMPP(100/s, 0/s, 1s, 2s)"


def test_a_clock_has_no_bursts() -> None:
    assert bursts_of(100.0, dispersions(np.arange(1000) * 0.01)) is None


def test_what_comes_together_is_told() -> None:
    pairs = np.repeat(poisson(1, 20.0, 100.0), 2)
    fit = arrivals_of(pairs, 100.0)
    assert fit.together == pytest.approx(0.5, abs=0.01)
    assert fit.kind is Kind.BURSTS


def test_a_law_that_is_none_of_the_named_has_its_two_moments() -> None:
    generator = np.random.default_rng(1)
    arrived = np.cumsum(generator.gamma(1 / 0.42, 0.01 * 0.42, 20_000))
    fit = arrivals_of(arrived, float(arrived[-1]))
    assert isinstance(fit.law, General)
    assert fit.law.c2 == pytest.approx(0.42, abs=0.03)


def test_too_few_tell_nothing() -> None:
    with pytest.raises(UsageError, match="19 arrivals do not tell a law"):
        arrivals_of(np.arange(19.0), 19.0)
    assert arrivals_of(poisson(1, 1.0, 25.0), 25.0).dispersion is None
