from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.fit.operational import Check, ClosedLoop, at_once, checks
from forebay.theory.fit.reading import read_log

PUBLISHED = [
    # what wrk printed: connections, answers a second, mean latency; and X·R/N
    pytest.param(5, 4.91, 1.01, 0.99, id="a producer that waits for a second"),
    pytest.param(5, 206.89, 30.15e-3, 1.25, id="ratings"),
    pytest.param(400, 10327.50, 49.74e-3, 1.28, id="400 connections"),
    pytest.param(5, 3713.58, 1.96e-3, 1.46, id="NATS"),
    pytest.param(5, 1972.75, 4.04e-3, 1.59, id="three processes"),
    pytest.param(5, 475.70, 27.56e-3, 2.62, id="a goroutine for each message"),
]


def laws(text: str, n: float = 0, closed: float = 0) -> dict[str, Check]:
    return {check.law: check for check in checks(read_log(io.StringIO(text)), n, closed)}


@pytest.mark.parametrize(("N", "X", "R", "ratio"), PUBLISHED)
def test_published_figures_of_wrk_against_littles_law(N: float, X: float, R: float, ratio: float) -> None:  # noqa: N803
    loop = ClosedLoop(N, X, R)
    assert loop.ratio == pytest.approx(ratio, abs=0.005)
    assert loop.holds == (ratio < 1)


def test_the_true_mean_of_published_figures() -> None:
    assert ClosedLoop(5, 3713.58, 1.96e-3).true_latency == pytest.approx(1.35e-3, abs=0.005e-3)
    assert ClosedLoop(5, 475.70, 27.56e-3).true_latency == pytest.approx(10.5e-3, abs=0.05e-3)


def test_a_violation_is_explained_and_a_loop_that_holds_is_told_its_bound() -> None:
    assert "coordinated omission" in ClosedLoop(5, 475.70, 27.56e-3).verdict
    assert "4.95/s, whatever the number of servers" in ClosedLoop(5, 4.95, 1.01).verdict
    assert "idle for 50.0%" in ClosedLoop(10, 10, 0.5).verdict
    assert ClosedLoop(10, 10, 0.5, Z=0.5).ratio == pytest.approx(1)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (5, 0, 1), (5, 1, -1), (5, float("inf"), 1), (5, 1, 1, -1)])
def test_a_loop_without_meaning_is_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="not possible"):
        ClosedLoop(*numbers)


def test_a_loop_is_told_and_becomes_json() -> None:
    loop = ClosedLoop(5, 475.70, 27.56e-3)
    assert "by connection  2.62" in str(loop)
    assert json.loads(json.dumps(loop.as_dict()))["holds"] is False


def test_a_whole_log_keeps_every_law() -> None:
    rows = "".join(f"{k},{max(k, k + 0.0)},{k + 0.5}\n" for k in range(100))
    found = laws("accepted,started,ended\n" + rows, 1)
    assert sorted(found) == ["Little", "flow", "utilisation", "work conserving"]
    assert all(check.holds for check in found.values())
    assert "XS/n = 50.3% of 1 workers" in found["utilisation"].told


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.01, 5)), min_size=2, max_size=40), st.integers(1, 4))
def test_every_whole_run_keeps_little_and_the_utilisation_law(times: list[tuple[float, float]], n: int) -> None:
    free, t, rows = [0.0] * n, 0.0, []
    for gap, work in times:
        t += gap
        begin = max(t, min(free))
        free[free.index(min(free))] = begin + work
        rows.append(f"{t!r},{begin!r},{begin + work!r}\n")
    found = laws("accepted,started,ended\n" + "".join(rows), n)
    assert all(check.holds for check in found.values()), found


def test_latencies_that_were_put_in_break_littles_law() -> None:
    """A second of standstill in a loop of one, and the nine latencies that wrk would add behind it."""
    seconds = [k * 0.1 for k in range(100)]
    real = "".join(f"{t:.3f},{t + 0.1:.3f},0.1\n" for t in seconds)
    stall = "10,11,1\n"
    added = "".join(f"10,11,{1 - 0.1 * k:.1f}\n" for k in range(1, 10))
    assert laws("accepted,ended,latency\n" + real + stall, closed=1)["closed loop"].holds
    broken = laws("accepted,ended,latency\n" + real + stall + added, closed=1)
    assert not broken["closed loop"].holds
    assert not broken["Little"].holds
    assert "put in" in broken["Little"].why


def test_more_at_work_than_workers_is_seen() -> None:
    rows = "".join(f"{k},{k},{k + 2.5}\n" for k in range(100))
    assert laws("accepted,started,ended\n" + rows, 3)["utilisation"].holds
    found = laws("accepted,started,ended\n" + rows, 2)["utilisation"]
    assert not found.holds
    assert "n is not 2" in found.why


def test_waiting_beside_a_free_worker_is_told() -> None:
    rows = "".join(f"{2 * k},{2 * k + 1},{2 * k + 2}\n" for k in range(100))
    found = laws("accepted,started,ended\n" + rows, 2)["work conserving"]
    assert found.holds
    assert "with a worker free 50.0%: a slow hand-over" in found.told


def test_rows_that_are_missing_are_seen() -> None:
    rows = "".join(f"{k},{'' if k % 2 and k < 60 else k + 1}\n" for k in range(100))
    found = laws("accepted,ended\n" + rows)
    assert not found["flow"].holds
    late = "".join(f"{k},{'' if k > 80 else k + 1}\n" for k in range(100))
    assert laws("accepted,ended\n" + late)["flow"].holds


def test_a_log_of_arrivals_alone_has_no_law_to_break() -> None:
    assert laws("accepted\n1\n2\n3\n") == {}


def test_how_many_lie_over_each_other() -> None:
    t, level = at_once(np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0]))
    assert (t.tolist(), level.tolist()) == ([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 1.0, 0.0])
