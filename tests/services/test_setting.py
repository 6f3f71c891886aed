"""Settings of shipped services."""

from __future__ import annotations

import pytest

from forebay import UsageError
from forebay.quantity import size
from forebay.services.orders import orders
from forebay.services.setting import read_setting, whole


def test_what_can_be_read_is_the_value():
    assert read_setting("page", "8KiB", size) == 8192


def test_what_cannot_be_read_is_told_by_the_name_of_the_setting_with_the_way_to_write_it():
    with pytest.raises(UsageError) as refused:
        read_setting("page", "much", size)
    assert refused.value.what == "page: 'much' is not a size"
    assert refused.value.hint.startswith("write it as")


@pytest.mark.parametrize("text", ["1", "007", "64"])
def test_a_whole_number_is_digits_within_its_bounds(text):
    assert whole(text, 1, 64) == int(text)


@pytest.mark.parametrize("text", ["", "0", "65", "-1", "+1", "1.0", "1_0", "\u0661", "\u00b2", "9" * 5000])
def test_what_is_none_or_out_of_bounds_is_refused(text):
    with pytest.raises(UsageError, match="is not a whole number of 1 to 64"):
        whole(text, 1, 64)


def test_the_orders_service_says_that_it_is_the_work_that_it_cannot_read():
    with pytest.raises(UsageError, match=r"^work: 'soon' is not a time of work"):
        orders(work="soon")
