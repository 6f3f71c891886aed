import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.quantity import duration, places, rate, show_seconds, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("80ms", 0.08), ("2m", 120), ("1.5h", 5400), ("1m30s", 90), ("0", 0), ("250us", 0.00025), ("inf", math.inf)],
)
def test_a_duration_is_read_as_seconds(text, seconds):
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "-1s", "1 s 2", "s", "1e3s", "٣s", "1s1", "nan"])
def test_what_is_not_a_duration_is_refused(text):
    with pytest.raises(UsageError):
        duration(text)


@pytest.mark.parametrize(("text", "a_second"), [("50/s", 50), ("3000/m", 50), ("2/ms", 2000), ("0.5/s", 0.5)])
def test_a_rate_is_read_as_events_a_second(text, a_second):
    assert rate(text) == pytest.approx(a_second)


@pytest.mark.parametrize("text", ["50", "50/", "/s", "-1/s", "50/x"])
def test_what_is_not_a_rate_is_refused(text):
    with pytest.raises(UsageError):
        rate(text)


@pytest.mark.parametrize(("text", "octets"), [("512", 512), ("256KiB", 262144), ("1MB", 1_000_000), ("1.5 KiB", 1536)])
def test_a_size_is_read_as_bytes(text, octets):
    assert size(text) == octets


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "٣", ""])
def test_places_are_a_whole_number_or_inf(text):
    assert (places("0"), places("1000"), places("inf")) == (0, 1000, math.inf)
    with pytest.raises(UsageError):
        places(text)


@given(st.floats(1e-9, 59.9))
def test_a_shown_duration_is_read_back_within_its_three_digits(seconds):
    assert duration(show_seconds(seconds)) == pytest.approx(seconds, rel=0.01)


@given(st.floats(60, 1e15))
def test_a_long_duration_is_read_back_to_the_second_and_from_two_days_on_to_the_minute(seconds):
    exact = 30 if seconds >= 2 * 86400 - 1 else 0.5
    assert duration(show_seconds(seconds)) == pytest.approx(seconds, rel=1e-12, abs=exact)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (90, "1m30s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m00s"),
        (2 * 86400 - 1, "47h59m59s"),
        (2 * 86400, "2d00h00m"),
        (2 * 86400 + 3 * 3600 + 5 * 60 + 31, "2d03h06m"),
        (111101234147, "1285893d21h56m"),
        (math.inf, "inf"),
        (0, "0s"),
    ],
)
def test_long_and_endless_durations_are_shown_plainly(seconds, shown):
    assert show_seconds(seconds) == shown
