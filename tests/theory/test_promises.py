from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory import Promise, promise
from forebay.theory.planning.promises import Quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99<5s", Promise(Quantity.SOJOURN, 99, 5)),
        ("sojourn p99.9 <= 5s", Promise(Quantity.SOJOURN, 99.9, 5, strict=False)),
        ("wait p95<20ms", Promise(Quantity.WAIT, 95, 0.02)),
        ("mean<1s", Promise(Quantity.SOJOURN, None, 1)),
        ("wait mean<1m", Promise(Quantity.WAIT, None, 60)),
        ("loss<0.1%", Promise(Quantity.LOSS, None, 0.001)),
        ("loss<=0", Promise(Quantity.LOSS, None, 0, strict=False)),
        ("failed<1%", Promise(Quantity.FAILED, None, 0.01)),
        ("utilization<80%", Promise(Quantity.UTILISATION, None, 0.8)),
        ("backlog<1000", Promise(Quantity.BACKLOG, 99, 1000)),
        ("backlog p95<1000", Promise(Quantity.BACKLOG, 95, 1000)),
        (" drained < 5m ", Promise(Quantity.DRAINED, None, 300)),
    ],
)
def test_a_promise_is_read_and_written(text, expected):
    assert promise(text) == expected
    assert promise(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("p99", "not a promise", "write 'p99<5s'"),
        ("p99>5s", "not a promise", "write"),
        ("", "not a promise", "write"),
        ("los<1%", "los cannot be promised", "did you mean loss?"),
        ("latency p99<1s", "latency cannot be promised", "write"),
        ("wait<1s", "does not say whose wait", "wait p99<5s"),
        ("loss p99<1%", "there is no p99 of loss", "write"),
        ("backlog mean<5", "there is no mean of backlog", "write"),
        ("p100<1s", "not a percentile", "below p100"),
        ("p9.9.9<1s", "not a percentile", "below p100"),
        ("p99<5", "not a duration", "80ms"),
        ("loss<0%", "nothing is below it", "write"),
        ("loss<101%", "not a share", "0.1%"),
        ("loss<much", "not a share", "0.1%"),
        ("backlog<many", "not a number of messages", "1000"),
    ],
)
def test_what_is_no_promise_is_told_with_a_hint(text, what, hint):
    with pytest.raises(UsageError, match=what) as told:
        promise(text)
    assert hint in told.value.hint


@given(limit=st.floats(0.001, 1e6), value=st.floats(0, 1e6))
def test_a_promise_is_kept_exactly_while_something_of_the_limit_is_left(limit, value):
    strict, lax = (Promise(Quantity.WAIT, 99, limit, strict) for strict in (True, False))
    assert strict.kept(value) == (strict.margin(value) > 0)
    assert lax.kept(value) == (lax.margin(value) >= 0)
    assert not strict.kept(math.nan)
    assert not strict.kept(math.inf)


def test_values_are_shown_in_their_unit():
    assert promise("p99<5s").show(0.25) == "250ms"
    assert promise("loss<1%").show(0.00123) == "0.123%"
    assert promise("backlog<10").show(12345) == "12,345"
    assert promise("wait mean<5s").name == "wait mean"
