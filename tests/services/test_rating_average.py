"""The moving average and its two decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.services.ratings.average import Average, average

RATES = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30)


def test_of_no_rates_there_is_no_average():
    assert average([], 10) is None


def test_it_tells_value_count_and_window():
    assert average([10, 0, 4], 10).as_dict() == {"value": 14 / 3, "count": 3, "window": 10}


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        ([4], "4.00"), ([4, 5], "4.50"), ([10, 0, 4], "4.67"), ([0], "0.00"), ([-7, -8], "-7.50"),
        ([-1, 0, 0], "-0.33"),
        ([1, 0, 0, 0, 0, 0, 0, 0], "0.12"), ([3, 0, 0, 0, 0, 0, 0, 0], "0.38"), ([-1] + [0] * 999, "0.00"),
        ([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "0.82"), ([2**63 - 1] * 7, "9223372036854775807.00"),
        ([4] * 9 + [5] * 11, "4.55"),
    ],
)  # fmt: skip
def test_the_text_has_two_decimals_and_half_goes_to_even(rates, text):
    assert average(rates, 10).text == text


@given(RATES)
def test_the_text_is_the_exact_average_rounded_once(rates):
    with localcontext() as context:
        context.prec = 60
        exact = (Decimal(sum(rates)) / len(rates)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert average(rates, 30).text == str(exact).removeprefix("-" if exact.is_zero() else "")


@given(st.lists(st.integers(-1_000, 1_000), min_size=10, max_size=10))
def test_over_ten_rates_it_is_what_the_original_service_says(rates):
    said = f"{sum(rates) / 10:.2f}"  # as Go's %.2f of a float64
    assert average(rates, 10).text == said


def test_the_value_is_not_rounded_where_it_is_a_number():
    assert Average(Fraction(1, 3), 3, 10).as_dict()["value"] == 1 / 3
