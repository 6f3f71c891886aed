from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.notation import parse
from forebay.load.profile import Const, Line, Poisson, Profile, Sine, Step

numbers = st.integers(0, 10**6).map(lambda n: n / 8)
seconds = st.integers(1, 10**6).map(lambda n: n / 8)
plain = st.one_of(
    st.builds(Const, numbers),
    st.builds(Line, numbers, numbers, seconds),
    st.builds(Step, numbers, numbers, seconds, seconds),
    st.builds(
        lambda a, b, period, phase: Sine(min(a, b), max(a, b), period, phase), numbers, numbers, seconds, numbers
    ),
)


@given(st.one_of(plain, st.builds(Poisson, plain, st.integers(0, 99))))
def test_what_a_profile_prints_is_read_back_as_itself(profile: Profile) -> None:
    assert parse(str(profile), 60) == profile


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("const(50)", Const(50)),
        ("const(3000/m)", Const(50)),
        (" sine( 0,100 , 1m ) ", Sine(0, 100, 60)),
        ("sine(0, 100, 60s, phase=15s)", Sine(0, 100, 60, 15)),
        ("line(1, 100)", Line(1, 100, 90)),
        ("line(1, 100, 30s)", Line(1, 100, 30)),
        ("step(5, 25, 10)", Step(5, 25, 10, 30)),
        ("step(25, 5, 10, 1m30s)", Step(25, 5, 10, 90)),
        ("poisson(line(1, 100))", Poisson(Line(1, 100, 90), 0)),
        ("poisson(sine(0, 100, 60s), seed=7)", Poisson(Sine(0, 100, 60), 7)),
    ],
)
def test_a_profile_is_read(text: str, profile: Profile) -> None:
    assert parse(text, 90) == profile


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a profile"),
        ("50", "not a profile"),
        ("sine(0, 100, 60s", "not a profile"),
        ("sinus(0, 100, 60s)", "unknown profile"),
        ("sine(0, 100)", "takes 3 numbers"),
        ("sine(0, 100, 60s, 4)", "takes 3 numbers"),
        ("sine(0, 100, 60)", "not a duration"),
        ("sine(0, 100, 0)", "not possible"),
        ("sine(0, 100, inf)", "not possible"),
        ("sine(100, 0, 60s)", "above the crest"),
        ("sine(0, 100, 60s, amp=3)", "no 'amp'"),
        ("sine(0, 100, 60s, phase=1s, phase=2s)", "twice"),
        ("sine(phase=1s, 0, 100, 60s)", "behind a named"),
        ("const(-1)", "not a rate"),
        ("const(nan)", "not a rate"),
        ("const(1e3)", "not a rate"),
        ("const(٣)", "not a rate"),
        ("const()", "takes 1 numbers"),
        ("const(1))", "do not match"),
        ("step(1, 5, 0)", "leads nowhere"),
        ("poisson(const(5), seed=-1)", "whole number"),
        ("poisson(cosine(5))", "unknown profile"),
    ],
)
def test_what_is_wrong_is_named_and_the_right_form_shown(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse(text, 60)
    assert caught.value.hint


def test_a_near_miss_gets_the_name_that_was_meant() -> None:
    with pytest.raises(UsageError) as caught:
        parse("sinee(0, 100, 60s)", 60)
    assert caught.value.hint == "did you mean sine?"
