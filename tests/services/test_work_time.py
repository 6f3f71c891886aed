import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.services.work_time import work_time


@pytest.mark.parametrize(
    ("text", "mean", "cs2"),
    [
        ("100ms", 0.1, 0),
        ("0", 0, 0),
        ("0s", 0, 0),
        ("1m30s", 90, 0),
        ("D(2s)", 2, 0),
        ("M(100ms)", 0.1, 1),
        (" M(100ms) ", 0.1, 1),
        ("E_4(100ms)", 0.1, 0.25),
        ("E3(100ms)", 0.1, 1 / 3),
        ("U(100ms)", 0.1, 1 / 3),
        ("M(0s)", 0, 0),
    ],
)
def test_a_time_of_work_has_the_mean_and_the_variation_of_its_law(text, mean, cs2):
    times = work_time(text)
    assert (times.mean, times.cs2) == (pytest.approx(mean), pytest.approx(cs2))


@pytest.mark.parametrize("text", ["M(100ms)", "E_3(100ms)", "U(100ms)", "100ms"])
def test_what_is_drawn_follows_the_law(text):
    times = work_time(text, random.Random(7))
    drawn = [times.draw() for _ in range(20_000)]
    assert min(drawn) >= 0
    assert statistics.fmean(drawn) == pytest.approx(0.1, rel=0.03)
    assert statistics.pvariance(drawn) / 0.1**2 == pytest.approx(times.cs2, rel=0.1, abs=1e-12)


def test_the_same_chance_draws_the_same_times():
    one, other = (work_time("M(1s)", random.Random(3)) for _ in range(2))
    assert [one.draw() for _ in range(5)] == [other.draw() for _ in range(5)]


@given(st.integers(1, 10_000))
def test_a_plain_duration_is_always_the_same(milliseconds):
    times = work_time(f"{milliseconds}ms")
    assert times.draw() == times.draw() == times.mean == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    "text", ["", "soon", "100", "-1s", "M", "M()", "M(x)", "E(1s)", "E_0(1s)", "M_2(1s)", "inf", "M(inf)", "X(1s)"]
)
def test_what_is_no_time_of_work_is_refused_with_a_hint(text):
    with pytest.raises(UsageError) as caught:
        work_time(text)
    assert "100ms" in caught.value.hint
