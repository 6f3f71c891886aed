"""Laws that hold on every path, whatever the numbers: in quarters of a second, so that every sum is exact."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_cases import EVENTFUL, PLAIN, Case, cases
from forebay.disciplines import Discipline
from forebay.theory.path import Fate, Path

often = settings(deadline=None, max_examples=100)
ONE_WORKER = PLAIN | {"n": st.just(1), "q": st.just(math.inf)}


def _same(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def _empty_instants(path: Path) -> list[float]:
    t, inside = path.in_system()
    return t[inside == 0].tolist()


@often
@given(cases(EVENTFUL | {"redelivery": st.sampled_from([None, 0.5]), "tries": st.just(math.inf)}))
def test_little_holds_exactly_on_every_path_that_begins_and_ends_empty(case: Case) -> None:
    path = case.path(compiled=False)
    t, inside = path.in_system()
    stayed = (path.ended - path.arrived)[path.fate != Fate.LOST]
    assert not len(t) or inside[-1] == 0
    assert float(np.sum(inside[:-1] * np.diff(t))) == float(np.sum(stayed))


@often
@given(cases(PLAIN | {"own_work": st.just(False)}))
def test_the_number_in_the_system_is_the_same_under_every_order(case: Case) -> None:
    first = case.under(discipline=Discipline.FIFO).path(compiled=False)
    for discipline in Discipline:
        path = case.under(discipline=discipline).path(compiled=False)
        assert _same(path.in_system(), first.in_system())
        assert _same(path.waiting(), first.waiting())
        assert (path.fate == first.fate).all()


@often
@given(cases(ONE_WORKER | {"own_work": st.just(True), "preemptive": st.booleans()}))
def test_one_worker_is_idle_at_the_same_instants_under_every_order_with_interruption_or_without(case: Case) -> None:
    first = case.under(discipline=Discipline.FIFO, preemptive=False).path(compiled=False)
    for discipline in Discipline:
        path = case.under(discipline=discipline).path(compiled=False)
        assert _empty_instants(path) == _empty_instants(first)


@often
@given(cases(ONE_WORKER | {"own_work": st.just(True)}))
def test_the_sum_of_work_times_wait_is_conserved_by_every_order(case: Case) -> None:
    """Σ S_i W_i, of which Σ ρ_k W_k is the mean. Source: L. Kleinrock, "Queueing Systems" II (1976), section 3.4."""
    sums = {float(case.under(discipline=one).path(compiled=False).waits @ case.S) for one in Discipline}
    assert len(sums) == 1


@often
@given(cases(PLAIN | {"discipline": st.just(Discipline.FIFO), "q": st.just(math.inf)}))
def test_with_one_worker_more_nobody_waits_longer(case: Case) -> None:
    few, more = case.path(compiled=False), case.under(n=case.rules.n + 1).path(compiled=False)
    assert (more.started <= few.started).all()


@often
@given(cases(PLAIN | {"q": st.sampled_from([0, 1, 3])}), st.sampled_from([0.25, 1.0, 2.5]))
def test_with_one_place_or_one_worker_more_no_fewer_find_a_place_when_work_is_constant(case: Case, work: float) -> None:
    """When work differs it is no law: one short work more can take the place of a long one."""
    alike = Case(case.rules, case.T, np.full(len(case.T), work), case.patience, case.priority, case.seed)
    lost = alike.path(compiled=False).loss
    assert alike.under(q=case.rules.q + 1).path(compiled=False).loss <= lost
    assert alike.under(n=case.rules.n + 1).path(compiled=False).loss <= lost


@often
@given(cases(PLAIN | {"discipline": st.just(Discipline.FIFO)}))
def test_no_worker_is_idle_while_somebody_waits_and_none_serves_two(case: Case) -> None:
    path = case.path(compiled=False)
    for worker in range(int(case.rules.n)):
        own = path.served & (path.worker == worker)
        assert (path.started[own][1:] >= path.ended[own][:-1]).all()
    waited = path.started[path.served & (path.started > path.arrived)]
    assert np.isin(waited, path.ended[path.served]).all()


@often
@given(cases(EVENTFUL | {"failing": st.just(0.0), "retry_share": st.just(1.0), "breaking": st.just(False)}))
def test_nothing_that_was_accepted_is_lost_and_everybody_ends(case: Case) -> None:
    path = case.path(compiled=False)
    assert (path.fate != Fate.UNFINISHED).all()
    assert (path.ended >= path.arrived).all()
    assert np.isnan(path.started[path.fate == Fate.LOST]).all()
    if not math.isfinite(case.rules.retry_attempts):
        assert not (path.fate == Fate.LOST).any()


@often
@given(cases(EVENTFUL | {"patience": st.just(False), "failing": st.just(0.0), "breaking": st.just(False)}))
def test_rules_that_never_come_true_change_nothing(case: Case) -> None:
    """An event for everything, and nothing happens: the three algorithms are one."""
    plain = case.under(preemptive=False, retry_share=0.0, population=math.inf, own_work=True)
    eventful = plain.under(patience=True)
    forever = Case(eventful.rules, case.T, case.S, np.full(len(case.T), np.inf), case.priority, case.seed)
    first, second = plain.path(compiled=False), forever.path(compiled=False)
    for name in ("arrived", "started", "ended", "worker", "fate"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
