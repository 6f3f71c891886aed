"""Who comes when, with what work: laws, loads by inversion, bursts, traces; and seeds that mean the same for ever."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.profiles.shapes import Line, Sine, Step
from forebay.load.profiles.trace import Trace as Instants
from forebay.theory import (
    Class,
    Deterministic,
    Erlang,
    Exponential,
    General,
    Hyperexponential,
    Markovian,
    Samples,
    System,
    Trace,
    Uniform,
    Varying,
)
from forebay.theory.simulation.draws import QUANTUM, Purpose, Seed
from forebay.theory.simulation.feed import Feed
from forebay.theory.simulation.inversion import Inverse

LAWS = [
    Exponential(2.0),
    Deterministic(2.0),
    Erlang(2.0, 3),
    Hyperexponential(2.0, 4.0),
    Uniform(2.0),
    General(2.0, 0.5),
    Samples.of([1.0, 2.0, 6.0]),
]
WORK = Exponential(1.0)
SINE = Sine(0.0, 100.0, 60.0)


def instants(system, count, seed=1):
    return Feed(system, Seed(seed)).until(most=count).T


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
def test_work_has_the_moments_of_its_law(law):
    work = Feed(System(Exponential(1.0), law), Seed(3)).until(most=200_000).S
    k = len(work)
    spread = math.sqrt((law.moment(2) - law.mean**2) / k)
    assert abs(work.mean() - law.mean) <= 4 * spread + 1e-12
    assert (work**2).mean() == pytest.approx(law.moment(2), rel=0.05)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.letter)
def test_gaps_between_arrivals_have_the_moments_of_their_law(law):
    gaps = np.diff(instants(System(law, WORK), 200_000))
    assert gaps.mean() == pytest.approx(law.mean, rel=0.02)
    assert gaps.var() / gaps.mean() ** 2 == pytest.approx(law.c2, rel=0.05, abs=1e-12)


def test_a_clock_begins_at_0_and_never_drifts():
    T = instants(System(Deterministic(0.1), WORK), 100_000)
    assert T.tolist() == [k * 0.1 for k in range(100_000)]


@given(sizes=st.lists(st.integers(1, QUANTUM), min_size=1, max_size=6), law=st.sampled_from(LAWS))
@settings(deadline=None, max_examples=25)
def test_draws_do_not_depend_on_the_portions_they_are_taken_in(sizes, law):
    whole, pieces = np.empty(sum(sizes)), [np.empty(size) for size in sizes]
    Seed(5).times(law, Purpose.SERVICES)(whole)
    stream = Seed(5).times(law, Purpose.SERVICES)
    for piece in pieces:
        stream(piece)
    assert np.array_equal(whole, np.concatenate(pieces))


@given(
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=6), batch=st.integers(1, 4), backlog=st.integers(0, 50)
)
@settings(deadline=None, max_examples=25)
def test_arrivals_do_not_depend_on_the_portions_they_are_taken_in(sizes, batch, backlog):
    system = System(Varying(SINE), WORK, batch=batch, backlog=backlog)
    feed = Feed(system, Seed(2))
    pieces = [feed.next(size).T.copy() for size in sizes]
    assert np.array_equal(instants(system, sum(sizes), seed=2), np.concatenate(pieces))


def test_another_number_of_workers_meets_the_same_customers():
    few, many = (Feed(System(Exponential(1.0), WORK, n, patience=WORK), Seed(4)).until(most=1000) for n in (1, 5))
    assert np.array_equal(few.T, many.T)
    assert np.array_equal(few.S, many.S)
    assert np.array_equal(few.patience, many.patience)


def test_another_law_of_work_does_not_shift_the_arrivals():
    one, other = (instants(System(Exponential(1.0), law), 1000) for law in (WORK, Hyperexponential(1.0, 4.0)))
    assert np.array_equal(one, other)


def test_purposes_and_replications_have_numbers_of_their_own():
    found = [Seed(1, r).generator(purpose).random() for r in range(3) for purpose in Purpose]
    assert len(set(found)) == len(found)


def test_a_clock_of_a_wave_brings_in_each_second_what_the_integral_says():
    T = instants(System(Varying(SINE, poisson=False), WORK), 30_000)
    seconds = np.arange(600)
    counts = np.histogram(T, bins=np.arange(601))[0]
    expected = [SINE.cumulative(s + 1) - SINE.cumulative(s) for s in seconds]
    assert np.abs(counts - expected).max() <= 1


def test_poisson_arrivals_of_a_wave_have_dispersion_1():
    T = instants(System(Varying(SINE), WORK), 300_000)
    whole = int(T[-1])
    counts = np.histogram(T, bins=np.arange(whole + 1))[0]
    expected = np.array([SINE.cumulative(s + 1) - SINE.cumulative(s) for s in range(whole)])
    z = (counts - expected) / np.sqrt(expected)
    assert (z**2).mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / whole))
    assert z.mean() == pytest.approx(0.0, abs=4 / math.sqrt(whole))


LOADS = st.one_of(
    st.builds(Sine, st.just(0.0), st.floats(0.5, 1e4), st.floats(0.1, 1e4), st.floats(0, 50)),
    st.builds(Line, st.floats(0, 100), st.floats(0.1, 100), st.floats(0.1, 1e3)),
    st.builds(Step, st.floats(0, 10), st.floats(20, 100), st.floats(1, 30), st.floats(0.1, 1e3)),
)


@given(load=LOADS, upto=st.floats(1, 5000))
@settings(deadline=None, max_examples=60)
def test_the_inverse_of_a_load_is_exact_to_a_millionth_of_a_customer(load, upto):
    brought = load.cumulative(load.span) if math.isfinite(load.span) else math.inf
    x = np.linspace(0, min(upto, brought * (1 - 1e-9)), 500)
    t = Inverse(load)(x)
    assert (np.diff(t) >= 0).all()
    assert np.array([load.cumulative(float(one)) for one in t]) == pytest.approx(x, rel=1e-9, abs=1e-6)


def test_a_load_that_jumps_at_every_customer_is_refused_and_not_followed_for_hours():
    jumping = Instants(tuple(np.cumsum(np.random.default_rng(1).exponential(size=4000))))
    with pytest.raises(UsageError, match="jumps too often") as caught:
        Inverse(jumping)
    assert "--in FILE" in caught.value.hint


@dataclass(frozen=True)
class Spells:
    """10 a second in the first second of every ten, nobody else."""

    def rate(self, t: float) -> float:
        return 10.0 if t % 10 < 1 else 0.0

    def cumulative(self, t: float) -> float:
        return 10 * (t // 10 + min(t % 10, 1.0))


def test_nobody_comes_while_the_rate_is_0():
    T = Inverse(Spells())(np.arange(1, 1000) / 7)
    assert ((T % 10 <= 1 + 1e-6) | (T % 10 > 10 - 1e-6)).all()


def test_a_load_that_ends_brings_nobody_more():
    assert Inverse(Line(10, 0, 5.0))(np.array([24.9, 26.0]))[1] == np.inf
    T = Feed(System(Varying(Line(10, 0, 5.0), poisson=False), WORK), Seed(1)).until().T
    assert (len(T), T[0]) == (26, 0.0)
    assert T[-1] == pytest.approx(5.0)


class Negative:
    period = 1.0

    def rate(self, t: float) -> float:
        return -1.0

    def cumulative(self, t: float) -> float:
        return -t


class Nobody(Negative):
    def rate(self, t: float) -> float:
        return 0.0

    cumulative = rate


@pytest.mark.parametrize(("load", "said"), [(Negative(), "not possible"), (Nobody(), "brings nobody")])
def test_a_load_that_cannot_be_is_refused(load, said):
    with pytest.raises(UsageError, match=said):
        Feed(System(Varying(load), WORK), Seed(1))


def test_bursts_have_the_rate_and_the_dispersion_of_their_matrices():
    bursts = Markovian(((-101.0, 1.0), (1.0, -1.0)), ((100.0, 0.0), (0.0, 0.0)), "MMPP")
    T = instants(System(bursts, WORK), 400_000)
    counts = np.histogram(T, bins=np.arange(0, T[-1], 20.0))[0]
    assert len(T) / T[-1] == pytest.approx(50.0, rel=0.05)
    # IDC(t) = 1 + 50 (1 - (1 - e^(-2t))/2t) of an on-off process; 51 for ever
    assert counts.var() / counts.mean() == pytest.approx(1 + 50 * (1 - 1 / 40), rel=0.2)


def test_a_chain_whose_arrivals_change_its_phase_is_followed():
    erlang = Markovian(((-4.0, 4.0), (0.0, -4.0)), ((0.0, 0.0), (4.0, 0.0)), "E2 as MAP")
    gaps = np.diff(instants(System(erlang, WORK), 100_000))
    assert gaps.mean() == pytest.approx(0.5, rel=0.02)
    assert gaps.var() / gaps.mean() ** 2 == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    "broken",
    [
        Markovian(((-1.0, 0.5), (1.0, -1.0)), ((0.0, 0.0), (0.0, 0.0))),
        Markovian(((-1.0, 1.0), (1.0, -1.0)), ((0.0, 0.0), (0.0, 0.0))),
        Markovian(((-1.0, -1.0), (1.0, -1.0)), ((2.0, 0.0), (0.0, 0.0))),
    ],
)
def test_matrices_that_are_not_a_chain_are_refused(broken):
    with pytest.raises(UsageError, match="is not a MAP"):
        Feed(System(broken, WORK), Seed(1))


def test_a_trace_comes_as_it_was_measured_and_ends():
    feed = Feed(System(Trace((0.5, 1.0, 4.0)), WORK), Seed(1))
    assert feed.next(2).T.tolist() == [0.5, 1.0]
    assert feed.next(2).T.tolist() == [4.0]
    assert len(feed.next(2)) == 0


def test_works_of_a_trace_are_taken_in_order_and_end_the_feed():
    feed = Feed(System(Exponential(1.0), WORK), Seed(1), works=[3.0, 1.0, 2.0])
    assert feed.next(2).S.tolist() == [3.0, 1.0]
    assert feed.next(2).S.tolist() == [2.0]


def test_a_backlog_stands_there_at_0_and_batches_come_together():
    T = instants(System(Deterministic(1.0), WORK, batch=2, backlog=3), 9)
    assert T.tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 2]


def test_classes_come_with_their_shares_and_bring_their_own_work():
    classes = (Class(1.0, Deterministic(0.25)), Class(3.0, Deterministic(0.5)))
    batch = Feed(System(Exponential(0.25), WORK, classes=classes), Seed(1)).until(most=100_000)
    assert np.mean(batch.priority == 0) == pytest.approx(0.25, abs=0.01)
    assert np.array_equal(batch.S, np.where(batch.priority == 0, 0.25, 0.5))


def test_all_who_come_before_an_instant_are_found():
    system = System(Exponential(0.01), WORK)
    T = Feed(system, Seed(1)).until(100.0).T
    more = instants(system, len(T) + 1)
    assert np.array_equal(T, more[:-1])
    assert T[-1] < 100.0 <= more[-1]


def test_a_finite_population_thinks_by_a_law_only():
    with pytest.raises(UsageError, match="law of a time to think"):
        Feed(System(Trace((1.0,)), WORK, population=3), Seed(1))
