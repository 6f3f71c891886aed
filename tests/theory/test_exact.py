"""Exact time: a float stands for the simplest fraction that it can be, and is written as people write it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.timelines.exact import rational, show, show_number


@pytest.mark.parametrize(
    ("number", "fraction"),
    [
        (0.1 + 0.2, Fraction(3, 10)),
        (1 / 3, Fraction(1, 3)),
        (0.5 * 1e-3, Fraction(1, 2000)),
        (333.33 * 1e-3, Fraction(33333, 100000)),
        (0.0, Fraction(0)),
        (7, Fraction(7)),
        (Fraction(2, 7), Fraction(2, 7)),
    ],
)
def test_a_float_is_the_simplest_fraction_that_it_can_stand_for(number, fraction):
    assert rational(number) == fraction


@given(st.fractions(min_value=0, max_value=1000, max_denominator=1000))
def test_every_simple_fraction_survives_being_a_float(fraction):
    assert rational(float(fraction)) == fraction


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_what_it_was_up_to_its_rounding(number):
    assert float(rational(number)) == pytest.approx(number, rel=1e-15, abs=1e-320)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_time(number):
    with pytest.raises(UsageError):
        rational(number)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (Fraction(1, 2000), "0.5 ms"),
        (Fraction(1, 3000), "1/3 ms"),
        (Fraction(1, 3), "1/3 s"),
        (Fraction(2, 25), "80 ms"),
        (Fraction(3, 2), "1.5 s"),
        (Fraction(0), "0 s"),
        (Fraction(1, 10**9), "1 ns"),
        (Fraction(86400), "86400 s"),
    ],
)
def test_a_time_is_written_in_the_unit_in_which_it_is_short(time, text):
    assert show(time) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(5, 3), "1 2/3"),
        (Fraction(-5, 3), "-1 2/3"),
        (Fraction(1, 8), "0.125"),
        (Fraction(355, 113), "3.142"),
        (Fraction(7), "7"),
    ],
)
def test_a_number_is_written_exactly_where_that_is_short(number, text):
    assert show_number(number) == text
