from __future__ import annotations

import numpy as np
import pytest

from forebay.errors import UsageError
from forebay.load.results.autostop import autostop
from forebay.load.results.run import Run
from forebay.load.shot import Kind

MS = 1_000_000


def went_on(run: Run, milliseconds: list[float] | None = None, status: int = 200, reason: str = "") -> None:
    """Let shots end, each after its time, with a status or for a reason."""
    code = -1 if reason else status
    rows = [(i, 0, 0, 1, round(ms * MS), code, 0, 10, 10) for i, ms in enumerate(milliseconds or [])]
    run.absorb(np.array(rows, dtype=np.int64).reshape(-1, 9), [(Kind.UNKNOWN, reason)], [""])


def asked(text: str, seconds: list[tuple[list[float], int, str]], connections: int = 10) -> list[int]:
    """Return the numbers of the seconds, from 1, at which the run had to end."""
    run, stop, found = Run("http://x", "const(1)", 60), autostop(text, connections), list[int]()
    for number, (milliseconds, status, reason) in enumerate(seconds, 1):
        went_on(run, milliseconds, status, reason)
        if stop(run):
            found.append(number)
    return found


FAST, SLOW, QUIET = ([10.0] * 50, 200, ""), ([2000.0] * 50, 200, ""), (list[float](), 0, "")


def test_a_mean_above_the_limit_for_long_enough_ends_a_run() -> None:
    assert asked("time(1500, 3)", [FAST, SLOW, SLOW, SLOW]) == [4]
    assert asked("time(1s500ms, 3s)", [FAST, SLOW, SLOW, SLOW]) == [4]
    assert asked("time(1500, 3)", [SLOW, SLOW, FAST, SLOW, SLOW]) == []
    assert asked("time(2000, 1)", [SLOW]) == []


def test_each_second_is_judged_by_itself_and_not_by_all_before_it() -> None:
    assert asked("time(1500, 2)", [FAST] * 50 + [SLOW, SLOW]) == [52]
    assert asked("quantile(50, 1500ms, 2)", [SLOW] + [FAST] * 9 + [SLOW, SLOW]) == [12]


def test_a_second_in_which_nothing_ended_says_nothing_about_times() -> None:
    assert asked("time(1500, 3)", [SLOW, SLOW, QUIET, SLOW]) == [4]
    assert asked("http(5xx, 1, 2)", [([1.0], 500, ""), QUIET, ([1.0], 500, "")]) == [3]


def test_a_percentile_sees_the_slow_few() -> None:
    few = ([10.0] * 94 + [300.0] * 6, 200, "")
    assert asked("quantile(95, 100ms, 2)", [few, few]) == [2]
    assert asked("quantile(90, 100, 2)", [few, few]) == []
    assert asked("time(100, 2)", [few, few]) == []


def test_statuses_are_counted_by_number_or_by_share() -> None:
    def seconds(bad: int) -> list[tuple[list[float], int, str]]:
        return [([1.0] * bad, 503, "")]

    assert asked("http(5xx, 10, 1)", seconds(9)) == []
    assert asked("http(5xx, 10, 1)", seconds(10)) == [1]
    assert asked("http(503, 10, 1)", seconds(10)) == [1]
    assert asked("http(404, 1, 1)", seconds(10)) == []
    assert asked("http(xx, 25%, 1)", seconds(10)) == [1]


def test_a_share_is_of_all_that_ended_whether_answered_or_not() -> None:
    run, stop = Run("http://x", "const(1)", 60), autostop("net(xx, 25%, 1)", 10)
    went_on(run, [1.0] * 76)
    went_on(run, [1.0] * 24, reason="no answer in time")
    assert stop(run) is None
    went_on(run, [1.0] * 75)
    went_on(run, [1.0] * 25, reason="no answer in time")
    assert stop(run) == "net(xx, 25%, 1) came true, for 1s"


def test_errors_of_the_network_have_the_numbers_of_the_system() -> None:
    refused = [([1.0], 0, "no connection: Connection refused")]
    assert asked("net(111, 1, 1)", refused) == [1]
    assert asked("net(11x, 1, 1)", refused) == [1]
    assert asked("net(110, 1, 1)", refused) == []
    assert asked("net(110, 1, 1)", [([1.0], 0, "no answer in time")]) == [1]
    assert asked("net(xx, 1, 2)", [*refused, QUIET, *refused]) == []


def test_what_is_in_flight_is_counted_or_compared_with_the_connections() -> None:
    run = Run("http://x", "const(1)", 60)
    by_share, by_count = autostop("instances(80%, 2s)", 10), autostop("instances(8, 2s)", 10)
    run.in_flight = 8
    assert [by_share(run), by_count(run)] == [None, None]
    assert by_share(run)
    assert not by_count(run)


HALF = ([1.0, 2000.0], 200, "")
BAD, LOST = ([1.0] * 5, 503, ""), ([1.0] * 5, 0, "no connection: Connection refused")


def test_a_total_needs_its_share_of_a_whole_time_and_not_of_each_second() -> None:
    """FAST and SLOW are 50 shots each, BAD and LOST 5."""
    assert asked("total_http(5xx, 9%, 2)", [BAD, FAST, BAD, BAD]) == [2, 3, 4]
    assert asked("total_http(5xx, 10%, 2)", [BAD, FAST, BAD, BAD]) == [4]
    assert asked("total_http(503, 10, 2s)", [BAD, FAST, BAD, QUIET, BAD, BAD]) == [6]
    assert asked("total_net(11x, 9%, 2)", [LOST, FAST]) == [2]
    assert asked("total_net(110, 1, 1)", [LOST, FAST]) == []
    assert asked("total_time(300ms, 50%, 3)", [FAST, SLOW, HALF, FAST, FAST]) == [3, 4]


def test_what_is_none_of_the_good_is_too_much() -> None:
    assert asked("negative_http(2xx, 9%, 2)", [BAD, FAST, FAST, LOST]) == [2, 4]
    assert asked("negative_http(2xx, 10%, 2)", [BAD, FAST, FAST, LOST]) == []
    assert asked("negative_net(0, 9%, 2)", [BAD, FAST, FAST, LOST]) == [4]
    assert asked("negative_net(111, 1, 1)", [LOST, BAD]) == [2]


def test_nothing_has_no_share() -> None:
    assert asked("total_http(5xx, 10%, 2) negative_http(2xx, 1%, 1)", [QUIET] * 4) == []


def test_a_run_lasts_no_longer_than_its_limit_and_the_first_reason_is_told() -> None:
    assert asked("limit(3s)", [FAST] * 4) == [3, 4]
    run, stop = Run("http://x", "const(1)", 60), autostop("time(1500, 15), http(5xx, 25%, 1) limit(5)", 10)
    went_on(run, [1.0], 500)
    assert stop(run) == "http(5xx, 25%, 1) came true, for 1s"
    assert "limit" in str(stop(run, seconds=10.0))


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("", "no reason", "http"),
        ("time 1500", "is no reason to stop", "http"),
        ("tme(1500, 15)", "unknown", "did you mean time"),
        ("time(1500)", "takes 2 arguments", "time(1500, 15)"),
        ("http(5xx, 25%, 10, orders)", "takes 3 arguments", "http("),
        ("http(5yy, 1, 1)", "neither a number", "http("),
        ("http(5xx, 0%, 1)", "not a number above 0", "http("),
        ("http(5xx, 101%, 1)", "not a percentage", "http("),
        ("time(slow, 15)", "not a duration", "time("),
        ("quantile(95, 100ms, 0)", "not a number above 0", "quantile("),
        ("total_http(5xx, 10%)", "takes 3 arguments", "total_http(5xx"),
        ("total_time(300ms, 101%, 3s)", "not a percentage", "total_time("),
        ("negative_http(2xx, some, 10s)", "not a number above 0", "negative_http("),
        ("limit(10 minutes)", "not a duration", "limit(10m)"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        autostop(text, 10)
    assert hint in caught.value.hint
