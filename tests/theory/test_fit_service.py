from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from forebay.errors import UsageError
from forebay.theory.fit.candidates import candidates
from forebay.theory.fit.log import Log
from forebay.theory.fit.reading import read_log
from forebay.theory.fit.service import ServiceFit, service_of
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Uniform
from forebay.theory.path import Seconds

NOTHING = np.zeros(0)
SEEDS = range(40)
OF_40 = 33


def drawn(law: Law, seed: int, n: int = 4000) -> Seconds:
    out = np.empty(n)
    law.draw(np.random.default_rng(seed), out)
    return out


def fitted(times: Seconds) -> ServiceFit:
    return service_of(Log("a log", ("work",), None, 0.0, times, NOTHING, NOTHING, (NOTHING, NOTHING)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("law", "letter"),
    [
        (Exponential(0.08), "M"),
        (Deterministic(0.1), "D"),
        (Erlang(0.08, 2), "E2"),
        (Erlang(0.08, 4), "E4"),
        (Uniform(0.1), "U"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_law_is_found_again(law: Law, letter: str, seed: int) -> None:
    fit = fitted(drawn(law, seed))
    assert fit.law.letter == letter
    assert abs(fit.mean - law.mean) <= 4 * fit.mean_error + 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_a_hyperexponential_is_found_with_its_variation(seed: int) -> None:
    fit = fitted(drawn(Hyperexponential(0.08, 4.0), seed, 20_000))
    assert isinstance(fit.law, Hyperexponential)
    assert fit.law.c2 == pytest.approx(4.0, rel=0.15)


def test_intervals_of_mean_and_variation_hold_the_truth() -> None:
    for law in (Exponential(0.08), Erlang(0.08, 3), Uniform(0.1)):
        fits = [fitted(drawn(law, seed)) for seed in SEEDS]
        assert sum(abs(fit.mean - law.mean) <= 1.96 * fit.mean_error for fit in fits) >= OF_40
        assert sum(abs(fit.c2 - law.c2) <= 1.96 * fit.c2_error for fit in fits) >= OF_40


@given(
    st.floats(1e-6, 1e4), st.sampled_from([Exponential(1.0), Erlang(1.0, 3), Hyperexponential(1.0, 4.0), Uniform(1.0)])
)
@settings(max_examples=25, deadline=None)
def test_the_law_does_not_depend_on_the_unit(unit: float, law: Law) -> None:
    times = drawn(law, 1, 1000)
    one, other = fitted(times), fitted(times * unit)
    assert one.law.letter == other.law.letter
    assert one.c2 == pytest.approx(other.c2)
    assert other.mean == pytest.approx(one.mean * unit)


def test_times_that_tremble_a_little_are_all_the_same() -> None:
    times = 0.1 + np.random.default_rng(1).exponential(0.002, 1000)
    fit = fitted(times)
    assert fit.law == Deterministic(fit.mean)
    assert fit.mean == pytest.approx(0.102, rel=1e-2)
    assert fit.candidates == ()


def test_where_no_law_is_near_two_moments_are_taken() -> None:
    two = np.random.default_rng(1).choice([0.01, 0.5], 2000, p=[0.9, 0.1]) * np.random.default_rng(2).uniform(
        0.95, 1.05, 2000
    )
    fit = fitted(two)
    assert fit.best is None
    assert isinstance(fit.law, General)
    assert fit.law.c2 == pytest.approx(fit.c2, rel=0.01)


@pytest.mark.parametrize("k", [1, 2, 5, 30, 150])
def test_erlang_distributions_agree_with_scipy(k: int) -> None:
    times = drawn(Erlang(1.0, k), 3) if k > 1 else drawn(Exponential(1.0), 3)
    name = "M" if k == 1 else next(c.name for c in candidates(times) if c.name.startswith("E") and "," not in c.name)
    found = next(c for c in candidates(times) if c.name == name)
    stages = 1 if k == 1 else int(name[1:])
    t = np.linspace(0.01, 4, 50)
    other = stats.gamma.cdf(t, stages, scale=times.mean() / stages)
    assert found.distribution(t) == pytest.approx(other, abs=1e-9)


def test_a_mixed_erlang_has_the_two_moments() -> None:
    times = drawn(General(0.1, 0.4), 4, 20_000)
    mixed = next(c for c in candidates(times) if "," in c.name)
    t = np.linspace(0, 3, 300_001)
    beyond = 1 - mixed.distribution(t)
    mean = np.trapezoid(beyond, t)
    second = 2 * np.trapezoid(t * beyond, t)
    assert mean == pytest.approx(times.mean(), rel=1e-4)
    assert second / mean**2 - 1 == pytest.approx(times.var() / times.mean() ** 2, rel=1e-3)


def test_likelihood_finds_branches_that_are_not_balanced() -> None:
    generator = np.random.default_rng(5)
    times = np.where(
        generator.random(20_000) < 0.95, generator.exponential(0.01, 20_000), generator.exponential(1.0, 20_000)
    )
    best = candidates(times)[0]
    assert best.name.startswith("H2: 9")
    assert best.law is None
    assert best.ks.p > 0.01


def test_hills_index_of_a_power_law() -> None:
    times = (1 - np.random.default_rng(1).random(20_000)) ** (-1 / 1.5)
    assert fitted(times).tail == pytest.approx(1.5, rel=0.1)
    assert fitted(drawn(Exponential(1.0), 1, 20_000)).tail > 2.5


def test_work_that_grows_with_the_number_at_work_is_seen() -> None:
    generator = np.random.default_rng(2)
    assert _log(generator, 0.0).contention.matters is False
    grown = _log(generator, 0.3).contention
    assert grown.matters
    assert grown.growth > 0.3


def _log(generator: np.random.Generator, beta: float) -> ServiceFit:
    """Return the fit of an M/M/inf whose work takes beta longer for each other one that is there when it begins."""
    arrived = np.cumsum(generator.exponential(0.5, 5000))
    ended = np.zeros(5000)
    for i, t in enumerate(arrived):
        others = int(np.sum(ended[max(0, i - 60) : i] > t))
        ended[i] = t + generator.exponential(1 + beta * others)
    rows = "".join(f"{a},{a},{e}\n" for a, e in zip(arrived, ended, strict=True))
    return service_of(read_log(io.StringIO("accepted,started,ended\n" + rows)))


def test_too_few_times_or_none_are_told() -> None:
    with pytest.raises(UsageError, match="3 times of work do not tell a law"):
        fitted(np.ones(3))
    with pytest.raises(UsageError, match="does not tell how long work takes"):
        fitted(NOTHING)
