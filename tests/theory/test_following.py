"""Timelines: figures 5 to 8 of the lecture exactly, and the laws that hold on every one of them."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory import Deterministic, Exponential, Fate, Path, System, follow, read
from forebay.theory.timelines.following import MOST, follow_path, follow_system

MS = Fraction(1, 1000)
HALF = Fraction(1, 2)


def figure(number):
    """The four systems of the lecture: what comes each millisecond, workers, places."""
    spec, rate = {5: ("D/D/1/0", "1/ms"), 6: ("D/D/1/0", "2/ms"), 7: ("D/D/2/0", "2/ms"), 8: ("D/D/1/1", "2/ms")}[
        number
    ]
    return follow_system(read(spec, rate, "0.5ms"))


def told(timeline):
    """Number to (worker, start, end) in milliseconds; None for the lost."""
    return {
        v.number: None if v.fate is Fate.LOST else (v.worker, v.started / MS, v.ended / MS) for v in timeline.visits
    }


def test_figure_5_one_worker_is_busy_half_of_the_time():
    timeline = figure(5)
    assert told(timeline) == {k: (1, k - 1, k - HALF) for k in (1, 2, 3, 4)}
    assert (timeline.throughput, timeline.utilization(), timeline.loss) == (1000, HALF, 0)


def test_figure_6_loses_every_second_although_the_worker_rests_half_of_the_time():
    timeline = figure(6)
    odd = {k: (1, (k - 1) // 2, (k - 1) // 2 + HALF) for k in (1, 3, 5, 7)}
    assert told(timeline) == odd | dict.fromkeys((2, 4, 6, 8))
    assert (timeline.throughput, timeline.utilization(), timeline.loss) == (1000, HALF, HALF)


def test_figure_7_two_workers_lose_none_and_rest_half_of_the_time_each():
    timeline = figure(7)
    assert told(timeline) == {k: ((k - 1) % 2 + 1, (k - 1) // 2, (k - 1) // 2 + HALF) for k in range(1, 9)}
    assert (timeline.throughput, timeline.loss) == (2000, 0)
    assert [timeline.utilization(worker) for worker in (1, 2)] == [HALF, HALF]


def test_figure_8_one_place_does_what_the_second_worker_did():
    timeline = figure(8)
    odd = {k: (1, (k - 1) // 2, (k - 1) // 2 + HALF) for k in (1, 3, 5, 7)}
    even = {k: (1, k // 2 - HALF, k // 2) for k in (2, 4, 6, 8)}
    assert told(timeline) == odd | even
    assert (timeline.throughput, timeline.utilization(), timeline.loss) == (2000, 1, 0)
    assert {v.number: v.sojourn / MS for v in timeline.visits} == {k: HALF if k % 2 else 1 for k in range(1, 9)}
    held = {v.number: [(s.place, s.begin / MS, s.end / MS) for s in v.stays] for v in timeline.visits}
    assert held == {k: [] if k % 2 else [(1, k // 2 - 1, k // 2 - HALF)] for k in range(1, 9)}


def test_with_the_service_a_hair_longer_the_tie_is_gone_and_figure_8_loses():
    longer = follow([k // 2 * MS for k in range(200)], HALF * MS + MS / 10**6, 1, 1)
    assert longer.loss > Fraction(1, 5)


def test_floats_that_only_look_like_a_tie_are_one():
    timeline = follow([0.1 * k for k in range(50) for _ in range(2)], 0.05, 1, 1)
    assert timeline.loss == 0


def test_the_line_closes_up_when_somebody_leaves_it():
    timeline = follow([0, 0, 0], 1, 1, 2)
    places = [[(s.place, s.begin, s.end) for s in v.stays] for v in timeline.visits]
    assert places == [[], [(1, 0, 1)], [(2, 0, 1), (1, 1, 2)]]


def test_last_in_first_out_takes_the_newest():
    timeline = follow([0, 0, 0], 1, 1, 2, discipline=Discipline.LIFO)
    assert [v.started for v in timeline.visits] == [0, 2, 1]


def test_who_comes_at_the_end_is_not_in_and_who_leaves_at_it_is_counted():
    timeline = follow([0, 1, 2], 1, until=2)
    assert [v.number for v in timeline.visits] == [1, 2]
    assert len(timeline.left) == 2


def test_a_backlog_stands_there_at_the_beginning():
    timeline = follow_system(System(Deterministic(1.0), Deterministic(0.5), backlog=3))
    assert [v.arrived for v in timeline.visits[:4]] == [0, 0, 0, 0]


def test_endless_workers_have_as_many_lanes_as_were_needed():
    timeline = follow([0, 0, 1], 2, math.inf)
    assert (timeline.workers, timeline.limited) == (3, False)


@pytest.mark.parametrize(
    ("arrivals", "services", "more"),
    [
        ([], 1, {}),
        ([0, 1], [1], {}),
        ([-1], 1, {}),
        ([0], -1, {}),
        ([0], 1, {"until": 0}),
        ([0], 1, {"discipline": Discipline.RANDOM}),
        ([0], math.nan, {}),
    ],
)
def test_what_has_no_timeline_is_refused_with_a_hint(arrivals, services, more):
    with pytest.raises(UsageError) as refused:
        follow(arrivals, services, **more)
    assert refused.value.hint


def test_only_clocks_have_a_timeline_that_follows_from_the_name():
    with pytest.raises(UsageError, match="D/D/n/q"):
        follow_system(System(Exponential(1.0), Deterministic(1.0)))
    with pytest.raises(UsageError, match="shows nothing"):
        follow_system(System(Deterministic(1.0), Deterministic(0.5)), MOST + 1)


TIMES = st.fractions(min_value=0, max_value=10, max_denominator=6)
CUSTOMERS = st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=25)


@given(CUSTOMERS, st.integers(1, 4), st.integers(0, 4), st.sampled_from([Discipline.FIFO, Discipline.LIFO]))
def test_every_customer_is_lost_or_on_exactly_one_lane_and_lanes_never_overlap(customers, n, q, discipline):
    if all(arrived == work == 0 for arrived, work in customers):
        return
    arrivals, services = zip(*sorted(customers), strict=True)
    timeline = follow(arrivals, services, n, q, until=1000, discipline=discipline)
    assert [v.number for v in timeline.visits] == list(range(1, len(customers) + 1))
    for visit in timeline.visits:
        assert (visit.fate is Fate.LOST) == (visit.worker is None) == (visit.ended is None)
        assert visit.worker is None or visit.ended - visit.started == services[visit.number - 1]
        assert (
            sum((s.end - s.begin for s in visit.stays), Fraction(0)) == (visit.started or visit.arrived) - visit.arrived
        )
    for lane in (*lanes_of_workers(timeline), *lanes_of_places(timeline)):
        assert all(end <= begin for (_, end), (begin, _) in pairwise(lane))
    assert timeline.deepest <= q


@given(CUSTOMERS, st.integers(1, 3), st.integers(0, 3))
def test_the_number_in_the_system_is_that_of_its_path(customers, n, q):
    if all(arrived == work == 0 for arrived, work in customers):
        return
    timeline = follow(*zip(*sorted(customers), strict=True), n, q, until=1000)
    path = timeline.path()
    t, number = path.in_system()
    for at, inside in zip(t, number, strict=True):
        there = [v for v in timeline.visits if v.worker and float(v.arrived) <= at < float(v.ended)]
        assert inside == len(there)
    assert path.loss == pytest.approx(float(timeline.loss))
    assert number.max(initial=0) <= n + q


@given(CUSTOMERS, st.integers(1, 3), st.integers(0, 3))
def test_the_timeline_of_its_path_is_the_timeline_again(customers, n, q):
    customers = [(arrived, work + Fraction(1, 8)) for arrived, work in customers]
    timeline = follow(*zip(*sorted(customers), strict=True), n, q)
    again = follow_path(timeline.path(), 0, timeline.end)
    assert [v.worker for v in again.visits] == [v.worker for v in timeline.visits]
    assert [[s.place for s in v.stays] for v in again.visits] == [[s.place for s in v.stays] for v in timeline.visits]
    assert float(again.utilization()) == pytest.approx(float(timeline.utilization()))


def test_a_path_shows_who_gave_up_and_who_is_still_there():
    path = Path(
        arrived=np.array([0.0, 0.0, 0.0, 1.0]),
        started=np.array([0.0, np.nan, 2.0, np.nan]),
        ended=np.array([2.0, 1.0, np.nan, np.nan]),
        worker=np.array([0, -1, 0, -1], dtype=np.int32),
        fate=np.array([Fate.SERVED, Fate.ABANDONED, Fate.UNFINISHED, Fate.LOST], dtype=np.int8),
    )
    timeline = follow_path(path, 0, 4)
    assert [[(s.place, s.begin, s.end) for s in v.stays] for v in timeline.visits] == [
        [], [(1, 0, 1)], [(2, 0, 1), (1, 1, 2)], [],
    ]  # fmt: skip
    assert timeline.utilization() == 1
    assert timeline.loss == Fraction(1, 4)


def of_nobody(customers, workers):
    """The path of (arrived, started, ended), nan where there is none, that does not tell which worker had whom."""
    arrived, started, ended = map(np.array, zip(*sorted(customers), strict=True))
    fate = np.where(np.isnan(ended), Fate.UNFINISHED, Fate.SERVED).astype(np.int8)
    return Path(arrived, started, ended, np.full(len(fate), -1, dtype=np.int32), fate, workers=workers)


@given(CUSTOMERS, st.sampled_from([0, 2, math.inf]))
def test_work_of_nobody_known_has_as_many_lanes_as_were_at_work_at_once(customers, workers):
    works = [(float(arrived), float(arrived), float(arrived + work + Fraction(1, 8))) for arrived, work in customers]
    timeline = follow_path(of_nobody(works, workers), 0, 1000)
    _, at_once = of_nobody(works, workers).in_system()
    assert timeline.workers == max(at_once.max(), workers if workers == 2 else 0)
    assert all(end <= begin for lane in lanes_of_workers(timeline) for (_, end), (begin, _) in pairwise(lane))
    assert float(timeline.at_work()) == pytest.approx(sum(end - began for _, began, end in works) / 1000)
    assert (timeline.limited, timeline.named) == (workers == 2, math.isinf(workers))


def test_who_was_at_work_before_or_after_the_part_that_is_drawn_takes_no_lane_of_it():
    works = [(0.0, 0.0, 10.0), (1.0, 1.0, 12.0), (11.0, 20.0, 21.0), (13.0, 14.0, math.nan)]
    timeline = follow_path(of_nobody(works, math.inf), 10, 15)
    assert [(visit.number, visit.worker) for visit in timeline.visits] == [(1, None), (2, 1), (3, None), (4, 1)]
    assert (timeline.workers, timeline.at_work()) == (1, Fraction(3, 5))


def test_what_does_not_tell_when_work_began_has_no_timeline():
    with pytest.raises(UsageError, match="of 1 of 2 requests it is not told when their work began"):
        follow_path(of_nobody([(0.0, 0.0, 1.0), (1.0, math.nan, 2.0)], 1))


def test_an_empty_run_has_nothing_to_draw():
    empty = np.zeros(0)
    path = Path(empty, empty, empty, empty.astype(np.int32), empty.astype(np.int8))
    with pytest.raises(UsageError, match="nobody came"):
        follow_path(path)


def test_the_part_of_a_run_that_is_asked_for_is_told():
    timeline = follow(range(100), 0.5)
    part = follow_path(timeline.path(), 10, 20)
    assert len(part.arrivals) == 10
    assert part.utilization() == HALF
    with pytest.raises(UsageError, match="shows nothing"):
        follow_path(timeline.path(), 200, 300)


def lanes_of_workers(timeline):
    for worker in range(1, timeline.workers + 1):
        yield sorted((v.started, v.ended) for v in timeline.visits if v.worker == worker)


def lanes_of_places(timeline):
    for place in range(1, timeline.deepest + 1):
        yield sorted((s.begin, s.end) for v in timeline.visits for s in v.stays if s.place == place)
