import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.intake.admission import Limiter


@cache
def sine_arrivals(low, high, period):
    """The times of an even stream whose rate follows a sine from low to high: inverse of its integral."""
    return list(_sine_arrivals(low, high, period))


def _sine_arrivals(low, high, period):
    mean, swing = (low + high) / 2, (high - low) / 2
    omega = 2 * math.pi / period

    def arrived(t):
        return mean * t + swing / omega * (1 - math.cos(omega * t))

    t = 0.0
    for n in range(1, int(mean * period) + 1):
        left, right = t, period
        for _ in range(50):
            middle = (left + right) / 2
            left, right = (middle, right) if arrived(middle) < n else (left, middle)
        t = right
        yield t


@settings(deadline=None)
@given(burst=st.integers(2, 10), period=st.sampled_from([60.0, 120.0]), start=st.floats(0, 1e6))
def test_of_a_sine_from_0_to_100_against_50_a_second_one_in_pi_is_refused(burst, period, start):
    limiter = Limiter(50, burst)
    times = sine_arrivals(0, 100, period)
    refused = sum(limiter.admit(start + t) > 0 for t in times)
    assert refused / len(times) == pytest.approx(1 / math.pi, abs=(burst + 3) / len(times))


@settings(deadline=None)
@given(
    rate=st.floats(0.1, 1000),
    burst=st.floats(1, 50),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_in_no_span_of_time_more_than_burst_plus_rate_are_admitted(rate, burst, gaps):
    limiter, now, admitted = Limiter(rate, burst), 0.0, []
    for gap in gaps:
        now += gap
        if limiter.admit(now) == 0:
            admitted.append(now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - admitted[first]) + 1e-6 * (len(gaps) + 1) * rate


@settings(deadline=None)
@given(rate=st.floats(0.1, 1e4), burst=st.floats(1, 20), count=st.integers(1, 100))
def test_a_stream_exactly_on_the_rate_is_never_refused(rate, burst, count):
    limiter = Limiter(rate, burst)
    assert not any(limiter.admit(n / rate) for n in range(count))


@settings(deadline=None)
@given(rate=st.floats(0.1, 1000), burst=st.integers(1, 20))
def test_who_waits_as_long_as_told_is_admitted(rate, burst):
    limiter = Limiter(rate, burst)
    assert [limiter.admit(5.0) for _ in range(burst)] == [0] * burst
    wait = limiter.admit(5.0)
    assert wait == pytest.approx(1 / rate)
    assert limiter.admit(5.0 + wait / 2) > 0
    assert limiter.admit(5.0 + wait) == 0


def test_a_burst_of_1_refuses_every_second_of_a_stream_slightly_above_the_rate():
    strict, exact = Limiter(50, 1), Limiter(50, 2)
    times = [n / 51 for n in range(5100)]
    assert sum(strict.admit(t) == 0 for t in times) == pytest.approx(2550, abs=2)
    assert sum(exact.admit(t) == 0 for t in times) == pytest.approx(5000, abs=3)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (5, 0.5), (5, math.inf)])
def test_a_senseless_limit_is_refused(rate, burst):
    with pytest.raises(UsageError):
        Limiter(rate, burst)
