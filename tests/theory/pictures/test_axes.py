"""Axes: ticks at round numbers, few enough, within the range; whatever the range."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.theory.pictures.axes import Axis, over_time, rising
from forebay.theory.pictures.lettering import plain, power, seconds, share, text_width


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e12), st.integers(2, 12))
def test_ticks_lie_within_and_are_not_too_many(low, width, most):
    axis = Axis("", low, low + width)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= value <= axis.high + slack for value, _ in ticks)
    assert [value for value, _ in ticks] == sorted(value for value, _ in ticks)


@given(st.floats(1e-12, 1e9), st.floats(1.0001, 1e12), st.integers(2, 9))
def test_a_logarithm_has_ticks_at_powers_of_ten(low, factor, most):
    ticks = Axis("", low, low * factor, log=True).ticks(most)
    if factor >= 100:
        assert 1 <= len(ticks) <= most
        assert all(math.isclose(math.log10(value), round(math.log10(value)), abs_tol=1e-9) for value, _ in ticks)


@pytest.mark.parametrize(
    ("axis", "texts"),
    [
        (Axis("t", 0, 0.004, "time"), ["0", "1", "2", "3", "4"]),
        (Axis("t", 0, 1, "share"), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        (Axis("P", 1e-3, 1, log=True), ["0.001", "0.01", "0.1", "1"]),
        (Axis("P", 1e-9, 1e-5, log=True), ["10⁻⁹", "10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵"]),
        (Axis("n", 0, 12000), ["0", "2,500", "5,000", "7,500", "10,000"]),
        (Axis("n", 0, 4e8), ["0", "10⁸", "2×10⁸", "3×10⁸", "4×10⁸"]),
    ],
)
def test_ticks_are_written_as_people_write_them(axis, texts):
    assert [text for _, text in axis.ticks(5)] == texts


def test_the_title_has_the_unit():
    assert Axis("wait", 0, 0.004, "time").title == "wait, ms"
    assert Axis("wait", 0, 7200, "time").title == "wait, min"
    assert Axis("backlog", 0, 5).title == "backlog"


def test_where_a_value_lies():
    assert Axis("", 10, 20).at(15) == 0.5
    assert Axis("", 1e-4, 1, log=True).at(1e-2) == pytest.approx(0.5)
    assert Axis("", 1e-4, 1, log=True).at(0) == -1


def test_an_empty_range_is_pulled_apart():
    assert Axis("", 5, 5).high == 10
    assert Axis("", 0, 0).high == 1
    assert rising("", 0).high == 1


def test_time_begins_at_0_unless_all_is_long_after_it():
    assert over_time(np.array([1.0, 10.0])).low == 0
    assert over_time(np.array([1000.0, 1010.0])).low == 1000


@pytest.mark.parametrize(("low", "high"), [(0, math.inf), (math.nan, 1)])
def test_an_axis_has_ends(low, high):
    with pytest.raises(ValueError):
        Axis("", low, high)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (plain(1234567), "1,235,000"),
        (plain(0), "0"),
        (plain(-0.25), "−0.25"),
        (plain(math.inf), "inf"),
        (plain(3e-9), "3×10⁻⁹"),
        (power(1e9), "10⁹"),
        (share(1 / 3), "33.3 %"),
        (seconds(0.0112), "11.2 ms"),
        (seconds(0), "0 s"),
        (seconds(math.inf), "∞"),
        (seconds(3600 * 7), "7 h"),
    ],
)
def test_numbers_are_short(found, text):
    assert found == text


def test_wide_letters_are_wider():
    assert text_width("iii") < text_width("nnn") < text_width("WWW")
