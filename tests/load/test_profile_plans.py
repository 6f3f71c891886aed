from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from forebay.errors import UsageError
from forebay.load.profiles.expression import Expression
from forebay.load.profiles.notation import parse
from forebay.load.profiles.profile import Profile, Rush
from forebay.load.profiles.shapes import Const, Line, Once, Sine, Step, Unlimited
from forebay.load.profiles.stages import Poisson, Stages
from forebay.load.profiles.trace import Trace

rates = st.integers(0, 60).map(float)
spans = st.floats(0.5, 8)
WRITTEN = ["40*sin(2*pi*t/7 + 1) + 40", "50*sin(t) + 10", "30*(t % 0.7)", "20*abs(sin(3*t))", "max(0, 30 - 9*t)"]
ended: st.SearchStrategy[Profile] = st.one_of(
    st.builds(Const, rates, spans),
    st.builds(Line, rates, rates, spans),
    st.builds(Step, rates, rates, st.integers(1, 40).map(float), spans),
    st.builds(lambda a, b, period, s: Sine(min(a, b), max(a, b), period, lasting=s), rates, rates, spans, spans),
    st.builds(Expression, st.sampled_from(WRITTEN), spans),
)
traces = st.lists(st.floats(0, 9), min_size=1, max_size=30).map(lambda instants: Trace(tuple(sorted(instants))))
expressions = st.sampled_from(WRITTEN).map(Expression)
unlike = st.one_of(st.builds(Once, st.integers(1, 9)), st.builds(Unlimited, spans), st.builds(Poisson, ended))
any_stages = st.lists(st.one_of(ended, traces, unlike), min_size=1, max_size=5).map(lambda parts: Stages(tuple(parts)))
profiles: st.SearchStrategy[Profile] = st.one_of(ended, expressions, traces, any_stages, st.builds(Poisson, ended))


def instants(profile: Profile, seconds: float, part: int = 0, parts: int = 1) -> list[float]:
    return [item for item in profile.plan(seconds, part, parts) if not isinstance(item, Rush)]


@given(st.one_of(st.lists(ended, min_size=1, max_size=4).map(lambda p: Stages(tuple(p))), ended, expressions))
@settings(max_examples=80, deadline=None)
def test_every_second_of_stages_and_expressions_has_the_integral_of_its_rate_within_one(profile: Profile) -> None:
    shots = np.array(list(profile.shots(12)))
    for a, b in pairwise(range(13)):
        planned = np.count_nonzero((shots >= a) & (shots < b))
        assert abs(planned - (profile.cumulative(b) - profile.cumulative(a))) <= 1 + 1e-6


@given(profiles, st.floats(0.5, 30), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_the_plans_of_all_parts_are_the_whole_plan(profile: Profile, seconds: float, parts: int) -> None:
    whole = instants(profile, seconds)
    assert whole == sorted(whole)
    assert all(0 <= t <= seconds for t in whole)
    shares = [instants(profile, seconds, part, parts) for part in range(parts)]
    assert sorted(t for share in shares for t in share) == whole
    rushes = [item for item in profile.plan(seconds) if isinstance(item, Rush)]
    for part in range(parts):
        assert [item for item in profile.plan(seconds, part, parts) if isinstance(item, Rush)] == rushes


@given(any_stages)
@settings(max_examples=100, deadline=None)
def test_stages_are_their_parts_one_behind_the_other(stages: Stages) -> None:
    begin, rushes, counted = 0.0, [], 0.0
    for part in stages.parts:
        if isinstance(part, Unlimited):
            rushes.append(Rush(begin, begin + part.T))
        if not isinstance(part, Poisson):
            counted += part.cumulative(part.span)
        begin += part.span
    assume(begin > 0)
    plan = list(stages.plan(begin))
    assert [item for item in plan if isinstance(item, Rush)] == rushes
    assert stages.span == pytest.approx(begin)
    if not any(isinstance(part, Poisson) for part in stages.parts):
        runs = 1 + len(rushes)  # each run of counted stages begins a count of its own
        assert counted - 1e-6 <= len(plan) - len(rushes) <= counted + runs


def test_stages_in_order() -> None:
    stages = Stages((Once(3), Const(2, 1), Once(2), Unlimited(1), Const(1, 2), Trace((0.0, 0.5)), Once(1)))
    plan = [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, Rush(1.0, 2.0), 2.0, 3.0, 4.0, 4.5, 4.5]
    assert list(stages.plan(60)) == list(stages.plan(4.5)) == plan
    assert list(stages.plan(1.5)) == [*plan[:7], Rush(1.0, 1.5)]


def test_a_trace_among_stages_loses_nothing() -> None:
    trace = Trace((0.0, 1.0, 1.0, 2.0))
    assert list(Stages((trace, Const(1, 2))).shots(10)) == [0, 1, 1, 2, 2, 3]
    assert list(Stages((Const(1, 2), trace)).shots(10)) == [0, 1, 2, 3, 3, 4]
    assert list(Stages((Const(1, 2), trace)).shots(3.5)) == [0, 1, 2, 3, 3]


@pytest.mark.parametrize("speed", [0.3, 1.0, 3.0, 7.0])
def test_a_trace_at_another_speed_is_the_same_trace(speed: float) -> None:
    times = (0.0, 0.1, 0.1, 0.7, 3.3)
    trace = Trace(times, speed=speed)
    assert list(trace.shots(60)) == pytest.approx([t / speed for t in times])
    assert trace.cumulative(trace.span) == 5
    assert list(trace.shots(trace.span)) == list(trace.shots(60))


def test_a_random_stage_is_random_among_others_too() -> None:
    stages = parse("poisson(const(50, 10s), seed=3) const(10, 1s)")
    assert instants(stages, 11)[:-10] == list(Poisson(Const(50, 10), 3).shots(10))
    assert instants(stages, 11)[-10:] == pytest.approx([10 + k / 10 for k in range(10)])


@pytest.mark.parametrize(
    "profile",
    [
        Const(200),
        Line(0, 400, 10),
        Step(100, 300, 100, 3),
        Sine(0, 400, 5),
        Stages((Const(100, 4), Line(100, 300, 6))),
        Expression("150*sin(2*pi*t/4) + 100"),
        Expression("400*(t % 0.7)"),
    ],
    ids=str,
)
def test_the_arrivals_of_a_poisson_form_are_exponential_in_the_time_of_its_rate(profile: Profile) -> None:
    shots = list(Poisson(profile, 11).shots(10))
    assert shots == list(Poisson(profile, 11).shots(10))
    assert shots != list(Poisson(profile, 12).shots(10))
    gaps = np.diff([0.0, *(profile.cumulative(t) for t in shots)])
    assert stats.kstest(gaps, "expon").pvalue > 0.001
    assert abs(len(shots) - profile.cumulative(10)) < 5 * math.sqrt(profile.cumulative(10))


@pytest.mark.parametrize("profile", [Unlimited(3), Stages((Const(1, 2), Unlimited(3)))], ids=str)
def test_what_has_no_rate_cannot_be_random(profile: Profile) -> None:
    with pytest.raises(UsageError, match="no rate"):
        Poisson(profile)


@pytest.mark.parametrize("phase", [0.0, 15.0, 22.5, 59.0])
def test_a_wave_has_three_thousand_shots_in_every_minute(phase: float) -> None:
    shots = np.array(list(Sine(0, 100, 60, phase=phase).shots(300)))
    counts, _ = np.histogram(shots, bins=[0, 60, 120, 180, 240, 300])
    assert (abs(counts - 3000) <= 1).all()
    lasting = list(Sine(0, 100, 60, phase=phase, lasting=90).shots(300))
    assert lasting == pytest.approx(shots[: len(lasting)].tolist())
    assert len(lasting) == np.count_nonzero(shots < 90)


@pytest.mark.parametrize(("height", "middle"), [(50, 50), (50, 80), (80, 20), (30, -10), (5000, 5000)])
@pytest.mark.parametrize("phi", [0.0, -math.pi / 2, 2.0])
def test_a_sine_plus_b_is_followed_down_to_zero_and_clamped_below_it(height: float, middle: float, phi: float) -> None:
    profile = parse(f"{height}*sin(2*pi/60*t + {phi}) + {middle}".replace("+ -", "- "))
    t = (np.arange(60 * 5000) + 0.5) / 5000
    rate = np.maximum(0, height * np.sin(2 * np.pi / 60 * t + phi) + middle)
    integral = np.concatenate([[0], np.cumsum(rate) / 5000])[::5000]
    assert [profile.cumulative(second) for second in range(61)] == pytest.approx(integral.tolist(), abs=1e-3)
    counts, _ = np.histogram(list(profile.shots(60)), bins=range(61))
    assert (abs(counts - np.diff(integral)) <= 1 + 1e-3).all()
    if middle >= height:
        assert abs(counts.sum() - 60 * middle) <= 1


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100*(t % 0.7)", lambda t: 100 * (t % 0.7)),
        ("90*floor(3*t) % 50", lambda t: 90 * np.floor(3 * t) % 50),
        ("500*abs(sin(3*t))", lambda t: 500 * abs(np.sin(3 * t))),
        ("max(0, min(200, 50*(t - 3)))", lambda t: np.clip(50 * (t - 3), 0, 200)),
    ],
)
def test_kinks_and_jumps_are_followed(text: str, rate: object) -> None:
    profile = Expression(text)
    t = (np.arange(20 * 50_000) + 0.5) / 50_000
    integral = np.concatenate([[0], np.cumsum(rate(t)) / 50_000])[::50_000]  # type: ignore[operator]
    assert [profile.cumulative(second) for second in range(21)] == pytest.approx(integral.tolist(), abs=5e-3)
    counts, _ = np.histogram(list(profile.shots(20)), bins=range(21))
    assert (abs(counts - np.diff(integral)) <= 1 + 5e-3).all()
    for k, instant in enumerate(profile.shots(20)):
        assert profile.cumulative(instant) == pytest.approx(k, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "t.__class__",
        "().__class__",
        "__import__('os').system('true')",
        "'a'*10",
        "[t]",
        "t if t else 1",
        "lambda: t",
        "(t := 5)",
        "sin(x=t)",
        "True*t",
        "t @ t",
        "1 << t",
        "t // 2",
        "9**9**9**9",
        "(0-1)**0.5",
        "1/t",
        "log(t)",
        "tan",
        "min()",
        "sin(t, t)",
        "1e999*t",
        "(" * 500 + "t" + ")" * 500,
        "-" * 20_000 + "t",
        "t" + "+t" * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_arithmetic_of_t_is_refused_before_a_shot_is_fired(text: str) -> None:
    with pytest.raises(UsageError, match=r"not an expression|no value"):
        Expression(text)


def test_an_expression_that_has_no_value_later_says_where() -> None:
    with pytest.raises(UsageError, match="no value at t = 5"):
        list(Expression("1/(5 - t)").shots(10))


def test_a_trace_of_a_file_with_a_header_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("time;path\n100.0;/a\n100.5;/b\n\n103;/c\n")
    assert list(parse(f"trace({path})").shots(9)) == [0.0, 0.5, 3.0]
    path.write_text("1\n3\n2\n")
    with pytest.raises(UsageError, match="do not rise"):
        parse(f"trace({path})")
    path.write_text("1\nsoon\n")
    with pytest.raises(UsageError, match="line 2"):
        parse(f"trace({path})")
