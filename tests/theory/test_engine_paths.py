# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_cases import PLAIN, Case, cases
from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.laws import Exponential
from forebay.theory.path import Fate, Path
from forebay.theory.simulation.block import Stream, Streams
from forebay.theory.simulation.engine import open_engine, run
from forebay.theory.simulation.rules import Algorithm, Rules
from forebay.theory.system import Breaking, Retrying, System
from naive_queue import naive

HALF = 0.5
NAIVE = PLAIN | {
    "discipline": st.sampled_from([Discipline.FIFO, Discipline.LIFO, Discipline.PRIORITY]),
    "own_work": st.just(True),
    "preemptive": st.booleans(),
    "patience": st.booleans(),
    "retry_share": st.sampled_from([0.0, 1.0]),
    "retry_attempts": st.sampled_from([2, 4]),
}


def always(number: float) -> Stream:
    return lambda out: out.fill(number)


@settings(deadline=None, max_examples=400)
@given(cases(NAIVE, most=15), st.sampled_from([0.25, 1.0]))
def test_a_naive_simulation_in_rational_numbers_finds_the_same_path(case: Case, delay: float) -> None:
    columns = case.T, case.S, case.patience, case.priority
    path = run(case.rules, *columns, Streams(delays=always(delay)), compiled=False)
    for one, found in zip(naive(case.rules, *columns, delay), _rows(path), strict=True):
        started = None if math.isnan(found["started"]) else found["started"]
        assert (one.arrived, one.started, one.ended) == (found["arrived"], started, found["ended"])
        assert (one.worker, one.fate) == (found["worker"], found["fate"])
        assert path.attempts is None or max(one.came, one.begun) == found["attempts"]


def _rows(path: Path) -> list[dict[str, Any]]:
    names = ["arrived", "started", "ended", "worker", "fate"] + (["attempts"] if path.attempts is not None else [])
    columns = [getattr(path, name).tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def figure(n: int, q: float, together: int) -> Path:
    T = np.repeat(np.arange(4.0), together)
    return run(Rules(n=n, q=q), T, np.full(len(T), HALF), compiled=False)


def test_figure_5_one_request_each_millisecond_is_served_at_once() -> None:
    path = figure(1, 0, together=1)
    assert path.started.tolist() == [0, 1, 2, 3]
    assert path.ended.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert path.loss == 0


def test_figure_6_of_two_requests_the_second_is_lost() -> None:
    path = figure(1, 0, together=2)
    assert path.fate.tolist() == [Fate.SERVED, Fate.LOST] * 4
    assert path.ended.tolist() == [0.5, 0, 1.5, 1, 2.5, 2, 3.5, 3]


def test_figure_7_a_second_worker_loses_nobody() -> None:
    path = figure(2, 0, together=2)
    assert path.worker.tolist() == [0, 1] * 4
    assert path.sojourns.tolist() == [HALF] * 8


def test_figure_8_one_waiting_place_loses_nobody_either_and_the_worker_is_always_busy() -> None:
    path = figure(1, 1, together=2)
    assert path.loss == 0
    assert path.started.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert path.sojourns.tolist() == [0.5, 1] * 4
    assert path.services.sum() == path.ended.max()


def test_patience_that_ends_when_a_worker_is_free_is_just_long_enough() -> None:
    path = run(Rules(patience=True), [0, 0, 0], [1, 1, 1], [9, 1, 0.75])
    assert path.fate.tolist() == [Fate.SERVED, Fate.SERVED, Fate.ABANDONED]
    assert path.ended.tolist() == [1, 2, 0.75]


def test_who_finds_no_place_comes_again_as_often_as_it_may() -> None:
    path = run(Rules(q=0, retry_share=1.0, retry_attempts=3), [0, 0.5, 0.5], [2, 1, 1], streams=_delays(0.75))
    assert path.fate.tolist() == [Fate.SERVED, Fate.SERVED, Fate.LOST]
    assert path.attempts is not None
    assert path.attempts.tolist() == [1, 3, 3]
    assert path.started[1] == path.ended[2] == 2.0


def _delays(seconds: float) -> Streams:
    return Streams(delays=always(seconds))


def _breaks(up: float, down: float) -> Streams:
    return Streams(ups=always(up), downs=always(down))


def test_a_worker_that_breaks_down_resumes_its_work() -> None:
    path = run(Rules(breaking=True), [0, 0], [3, 1], streams=_breaks(2, 5))
    assert path.started.tolist() == [0, 8]
    assert path.ended.tolist() == [8, 9]


def test_the_work_of_a_broken_worker_begins_anew_with_another_after_the_redelivery() -> None:
    lives = Streams(ups=lambda out: out.__setitem__(slice(None), [2.0] + [100.0] * (len(out) - 1)), downs=always(9))
    path = run(Rules(n=2, breaking=True, redelivery=0.5), [0, 1], [3, 0.5], streams=lives)
    assert path.worker.tolist() == [1, 1]
    assert path.started.tolist() == [2.5, 1]
    assert path.ended.tolist() == [5.5, 1.5]
    assert path.attempts is not None
    assert path.attempts.tolist() == [2, 1]


def test_at_most_once_loses_what_a_worker_held() -> None:
    path = run(Rules(breaking=True, redelivery=math.inf), [0, 0], [3, 1], streams=_breaks(2, 5))
    assert path.fate.tolist() == [Fate.LOST, Fate.SERVED]
    assert path.ended.tolist() == [2, 8]


def test_the_more_urgent_interrupts_and_the_interrupted_resumes() -> None:
    rules = Rules(discipline=Discipline.PRIORITY, classes=2, preemptive=True)
    path = run(rules, [0, 1, 2], [4, 1, 1], priority=[1, 0, 1])
    assert path.ended.tolist() == [5, 2, 6]
    assert path.attempts is not None
    assert path.attempts.tolist() == [2, 1, 1]


def test_work_that_failed_is_queued_behind_the_others_until_its_tries_are_used_up() -> None:
    coins = iter([0.0, 0.9, 0.0])
    streams = Streams(failures=lambda out: out.__setitem__(slice(3), list(coins)), reworks=always(2.0))
    path = run(Rules(failing=0.5, tries=2), [0, 0], [1, 1], streams=streams)
    assert path.fate.tolist() == [Fate.LOST, Fate.SERVED]
    assert path.ended.tolist() == [4, 2]


def test_in_a_closed_system_each_thinks_and_comes_again() -> None:
    path = run(Rules(population=2), [1, 1, 2, 0.5], [1, 1, 1, 1])
    assert path.arrived.tolist() == [1, 1, 3.5, 4]
    assert path.ended.tolist() == [2, 3, 4.5, 5.5]


def test_workers_without_number_let_nobody_wait() -> None:
    for discipline in Discipline:
        path = run(Rules(n=math.inf, q=0, discipline=discipline, patience=True), [0, 0, 1], [2, 1, 1], [0, 0, 0])
        assert path.waits.tolist() == [0, 0, 0]
        assert path.worker.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("T", "S", "rest", "hint"),
    [
        ([0, 1], [1], {}, "of different length"),
        ([1, 0], [1, 1], {}, "fall"),
        ([0, math.nan], [1, 1], {}, "finite"),
        ([0, 1], [1, -1], {}, "finite"),
        ([0], [1], {"priority": [1]}, "not one of the 1 classes"),
        ([0], [1], {"patience": [-1]}, "patience"),
    ],
)
def test_arrays_that_are_no_customers_are_refused(T: Any, S: Any, rest: Any, hint: str) -> None:  # noqa: N803
    with pytest.raises(UsageError, match=hint):
        run(Rules(), T, S, **rest)


def test_a_stream_that_the_rules_need_is_asked_for_by_name() -> None:
    with pytest.raises(UsageError, match="ups, downs"):
        open_engine(Rules(breaking=True))
    assert Rules(discipline=Discipline.RANDOM, q=0).streams == ()


def test_the_cheapest_exact_algorithm_is_taken() -> None:
    assert Rules(n=3, q=8).algorithm is Algorithm.NEXT_FREE
    assert Rules(n=3, q=0, discipline=Discipline.LIFO).algorithm is Algorithm.NEXT_FREE
    assert Rules(n=3, discipline=Discipline.LIFO).algorithm is Algorithm.WAITING_ROOM
    assert Rules(n=3, patience=True).algorithm is Algorithm.EVENTS
    assert Rules(n=math.inf, population=3).algorithm is Algorithm.EVENTS


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": math.inf, "failing": 0.5},
        {"n": math.inf, "breaking": True},
        {"failing": 1.0},
        {"failing": 1.5, "tries": 3},
        {"n": 1e9},
        {"q": 1e12},
    ],
    ids=str,
)
def test_rules_that_cannot_be_played_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        Rules(**wrong)
    assert refused.value.hint


@pytest.mark.parametrize("rules", [Rules(classes=2), Rules(classes=2, q=1, discipline=Discipline.PRIORITY)], ids=str)
def test_who_is_of_no_class_is_of_the_most_urgent(rules: Rules) -> None:
    path = run(rules, [0, 0, 0], [1, 1, 1], compiled=False)
    assert path.priority is not None
    assert path.priority.tolist() == [0, 0, 0]


def test_the_rules_of_a_system_are_what_it_says() -> None:
    said = System(
        Exponential(1),
        Exponential(1),
        n=2,
        q=3,
        patience=Exponential(1),
        retrying=Retrying(Exponential(1), 0.5, 4),
        breaking=Breaking(Exponential(9), Exponential(1), redelivery=2.0, idle_too=False),
    )
    rules = Rules.of(said, own_work=True)
    assert (rules.n, rules.q, rules.own_work, rules.patience, rules.idle_too) == (2, 3, True, True, False)
    assert (rules.retry_share, rules.retry_attempts, rules.redelivery) == (0.5, 4, 2.0)
    assert rules.streams == ("returns", "delays", "ups", "downs")
    assert Rules.of(System(Exponential(1), Exponential(1))) == Rules()
