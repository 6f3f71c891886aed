# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_cases import EVENTFUL, PLAIN, Case, bits, cases
from forebay.disciplines import Discipline
from forebay.theory.simulation.block import CHUNK, Overgrown, Streams
from forebay.theory.simulation.engine import open_engine, run
from forebay.theory.simulation.rules import Algorithm, Rules

pytest.importorskip("numba")
often = settings(deadline=None, max_examples=150)


@often
@given(cases(PLAIN), st.sampled_from([1, 7, 1000]))
def test_both_engines_give_the_same_bits_for_every_order(case: Case, block: int) -> None:
    assert bits(case.path(compiled=True, block=block)) == bits(case.path(compiled=False))


@often
@given(cases(PLAIN, exact=False))
def test_both_engines_give_the_same_bits_for_any_floats(case: Case) -> None:
    assert bits(case.path(compiled=True)) == bits(case.path(compiled=False))


@settings(deadline=None, max_examples=500)
@given(cases(EVENTFUL), st.sampled_from([1, 7, 1000]))
def test_both_engines_give_the_same_bits_whatever_happens(case: Case, block: int) -> None:
    assert bits(case.path(compiled=True, block=block)) == bits(case.path(compiled=False))


@often
@given(cases(EVENTFUL | {"retry_attempts": st.just(3), "breaking": st.just(False)}, exact=False))
def test_both_engines_give_the_same_bits_for_any_floats_whatever_happens(case: Case) -> None:
    assert bits(case.path(compiled=True)) == bits(case.path(compiled=False))


@often
@given(cases(EVENTFUL), st.integers(1, 9))
def test_blocks_of_any_size_give_the_path_of_one(case: Case, block: int) -> None:
    assert bits(case.path(compiled=False, block=block)) == bits(case.path(compiled=False))


def _long(rules: Rules, seed: int = 1, load: float = 0.8, customers: int = 15_000) -> Case:
    generator = np.random.default_rng(seed)
    T = np.cumsum(generator.standard_exponential(customers)) / (load * rules.n)
    S, patience = generator.standard_exponential(customers), generator.standard_exponential(customers)
    return Case(rules, T, S, patience, generator.integers(0, rules.classes, customers, dtype=np.int32), seed)


LONG = [
    Rules(n=1),
    Rules(n=17, q=5),
    Rules(n=40, discipline=Discipline.LIFO),
    Rules(n=2, discipline=Discipline.RANDOM, classes=3),
    Rules(n=2, q=9, discipline=Discipline.PRIORITY, classes=5),
    Rules(n=3, discipline=Discipline.PRIORITY, classes=5, preemptive=True, patience=True),
    Rules(n=3, q=2, retry_share=0.9, failing=0.1, discipline=Discipline.RANDOM),
    Rules(n=8, breaking=True, redelivery=0.3),
    Rules(n=8, breaking=True, idle_too=False, discipline=Discipline.LIFO),
]


@pytest.mark.parametrize("rules", LONG, ids=str)
def test_long_runs_agree_over_many_blocks_and_portions_of_numbers(rules: Rules) -> None:
    case = _long(rules)
    assert bits(case.path(compiled=True, block=4000)) == bits(case.path(compiled=False))


def test_a_crowd_that_outgrows_the_buffers_again_and_again_keeps_its_places() -> None:
    for order in (Discipline.LIFO, Discipline.RANDOM, Discipline.PRIORITY):
        for extra in ({}, {"patience": True}):
            case = _long(Rules(n=1, discipline=order, classes=3, **extra), load=3.0, customers=9000)
            if extra:
                case = Case(case.rules, case.T, case.S, case.patience * 1e4, case.priority, 1)
            assert bits(case.path(compiled=True, block=500)) == bits(case.path(compiled=False, block=9000))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rules", [Rules(discipline=Discipline.LIFO), Rules(patience=True)], ids=str)
def test_a_system_that_grows_without_end_is_stopped_and_says_so(rules: Rules, compiled: bool) -> None:
    with pytest.raises(Overgrown, match="100"):
        run(rules, np.arange(300) * 0.5, np.ones(300), np.full(300, 1e9), compiled=compiled, limit=100)
    path = run(rules, np.arange(100) * 0.5, np.ones(100), np.full(100, 1e9), compiled=compiled, limit=100)
    assert path.served.all()


@pytest.mark.parametrize("compiled", [False, True])
def test_work_that_no_worker_lives_to_finish_is_stopped_and_says_so(compiled: bool) -> None:
    short_lives = Streams(ups=lambda out: out.fill(1.0), downs=lambda out: out.fill(1.0))
    with pytest.raises(Overgrown, match="does not end"):
        run(Rules(breaking=True, redelivery=0.0), [0.0], [2.0], streams=short_lives, compiled=compiled, limit=1000)


@pytest.mark.parametrize("compiled", [False, True])
def test_streams_are_asked_for_the_same_portions_by_both_engines(compiled: bool) -> None:
    asked: list[int] = []
    uniforms = np.random.default_rng(1)

    def choices(out: Any) -> None:
        asked.append(len(out))
        uniforms.random(out=out)

    case = _long(Rules(discipline=Discipline.RANDOM), load=1.2)
    run(case.rules, case.T, case.S, streams=Streams(choices=choices), compiled=compiled)
    assert set(asked) == {CHUNK}
    assert len(asked) >= 3


def test_arrays_that_cannot_be_written_to_or_lie_apart_are_taken_all_the_same() -> None:
    T = np.arange(20.0)[::2]
    T.flags.writeable = False
    for rules in (Rules(), Rules(discipline=Discipline.LIFO), Rules(patience=True)):
        for compiled in (False, True):
            engine = open_engine(rules, compiled=compiled)
            block = engine.feed(T, T)
            assert len(block) + engine.inside == 10
            assert len(block) + len(engine.finish()) >= 10 or rules.algorithm is Algorithm.EVENTS


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000])
def test_the_tournament_of_any_number_of_workers_names_the_lowest_free(n: int) -> None:
    rules, T = Rules(n=n), np.repeat(np.arange(3.0), n)
    path = run(rules, T, np.ones(3 * n), compiled=True)
    assert path.worker.tolist() == list(range(n)) * 3
    assert bits(path) == bits(run(rules, T, np.ones(3 * n), compiled=False))
