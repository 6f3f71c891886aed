# ruff: noqa: N803 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory import Deterministic, Sine, evolve, solve
from forebay.theory.varying.chain import Setting
from forebay.theory.varying.levelled import levelled
from forebay.theory.varying.walk import Walk

near = pytest.approx
WAVE = Sine(50, 50, 60)


def both(load, service, n, q, seconds):
    """The fluid with its Gaussian term, and the forward equations."""
    ours = levelled(Setting.of(load, service, n, q, seconds, periodic=True))
    return ours, evolve(load, service, n, q, seconds=seconds, periodic=True, events=math.inf)


@pytest.mark.parametrize(
    ("load", "service", "n", "q", "seconds"),
    [
        (WAVE, 0.08, 5, math.inf, 60.0),
        (WAVE, 0.08, 6, math.inf, 60.0),
        (WAVE, 0.08, 7, math.inf, 60.0),
        (WAVE, 0.08, 7, 207, 60.0),
        (WAVE, 0.08, 8, math.inf, 60.0),
        (WAVE, 0.08, 6, 100, 60.0),
        (WAVE, 0.08, 9, 4, 60.0),
        (WAVE, 0.08, 12, math.inf, 60.0),
        (Sine(50, 50, 10), 0.08, 6, math.inf, 10.0),
        (Sine(60, 90, 60), 1.0, 130, math.inf, 60.0),
        (Sine(5, 5, 1200), 0.1, 1, math.inf, 1200.0),
        (Sine(5, 5, 1200), 0.12, 1, 60, 1200.0),
    ],
)
def test_the_fluid_with_its_gaussian_term_is_within_5_percent_of_the_equations(load, service, n, q, seconds):
    ours, exact = both(load, service, n, q, seconds)
    for percent in (95, 99, 99.9):
        assert ours.wait(percent) == near(exact.wait(percent), rel=0.05, abs=1e-3)
        assert ours.sojourn(percent) == near(exact.sojourn(percent), rel=0.05)
    assert ours.backlog(99) == near(exact.backlog(99), rel=0.05, abs=1)
    assert ours.loss == near(exact.loss, rel=0.1, abs=1e-6)
    assert ours.utilization == near(exact.utilization, rel=0.002)


def test_where_the_crest_is_hardly_below_the_capacity_it_errs_by_at_most_12_percent_and_to_the_safe_side():
    ours, exact = both(WAVE, 0.08, 9, math.inf, 60.0)
    assert exact.wait(99) < ours.wait(99) < 1.12 * exact.wait(99)
    assert exact.wait(95) < ours.wait(95) < 1.12 * exact.wait(95) + 1e-3
    few, truth = both(WAVE, 0.08, 9, 20, 60.0)
    assert truth.loss < few.loss < 1.3 * truth.loss


def test_an_overload_that_happens_once_is_followed_from_its_backlog():
    setting = Setting.of(80.0, 0.1, 5, math.inf, 60.0)
    ours, exact = levelled(setting, 200), evolve(80.0, 0.1, 5, seconds=60.0, backlog=200, events=math.inf)
    assert ours.mean_backlog[-1] == near(200 + 30 * 60, rel=0.01)
    assert ours.wait(99) == near(exact.wait(99), rel=0.01)
    assert ours.backlog(99) == near(exact.backlog(99), rel=0.01)


@pytest.mark.parametrize("q", [0, 10, math.inf])
def test_a_steady_rate_far_below_the_capacity_has_its_steady_state(q):
    ours, formula = levelled(Setting.of(500.0, 0.1, 70, q, 3600.0, True)), solve(f"M/M/70/{q:.0f}", 500.0, 0.1)
    assert ours.loss == near(formula.loss, rel=1e-6, abs=1e-12)
    assert ours.wait(99) == near(formula.wait(99), rel=0.02, abs=1e-6)


def test_ten_times_as_many_wait_as_long_when_ten_times_as_many_work():
    small, large = (
        levelled(Setting.of(Sine(r, r, 600), 0.08, n, math.inf, 600.0, True)) for r, n in ((50, 6), (500, 60))
    )
    assert large.wait(95) == near(small.wait(95), rel=0.03)
    assert large.peak_backlog == near(10 * small.peak_backlog, rel=0.02)


def test_constant_work_spreads_a_backlog_less():
    even, uneven = (levelled(Setting.of(WAVE, law, 6, math.inf, 60.0, True)) for law in (Deterministic(0.08), 0.08))
    assert even.backlog(99) < uneven.backlog(99)
    assert even.peak_backlog == near(uneven.peak_backlog, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(20, 500), n=st.integers(1, 60), T=st.floats(20, 3600), q=st.integers(1, 2000))
def test_a_walk_keeps_its_probability_and_what_comes_is_served_lost_or_still_there(rate, n, T, q):
    setting = Setting.of(Sine(rate / 2, rate / 2, T), 0.1, n, q, T)
    hills, lost = Walk.of(setting, 256).follow(Walk.of(setting, 256).beginning(0))
    assert all(float(hill.p.sum()) == near(1) and hill.p.min() >= 0 for hill in hills)
    assert all(hill.numbers[-1] <= n + q + hill.unit for hill in hills)
    assert np.all(lost >= 0)
    ours = levelled(setting)
    assert 0 <= ours.loss <= 1
    assert ours.loss >= 1 - (n * 10 * T + q + n) / ours.offered - 0.02
