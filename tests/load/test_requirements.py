from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.histogram import Histogram
from forebay.load.results.figures import Figures
from forebay.load.results.requirements import requirement
from forebay.load.results.run import Run


def of(*milliseconds: float) -> Histogram:
    made = Histogram()
    made.record_many(value / 1000 for value in milliseconds)
    return made


def run(**figures: object) -> Run:
    """Return a run of 10 s with these figures: by default 100 shots of 1 ms to 100 ms, nine in ten answered well."""
    made = Run("http://127.0.0.1/", "const(10)", 10.0)
    made.elapsed_seconds = 10.0
    usual = {
        "planned": 100,
        "sent": 99,
        "refused": 1,
        "unknown": 2,
        "statuses": Counter({200: 90, 404: 3, 500: 1, 503: 3}),
        "bytes_out": 1000,
        "bytes_in": 2000,
        "response": of(*range(1, 101)),
        "service": of(*(value / 2 for value in range(1, 101))),
        "lag": of(*[1] * 99),
        "late": of(*[0.5] * 100),
    }
    made.total = Figures(**usual | figures)
    made.tags = {"orders": Figures(planned=1, response=of(7), statuses=Counter({200: 1}))}
    return made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("p99<200ms", 0.099),
        ("p50 < 0.2s", 0.050),
        ("response p99.9<1s", 0.1),
        ("mean<60ms", 0.0505),
        ("median<60ms", 0.050),
        ("min<2ms", 0.001),
        ("max<101ms", 0.1),
        ("service p99<60 ms", 0.0495),
        ("lag p99<2ms", 0.001),
        ("late max<1ms", 0.0005),
        ("p99{orders}<8ms", 0.007),
        ("p99{ orders }<8ms", 0.007),
        ("failed<11%", 0.10),
        ("failed < 0.11", 0.10),
        ("refused<2%", 0.01),
        ("unknown<=2%", 0.02),
        ("5xx<5%", 0.04),
        ("4xx==3%", 0.03),
        ("503<4%", 0.03),
        ("2xx>80%", 0.90),
        ("rate>9/s", 9.7),
        ("rate>500/m", 9.7),
        ("rate>9", 9.7),
        ("accepted>=9/s", 9.0),
        ("planned>9/s", 10.0),
        ("planned!=11/s", 10.0),
    ],
)
def test_a_requirement_names_what_is_judged(text: str, value: float) -> None:
    made = requirement(text)
    assert made.value(run()) == pytest.approx(value, rel=1e-3)
    assert made.kept(run())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("http_req_duration: p(95)<200", 0.095),
        ("http_req_duration:p(99.9) < 200", 0.1),
        ("http_req_duration: avg<60", 0.0505),
        ("http_req_duration: med<=51", 0.050),
        ("http_req_duration: max<101", 0.1),
        ("http_req_duration{name:orders}: p(95)<8", 0.007),
        ("http_req_duration{tag:orders}: p(95)<8", 0.007),
        ("http_req_waiting: p(99)<50", 0.0495),
        ("http_req_blocked: max<2", 0.001),
        ("data_sent: count<1001", 1000),
        ("data_received: count>=2000", 2000),
        ("http_req_failed: rate<0.11", 0.10),
        ("http_req_failed: rate != 0", 0.10),
        ("http_reqs: rate>9", 9.7),
        ("http_reqs: count===97", 97),
        ("iterations: count>90", 97),
        ("dropped_iterations: count<2", 1),
        ("dropped_iterations: rate<0.5", 0.1),
        ("data_received: rate>100", 200),
    ],
)
def test_a_threshold_of_k6_means_the_same(text: str, value: float) -> None:
    made = requirement(text)
    assert made.value(run()) == pytest.approx(value, rel=1e-3)
    assert made.kept(run())


@given(planned=st.integers(1, 60), limit=st.integers(1, 60))
def test_a_requirement_is_kept_where_its_sign_says_so(planned: int, limit: int) -> None:
    made = run(planned=planned * 10)
    kept = [requirement(f"planned{sign}{limit}/s").kept(made) for sign in ("<", "<=", ">", ">=", "==", "!=")]
    assert kept == [
        planned < limit,
        planned <= limit,
        planned > limit,
        planned >= limit,
        planned == limit,
        planned != limit,
    ]


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "=="])
def test_the_percentile_of_nothing_fulfils_nothing(sign: str) -> None:
    made = requirement(f"p99{sign}200ms")
    assert math.isnan(made.value(run(response=of())))
    assert not made.kept(run(response=of()))


def test_a_share_of_no_shots_fulfils_nothing() -> None:
    assert not requirement("failed<1%").kept(run(planned=0, statuses=Counter()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("p99<200ms", "99ms"), ("failed<1%", "10%"), ("rate>1/s", "9.7/s"), ("http_reqs: count>1", "97")],
)
def test_a_value_is_shown_in_its_unit(text: str, shown: str) -> None:
    made = requirement(text)
    assert made.show(made.value(run())) == shown


def test_a_tag_that_no_shot_has_is_named_beside_those_there_are() -> None:
    with pytest.raises(UsageError, match="no shot has the tag 'carts'") as caught:
        requirement("p99{carts}<1s").value(run())
    assert caught.value.hint == "tags: orders"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", "is not a requirement"),
        ("", "is not a requirement"),
        ("p99", "is not a requirement"),
        ("p99<", "is not a requirement"),
        ("p99=200ms", "is not a requirement"),
        ("p99<200", "not a duration"),
        ("p99<soon", "not a duration"),
        ("p101<2s", "not a percentile"),
        ("wait p99<2s", "wait is not a time of a shot"),
        ("speed<2s", "speed cannot be required"),
        ("<2s", "nothing cannot be required"),
        ("6xx<1%", "6xx cannot be required"),
        ("failed<1", "not a share"),
        ("failed<101%", "not a share"),
        ("failed<few", "not a share"),
        ("rate>1/fortnight", "not a rate"),
        ("http_req_connecting: p(95)<200", "http_req_connecting: p(95) is not measured"),
        ("http_req_duration: p(101)<200", "not a percentile"),
        ("http_req_duration: rate<200", "cannot be required"),
        ("checks: rate>0.9", "checks: rate is not measured"),
        ("http_req_duration{status:200}: p(95)<200", "by their tag alone"),
        ("{threshold: 'p(99)<1000', abortOnFail: true}", "at the end of a run"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        requirement(text)
    assert said in str(caught.value)
    assert caught.value.hint
