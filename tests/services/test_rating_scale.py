"""What counts as a rate: Go's strconv.Atoi decides, and then the scale."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay.errors import Undecodable, UsageError
from forebay.services.ratings.scale import Scale, encode, scale_of

LONG = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0", 0), ("7", 7), ("10", 10), ("+7", 7), ("-7", -7), ("-0", 0), ("007", 7), ("0" * 5_000 + "7", 7),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ],
)  # fmt: skip
def test_a_sign_and_ascii_digits_of_64_bits_are_a_rate(text, rate):
    assert Scale().read(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "+", "-", "--7", "+-7", "7.0", "7e0", "0x7", "1_000", " 7", "7 ", "7\n", "7\0", "seven", "٧", "７",
        "²",
        "9223372036854775808", "-9223372036854775809", "1" * 5_000, "null", "true", "½", "NaN",
    ],
)  # fmt: skip
def test_nothing_else_is(text):
    with pytest.raises(Undecodable, match="not a whole number of 64 bits"):
        Scale().read(text)
    with pytest.raises(Undecodable):
        Scale().decode(text.encode())


@given(st.binary(max_size=30))
@example(b"\xd9\xa7")
@example(b"\xff")
def test_bytes_are_read_or_refused_and_nothing_else_happens(body):
    try:
        rate = Scale().decode(body)
    except Undecodable:
        assert not re.fullmatch(rb"[+-]?[0-9]{1,18}", body)
    else:
        assert rate == int(body)
        assert re.fullmatch(rb"[+-]?[0-9]+", body)


@given(LONG)
def test_the_body_of_a_message_is_the_canonical_decimal(rate):
    assert Scale().decode(encode(rate)) == rate
    assert encode(rate) == str(rate).encode()


@given(LONG, LONG, LONG)
def test_a_scale_takes_its_ends_and_what_is_between(one, other, rate):
    lowest, highest = sorted((one, other))
    scale = scale_of(f"{lowest}..{highest}")
    assert scale == Scale(lowest, highest)
    assert scale.read(str(lowest)) == lowest
    assert scale.read(str(highest)) == highest
    if lowest <= rate <= highest:
        assert scale.read(str(rate)) == rate
    else:
        with pytest.raises(Undecodable, match=f"{rate} is not on the scale of {lowest} to {highest}"):
            scale.read(str(rate))


def test_no_range_is_every_whole_number_of_64_bits():
    assert scale_of("") == Scale(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    "text", ["10", "0-10", "..", "0..", "..10", "0...10", "a..b", "0..1e3", "0..9223372036854775808"]
)
def test_what_is_no_range_is_told_with_the_way_to_write_one(text):
    with pytest.raises(UsageError, match="is not a range of rates") as told:
        scale_of(text)
    assert "0..10" in told.value.hint


def test_a_range_that_ends_before_it_begins_is_told_the_right_way_round():
    with pytest.raises(UsageError, match="ends before it begins") as told:
        scale_of("10..0")
    assert "0..10" in told.value.hint


def test_a_long_text_is_not_repeated_in_whole():
    with pytest.raises(Undecodable) as told:
        Scale().read("x" * 100_000)
    assert len(told.value.what) < 100
