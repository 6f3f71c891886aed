from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Const, Line, Sine, Step
from forebay.load.profiles.stages import Poisson

rates = st.integers(0, 100).map(float)
spans = st.floats(0.5, 20)
profiles = st.one_of(
    st.builds(Const, rates),
    st.builds(Line, rates, rates, spans),
    st.builds(Step, rates, rates, st.integers(1, 40).map(float), spans),
    st.builds(
        lambda a, b, period, phase: Sine(min(a, b), max(a, b), period, phase), rates, rates, spans, st.floats(0, 20)
    ),
)


@given(profiles, st.floats(0.1, 30))
@settings(max_examples=150, deadline=None)
def test_the_shots_of_every_interval_are_within_one_of_the_integral_of_the_rate(p: Profile, seconds: float) -> None:
    shots = list(p.shots(seconds))
    assert shots == sorted(shots)
    assert all(0 <= t <= seconds for t in shots)
    for k, t in enumerate(shots):
        assert p.cumulative(t) == pytest.approx(k, abs=1e-6)
    for a, b in pairwise([*[seconds * i / 7 for i in range(7)], seconds]):
        planned = sum(a <= t < b for t in shots)
        assert abs(planned - (p.cumulative(b) - p.cumulative(a))) <= 1 + 1e-6


@given(profiles, st.floats(0, 30))
def test_the_cumulative_count_is_the_integral_of_the_rate(p: Profile, t: float) -> None:
    n = 4000
    h = t / n
    numeric = sum(p.rate((i + 0.5) * h) for i in range(n)) * h
    assert p.cumulative(t) == pytest.approx(numeric, rel=1e-3, abs=0.5)
    assert p.rate(t) >= 0


def test_a_sine_from_0_to_100_has_three_thousand_shots_in_a_minute_and_begins_quietly() -> None:
    sine = Sine(0, 100, 60)
    shots = list(sine.shots(60))
    assert abs(len(shots) - 3000) <= 1
    by_second = Counter(map(int, shots))
    assert by_second[0] <= 1
    assert by_second[29] >= 99
    for second in range(60):
        assert abs(by_second[second] - (sine.cumulative(second + 1) - sine.cumulative(second))) <= 1


def test_a_sine_may_begin_anywhere_in_its_wave() -> None:
    assert Sine(0, 100, 60, phase=15).rate(0) == pytest.approx(50)
    assert Sine(0, 100, 60, phase=15).rate(1) > 50
    assert Sine(0, 100, 60, phase=30).rate(0) == pytest.approx(100)


def test_a_constant_rate_fires_at_even_gaps_from_the_first_instant_on() -> None:
    assert list(Const(4).shots(1)) == pytest.approx([0, 0.25, 0.5, 0.75])
    assert list(Const(0).shots(10)) == []


def test_steps_go_up_and_down_and_stay_at_the_last() -> None:
    up, down = Step(5, 25, 5, 60), Step(25, 5, 5, 60)
    assert [up.rate(t) for t in (0, 59, 60, 250, 1000)] == [5, 5, 10, 25, 25]
    assert [down.rate(t) for t in (0, 60, 1000)] == [25, 20, 5]
    assert down.cumulative(300) == up.cumulative(300) == 60 * 75


def test_a_line_stays_at_its_end() -> None:
    assert Line(0, 10, 5).rate(7) == 10
    assert Line(0, 10, 5).cumulative(7) == 25 + 20


def test_poisson_arrivals_repeat_by_seed_and_have_the_mean_and_variance_of_a_poisson_count() -> None:
    profile = Sine(0, 100, 10)
    assert list(Poisson(profile, 7).shots(10)) == list(Poisson(profile, 7).shots(10))
    counts = [len(list(Poisson(profile, seed).shots(10))) for seed in range(60)]
    mean = sum(counts) / len(counts)
    variance = sum((n - mean) ** 2 for n in counts) / (len(counts) - 1)
    assert abs(mean - 500) < 4 * math.sqrt(500 / 60)
    assert 0.4 < variance / 500 < 2
