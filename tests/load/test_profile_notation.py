from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.profiles.expression import Expression
from forebay.load.profiles.notation import parse
from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Const, Line, Once, Sine, Step, Unlimited
from forebay.load.profiles.stages import Poisson, Stages

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
        ("50", Const(50)),
        ("50/s", Const(50)),
        ("sine(0, 100, 60)", Sine(0, 100, 60)),
        ("sine(0, 100, 60s, lasting=5m)", Sine(0, 100, 60, lasting=300)),
        ("once(10)", Once(10)),
        ("unlimited(30s)", Unlimited(30)),
        ("line(1,100,10m) const(100,5m)", Stages((Line(1, 100, 600), Const(100, 300)))),
        ("step(5,25,5,60), const(0,10)", Stages((Step(5, 25, 5, 60), Const(0, 10)))),
        ("const(1, 27h103m645)", Const(1, 27 * 3600 + 103 * 60 + 645)),
        ("expr(50*sin(2*pi*t/60) + 50)", Expression("50*sin(2*pi*t/60) + 50")),
        ("expr(max(9, t), lasting=1m30s)", Expression("max(9, t)", 90)),
        ("expr(5 + t, lasting=5) const(9)", Stages((Expression("5 + t", 5), Const(9)))),
        ("50*sin(2*pi*t/60) + 50", Expression("50*sin(2*pi*t/60) + 50")),
        ("sin(t) + max(1, t)", Expression("sin(t) + max(1, t)")),
    ],
)
def test_a_profile_is_read(text: str, profile: Profile) -> None:
    assert parse(text, 90) == profile


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a profile"),
        ("fifty", "not a profile"),
        ("sine(0, 100, 60s", "do not match"),
        ("sinus(0, 100, 60s)", "unknown profile"),
        ("sine(0, 100)", "takes 3 arguments"),
        ("sine(0, 100, 60s, 4)", "takes 3 arguments"),
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
        ("const()", "takes 1 or 2 arguments"),
        ("const(1))", "not a profile"),
        ("step(1, 5, 0)", "leads nowhere"),
        ("poisson(const(5), seed=-1)", "whole number"),
        ("poisson(cosine(5))", "unknown profile"),
        ("once(0)", "number of shots"),
        ("const(5) const(6)", "says no duration"),
        ("expr(__import__('os'))", "not understood"),
        ("expr(t.real)", "not understood"),
        ("expr(1/t)", "no value"),
        ("expr(9**9**9**9)", "no value"),
        ("50*sin(t", "not an expression"),
        ("expr(t, 1m)", "takes 1 arguments"),
        ("expr(t, phase=1s)", "no 'phase'"),
        ("expr(t, lasting=0)", "not possible"),
        ("expr(t) const(5)", "says no duration"),
        ("trace(no-such-file.csv)", "cannot be read"),
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
