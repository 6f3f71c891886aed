from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Uniform
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.passage import passage_tail
from forebay.theory.models.priority import nonpreemptive_waits, preemptive_sojourns, solve_priorities
from forebay.theory.solving import solve
from forebay.theory.system import Class, System

near = pytest.approx
laws = st.sampled_from([Exponential(1), Deterministic(1), Erlang(1, 3), Hyperexponential(1, 5), Uniform(1)])
classes = st.lists(
    st.builds(lambda rate, mean, law: Class(rate, law.with_mean(mean)), st.floats(0.1, 2), st.floats(0.1, 2), laws),
    min_size=1,
    max_size=5,
)


def scaled(given: list[Class], rho: float) -> list[Class]:
    """Return the classes with rates that make the load rho."""
    load = sum(one.arrival_rate * one.service.mean for one in given)
    return [replace(one, arrival_rate=one.arrival_rate * rho / load) for one in given]


def system(given: list[Class], n: int = 1, *, preemptive: bool = False) -> System:
    lam = sum(one.arrival_rate for one in given)
    work = sum(one.arrival_rate * one.service.mean for one in given) / lam
    order = {"discipline": Discipline.PRIORITY, "preemptive": preemptive}
    return System(Exponential(1 / lam), General(work, 1), n, classes=tuple(given), **order)


@given(classes, st.floats(0.05, 0.95))
def test_the_weighted_waits_are_conserved_whatever_the_order(given: list[Class], rho: float) -> None:
    given = scaled(given, rho)
    waits = nonpreemptive_waits(given)
    weighted = sum(one.arrival_rate * one.service.mean * wait for one, wait in zip(given, waits, strict=True))
    residual = sum(one.arrival_rate * one.service.moment(2) / 2 for one in given)
    assert weighted == near(rho * residual / (1 - rho), rel=1e-9)
    backwards = nonpreemptive_waits(given[::-1])[::-1]
    assert weighted == near(
        sum(one.arrival_rate * one.service.mean * wait for one, wait in zip(given, backwards, strict=True)), rel=1e-9
    )


@given(st.lists(st.floats(0.05, 3), min_size=1, max_size=5), st.integers(1, 12), st.floats(0.05, 0.95))
def test_with_one_service_the_number_in_the_system_does_not_know_the_classes(rates, n: int, rho: float) -> None:
    given = [Class(rate * rho * n / sum(rates), Exponential(1)) for rate in rates]
    lam = rho * n
    plain = erlang_c(n, lam) / (n - lam)
    for waits in (nonpreemptive_waits(given, n), [W - 1 for W in preemptive_sojourns(given, n)]):
        mean = sum(one.arrival_rate * wait for one, wait in zip(given, waits, strict=True)) / lam
        assert mean == near(plain, rel=1e-7, abs=1e-12)
        assert all(later >= sooner - 1e-12 for sooner, later in pairwise(waits))  # W − 1 is rounded


@pytest.mark.parametrize("preemptive", [False, True])
@pytest.mark.parametrize("n", [1, 3])
def test_one_class_is_first_in_first_out(n: int, preemptive: bool) -> None:
    found = solve(system([Class(0.8 * n, Exponential(1))], n, preemptive=preemptive))
    plain = solve("M/M/1" if n == 1 else "M/M/3", 0.8 * n, 1.0)
    assert (found.L, found.Wq) == (near(plain.L), near(plain.Wq))
    if found.sojourn_tail is not None:
        assert found.sojourn(99) == near(plain.sojourn(99), rel=1e-6)


@pytest.mark.parametrize("preemptive", [False, True])
def test_each_class_obeys_little_and_its_own_tail(preemptive: bool) -> None:
    given = [Class(0.5, Deterministic(0.4)), Class(0.3, Exponential(1)), Class(0.2, Erlang(1, 2))]
    for _, part in solve(system(given, preemptive=preemptive)).parts:
        assert near(part.arrival_rate * part.W) == part.L
        times = np.linspace(0, 60, 901)
        mean = np.trapezoid([part.sojourn_tail(t) for t in times], times)
        assert mean == near(part.W, rel=3e-2)


@pytest.mark.parametrize("n", [2, 5])
def test_the_wait_of_a_class_among_several_workers_is_a_row_of_busy_periods(n: int) -> None:
    given = [Class(0.2 * n, Exponential(1)), Class(0.3 * n, Exponential(1)), Class(0.4 * n, Exponential(1))]
    parts = [part for _, part in solve(system(given, n)).parts]
    for part, before, own in zip(parts, (0, 0.2, 0.5), (0.2, 0.5, 0.9), strict=True):
        later = passage_tail(before * n, n, own)
        for t in (0.1, 1.0, 8.0):
            assert part.wait_tail(t) == near(erlang_c(n, 0.9 * n) * later(t), abs=1e-8)


def simulated(given: list[tuple[float, Law]], count: int, seed: int) -> list[np.ndarray]:
    """Return the waits of each class at one worker who finishes what is begun."""
    generator = np.random.default_rng(seed)
    coming = []
    for k, (rate, law) in enumerate(given):
        work = np.empty(count)
        law.draw(generator, work)
        coming += zip(
            np.cumsum(generator.exponential(1 / rate, count)).tolist(), [k] * count, work.tolist(), strict=False
        )
    coming.sort()
    end = min(max(t for t, k, _ in coming if k == j) for j in range(len(given)))
    waits, room, now, i = [[] for _ in given], [], 0.0, 0
    while now < end:
        if not room:
            now = max(now, coming[i][0])
        while i < len(coming) and coming[i][0] <= now:
            t, k, work = coming[i]
            heapq.heappush(room, (k, t, work))
            i += 1
        k, t, work = heapq.heappop(room)
        waits[k].append(now - t)
        now += work
    return [np.array(found) for found in waits]


def test_a_simple_simulation_finds_the_same_waits_and_tails() -> None:
    given = [(0.4, Uniform(0.5)), (0.3, Erlang(1.0, 2))]
    parts = [part for _, part in solve(system([Class(rate, law) for rate, law in given])).parts]
    for part, waits in zip(parts, simulated(given, 150_000, seed=7), strict=True):
        assert waits.mean() == near(part.Wq, rel=0.04)
        assert (waits > 1e-12).mean() == near(part.p_wait, abs=0.01)
        assert np.quantile(waits, 0.9) == near(part.wait(90), rel=0.04)


def test_in_overload_the_urgent_are_served_and_the_last_grow() -> None:
    found = solve_priorities(
        system([Class(1, Exponential(0.25)), Class(4, Exponential(0.25)), Class(1, Exponential(0.25))])
    )
    urgent, middle, last = (part for _, part in found.parts)
    assert urgent.stable
    # the worker never rests, so W0 is the rest of an exponential: 1/4 s
    assert urgent.Wq == near(0.25 / (1 - 0.25))
    assert (middle.growth, last.growth, found.growth) == (near(1), near(1), near(2))
    assert found.throughput == near(4)
    assert math.inf == middle.W
    assert "grows by 2" in str(found)


def test_an_urgent_class_that_interrupts_knows_nothing_of_the_others() -> None:
    alone = solve("M/M/2", 1.2, 1.0)
    for others in (0.1, 0.7, 5.0):
        urgent = preemptive_sojourns([Class(1.2, Exponential(1)), Class(others, Exponential(1))], 2)[0]
        assert urgent == near(alone.W)


def test_several_workers_need_one_service() -> None:
    mixed = [Class(1, Exponential(0.25)), Class(1, Exponential(0.5))]
    with pytest.raises(UsageError, match="one exponential service"):
        nonpreemptive_waits(mixed, 2)
    with pytest.raises(UsageError, match="no formula is known"):
        solve(system(mixed, 2))


def test_two_moments_give_means_but_no_percentiles() -> None:
    found = solve(system([Class(1, General(0.2, 2)), Class(1, General(0.3, 0.5))]))
    assert found.Wq > 0
    assert found.wait(99) is None
    assert any("percentiles" in note for note in found.notes)


@given(classes, st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=25)
def test_tails_fall_from_the_share_that_waits_to_nothing(given: list[Class], rho: float) -> None:
    for _, part in solve(system(scaled(given, rho))).parts:
        assert part.wait_tail(0) == near(rho)
        values = [part.wait_tail(t * part.W) for t in (0, 0.3, 1, 3, 10, 100)]
        assert all(a >= b - 2e-3 for a, b in itertools.pairwise(values))
        assert part.wait_tail(300 * part.W) < 1e-6


@pytest.mark.parametrize("order", [Discipline.FIFO, Discipline.LIFO, Discipline.RANDOM])
def test_classes_that_are_not_served_by_priority_are_not_answered_as_if_they_were(order: Discipline) -> None:
    given = [Class(1, Exponential(0.1)), Class(2, Exponential(0.2))]
    with pytest.raises(UsageError, match="no formula is known"):
        solve(replace(system(given), discipline=order))


def test_classes_that_do_not_come_at_random_are_not_answered_as_if_they_did() -> None:
    given = [Class(1, Exponential(0.1)), Class(2, Exponential(0.2))]
    with pytest.raises(UsageError, match="no formula is known"):
        solve(replace(system(given), arrivals=Deterministic(1 / 3)))


def test_a_class_of_which_nobody_comes_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody comes"):
        solve("M/M/1", classes=("0/s 1s", "1/s 100ms"))
