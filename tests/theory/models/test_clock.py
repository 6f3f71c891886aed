from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory.laws import Deterministic
from forebay.theory.models.clock import clock_cycle
from forebay.theory.solving import solve
from forebay.theory.system import System

near = pytest.approx
half = Fraction(1, 2)


@pytest.mark.parametrize(
    ("n", "q", "batch", "waits"),
    [(1, 0, 1, (0,)), (1, 0, 2, (0, None)), (2, 0, 2, (0, 0)), (1, 1, 2, (0, half))],
    ids=["figure 5", "figure 6", "figure 7", "figure 8"],
)
def test_the_figures_of_the_lecture_repeat_every_millisecond(n, q, batch, waits) -> None:
    cycle = clock_cycle(half, batch, n, q)
    assert cycle.waits == waits
    assert cycle.batches == 1


def test_the_answer_tells_each_request_and_how_the_rate_was_read() -> None:
    notes = solve("D/D/1/1", "2/ms", "0.5ms").notes
    assert notes[0] == "2 come together every 1ms; --apart sets them apart evenly"
    assert "request 2 of 2: waits 500us, done after 1ms" in notes
    assert "request 2 of 2: lost" in solve("D/D/1/0", "2/ms", "0.5ms").notes


def test_evenly_spaced_requests_need_no_place_to_wait() -> None:
    found = solve("D/D/1/0", "2/ms", "0.5ms", apart=True)
    assert (found.loss, found.utilization, found.Wq) == (0, near(1), 0)


fractions = st.fractions(Fraction(1, 8), 6, max_denominator=8)


def slowly(service: Fraction, batch: int, n: int, q: float, batches: int) -> list[Fraction | None]:
    """Return the waits by looking at every worker: the first that is free takes the next."""
    free, ends, waits = [Fraction(0)] * n, [], []
    for now in range(batches):
        for _ in range(batch):
            inside = sum(end > now for end in ends)
            if inside >= n + q:
                waits.append(None)
                continue
            worker = min(range(n), key=free.__getitem__)
            start = max(free[worker], Fraction(now))
            free[worker] = start + service
            ends.append(free[worker])
            waits.append(start - now)
    return waits


@given(fractions, st.integers(1, 4), st.integers(1, 3), st.integers(0, 4))
@settings(deadline=None, max_examples=60)
def test_the_cycle_is_what_happens_worker_by_worker(service: Fraction, batch: int, n: int, q: int) -> None:
    cycle = clock_cycle(service, batch, n, q)
    assert cycle.complete
    batches = cycle.batches + 60
    waits = slowly(service, batch, n, q, 2 * batches)
    assert tuple(waits[-len(cycle.waits) :]) in [
        cycle.waits[k * batch :] + cycle.waits[: k * batch] for k in range(cycle.batches)
    ]


@given(fractions, st.integers(1, 4), st.integers(1, 3), st.integers(0, 4))
def test_the_closed_form_says_when_nothing_is_lost(service: Fraction, batch: int, n: int, q: int) -> None:
    if batch <= n + q and math.ceil(batch / n) * service <= 1:
        assert clock_cycle(service, batch, n, q).loss == 0
    if batch > n + q:
        assert clock_cycle(service, batch, n, q).loss > 0


@given(fractions, st.integers(1, 4), st.integers(1, 3), st.integers(0, 4))
@settings(deadline=None)
def test_a_place_more_loses_no_more(service: Fraction, batch: int, n: int, q: int) -> None:
    tau = 0.001
    few, more = (
        solve(System(Deterministic(tau), Deterministic(float(service) * tau), n, places, batch=batch))
        for places in (q, q + 1)
    )
    assert more.loss <= few.loss + 1e-12
    assert near(few.throughput * few.W) == few.L
    assert few.utilization <= 1 + 1e-12


def test_two_workers_do_not_suffice_for_three_that_overlap_with_the_next_batch() -> None:
    """bs <= n tau and b <= n + q hold, and yet some are lost: the third of a batch is at work when the next comes."""
    service = Fraction(2, 3)
    assert 3 * service <= 2
    assert clock_cycle(service, 3, 2, 1).loss > 0
    assert clock_cycle(service, 3, 2, 2).loss == 0


def test_overload_without_limit_grows_by_what_is_left() -> None:
    found = solve("D/D/2", "5/ms", "0.5ms")
    assert found.growth == near(1000)
    assert not found.stable


def test_a_worker_for_everyone_makes_nobody_wait() -> None:
    found = solve("D/D/inf", "3/ms", "2.5ms")
    assert (found.Wq, found.L) == (0, near(7.5))
