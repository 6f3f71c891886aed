from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.message import Message
from forebay.queue.headers import ACCEPTED_AT, KEY, NOT_BEFORE, PRIORITY, number, told_of


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))
def test_a_time_and_a_priority_are_read_as_they_were_told(time, priority):
    told = told_of(Message("x", b"", priority=priority, accepted_at=time, not_before=time))
    assert number(told[ACCEPTED_AT], math.inf) == time
    assert number(told.get(NOT_BEFORE), 0.0) == time
    assert number(told.get(PRIORITY), 0) == priority


def test_an_empty_key_is_told_and_none_is_not():
    assert told_of(Message("x", b"", key=""))[KEY] == ""
    assert told_of(Message("x", b"")).keys() == {ACCEPTED_AT}


@pytest.mark.parametrize("text", [None, "", "many", "nan", "-inf", "1_0e999"])
def test_what_is_no_number_is_the_other_one(text):
    assert number(text, 7.0) == 7.0
