from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fired import empty, evenly, rows
from forebay.errors import UsageError
from forebay.load.results.runfile import Record
from forebay.load.results.window import window


def record(rate: int = 10) -> Record:
    """Return a run of 10 s, as many shots a second, each answered after 30 ms."""
    run = empty()
    run.absorb(rows(evenly(rate, 10), 0.030), (), ("orders",))
    run.elapsed_seconds, run.connections = 10.0, 3
    return Record(run, {"requirements": ["p99<1s"], "expected": 100}, True, str(Path("run")))


@given(edge=st.integers(1, 9))
def test_the_windows_of_a_run_have_all_of_its_shots(edge: int) -> None:
    whole = record()
    before, after = window(whole, end=float(edge)).run, window(whole, float(edge)).run
    assert (before.planned, after.planned) == (10 * edge, 100 - 10 * edge)
    assert before.answered + after.answered == whole.run.answered
    assert before.seconds + after.seconds == 10.0


def test_a_window_begins_when_it_begins() -> None:
    whole = record()
    found = window(whole, 2.5, 4.1)
    assert (found.run.started_at, found.run.elapsed_seconds) == (whole.run.started_at + 2, 3.0)
    assert sorted(found.run.series) == [0, 1, 2]
    assert found.run.profile == "const(10) from 2s to 5s"
    assert found.about == {"requirements": ["p99<1s"], "expected": None}


def test_the_run_itself_stays_as_it_was() -> None:
    whole = record()
    before = whole.run.as_dict()
    window(whole, 2, 4)
    assert whole.run.as_dict() == before


def test_a_time_of_a_window_is_near_that_of_the_run() -> None:
    assert window(record(), 2).run.response.percentile(99) == pytest.approx(0.030, rel=0.016)


@pytest.mark.parametrize(("begin", "end"), [(10.0, math.inf), (5.0, 5.0), (7.0, 3.0), (0.0, 0.0)])
def test_a_window_without_shots_is_an_error(begin: float, end: float) -> None:
    with pytest.raises(UsageError, match="nothing was planned") as caught:
        window(record(), begin, end)
    assert caught.value.hint == "the run lasted 10s"
