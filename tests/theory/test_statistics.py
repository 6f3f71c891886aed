"""Intervals that hold what they promise: Student's t, MSER-5, batches, histograms, the stop rule."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from forebay.errors import UsageError
from forebay.theory import Estimate, System, simulate
from forebay.theory.laws import Exponential
from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block
from forebay.theory.simulation.cells import Times
from forebay.theory.simulation.effort import Effort
from forebay.theory.simulation.estimate import lag_one, of_mean, of_quantile, of_ratio
from forebay.theory.simulation.student import half_width, probability
from forebay.theory.simulation.tally import Sum, Tally
from forebay.theory.simulation.warmup import Series, cut

BUSY = System(Exponential(1 / 0.9), Exponential(1.0))
"""M/M/1 at 90 %: the mean wait is 9."""


def numbers(k, seed=1):
    return np.random.default_rng(seed).standard_normal(k)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_t_of_student_is_that_of_an_independent_hand(confidence):
    for nu in (*range(1, 210), 1000, 10**6):
        assert half_width(confidence, nu) == pytest.approx(stats.t.ppf((1 + confidence) / 2, nu), rel=1e-9)


@given(t=st.floats(0, 50), nu=st.integers(1, 100))
def test_the_probability_of_student_is_that_of_an_independent_hand(t, nu):
    assert probability(t, nu) == pytest.approx(1 - 2 * stats.t.sf(t, nu), abs=1e-12)


@pytest.mark.parametrize(("confidence", "nu"), [(0.0, 5), (1.0, 5), (0.95, 0)])
def test_there_is_no_t_without_a_confidence_or_degrees_of_freedom(confidence, nu):
    with pytest.raises(ValueError):
        half_width(confidence, nu)


def test_the_warm_up_is_cut_where_it_ends():
    means = numbers(1000)
    means[:100] -= 20
    assert 95 <= cut(means) <= 115


def test_a_run_that_is_still_warming_up_has_no_steady_part():
    assert cut(np.linspace(0, 1, 1000)) is None
    assert cut(numbers(8)) is None


def test_what_never_changes_has_no_warm_up():
    assert cut(np.ones(1000)) == 0


def test_the_cut_is_the_one_that_its_definition_gives():
    Y = np.exp(-np.arange(200) / 20) + 0.1 * numbers(200)
    spread = [((Y[d:] - Y[d:].mean()) ** 2).sum() / (200 - d) ** 2 for d in range(195)]
    assert cut(Y) == int(np.argmin(spread))


@given(sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_batches_of_five_do_not_depend_on_the_portions(sizes):
    values = np.random.default_rng(2).integers(0, 9, sum(sizes)).astype(float)
    pieces, whole = Series(), Series()
    for piece in np.split(values, np.cumsum(sizes)[:-1]):
        pieces.add(piece)
    whole.add(values)
    assert np.array_equal(pieces.means, whole.means)
    count = len(values) // whole.size
    assert whole.means == pytest.approx(values[: count * whole.size].reshape(count, whole.size).mean(axis=1))


TIMES = st.lists(st.floats(0, 1e5), min_size=1, max_size=300)


@given(times=TIMES, share=st.floats(0, 1))
def test_a_percentile_is_within_a_cell_of_the_sorted_times(times, share):
    counted = Times.empty(1)
    counted.count(0, np.array(times))
    rank = max(1, math.ceil(share * len(times)))
    true = sorted(times)[rank - 1]
    assert counted.quantile(share).value == pytest.approx(true, rel=1 / 400, abs=2e-9)


@given(times=TIMES, t=st.floats(0, 1e5))
def test_the_share_below_is_counted_but_for_the_cell_of_the_instant(times, t):
    counted = Times.empty(1)
    counted.count(0, np.array(times))
    low, high = (np.mean(np.array(times) <= edge) for edge in (t * (1 - 1 / 400) - 2e-9, t * (1 + 1 / 400) + 2e-9))
    assert low - 1e-12 <= counted.share_below(t)[0] <= high + 1e-12


def test_nothing_counted_has_no_percentile():
    assert math.isnan(Times.empty(1).quantile(0.5).value)
    assert math.isnan(Times.empty(1).share_below(1.0)[0])


def test_a_time_that_comes_again_and_again_is_told_exactly():
    counted = Times.empty(2)
    for row in range(2):
        counted.count(row, np.repeat([0.0, 0.1, 0.7], [30, 50, 20]))
    assert [counted.quantile(share).value for share in (0.2, 0.5, 0.9)] == [0.0, 0.1, 0.7]


def test_a_ratio_over_equal_batches_is_a_mean_with_the_interval_of_student():
    values = numbers(20) + 5
    low, high = stats.t.interval(0.95, 19, loc=values.mean(), scale=stats.sem(values))
    found = of_ratio(values, np.ones(20))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))
    assert of_mean(np.append(values, np.nan)) == found


def test_a_ratio_of_nothing_is_not_known_and_one_batch_has_no_interval():
    assert math.isnan(of_ratio(np.zeros(3), np.zeros(3)).value)
    assert math.isinf(of_ratio(np.ones(1), np.ones(1)).half)


def test_a_quantile_of_few_has_no_end_and_of_many_holds_the_true_one():
    assert math.isinf(of_quantile(numbers(10), 0.95).high)
    held = sum(1.6448536 in of_quantile(numbers(500, seed), 0.95) for seed in range(200))
    assert 180 <= held <= 200


def test_the_correlation_of_neighbours_is_seen():
    assert abs(lag_one(numbers(10_000))) < 0.03
    assert lag_one(np.cumsum(numbers(10_000))) > 0.9
    assert lag_one(np.ones(10)) == 0


def block(k, seed=1):
    """Return customers of whom a tenth is lost and a tenth abandons, in order."""
    source = np.random.default_rng(seed)
    arrived = np.cumsum(source.exponential(1.0, k))
    fate = source.choice([Fate.SERVED, Fate.LOST, Fate.ABANDONED], k, p=[0.8, 0.1, 0.1]).astype(np.int8)
    wait = np.where(fate == Fate.LOST, 0, source.exponential(1.0, k) * (source.random(k) < 0.5))
    started = np.where(fate == Fate.SERVED, arrived + wait, np.nan)
    ended = np.where(fate == Fate.SERVED, started + source.exponential(1.0, k), arrived + wait)
    return Block(np.arange(k), arrived, started, ended, np.zeros(k, np.int32), fate)


def part_of(whole, begin, end):
    names = ("customer", "arrived", "started", "ended", "worker", "fate")
    return Block(*(getattr(whole, name)[begin:end] for name in names))


@pytest.mark.parametrize("portion", [999, 40_960, 200_000])
def test_the_sums_of_a_tally_are_those_of_its_customers(portion):
    whole, tally = block(200_000), Tally()
    for begin in range(0, 200_000, portion):
        tally.add(part_of(whole, begin, begin + portion))
    found = tally.batches()
    first, last = found.warmup, found.warmup + int(found.total(Sum.CAME))
    kept = part_of(whole, first, last)
    accepted, served = kept.fate != Fate.LOST, kept.fate == Fate.SERVED
    assert found.total(Sum.ACCEPTED) == accepted.sum()
    assert found.total(Sum.SERVED) == served.sum()
    assert found.total(Sum.LOST) + found.total(Sum.ABANDONED) == (~served).sum()
    assert found.total(Sum.SOJOURN) == pytest.approx((kept.ended - kept.arrived)[accepted].sum())
    assert found.total(Sum.WORK) == pytest.approx((kept.ended - kept.started)[served].sum())
    assert found.total(Sum.SPAN) == pytest.approx(kept.arrived[-1] - whole.arrived[first - 1])
    p90 = np.quantile((kept.ended - kept.arrived)[accepted], 0.9)
    assert found.sojourns.quantile(0.9).value == pytest.approx(p90, rel=1e-3)


def test_a_share_that_never_was_seen_may_be_as_large_as_three_in_all():
    tally = Tally()
    whole = block(100_000)
    whole.fate[:] = Fate.SERVED
    whole.started[:], whole.ended[:] = whole.arrived, whole.arrived + 1
    tally.add(whole)
    found = tally.batches()
    assert found.share(Sum.LOST, Sum.CAME) == Estimate(0.0, 0.0, 3 / found.total(Sum.CAME))


def covered(seeds, **given):
    return sum(9.0 in simulate(BUSY, seed=seed, **given).Wq for seed in seeds) / len(seeds)


def test_the_interval_of_a_run_of_given_length_holds_the_true_wait():
    assert 0.88 <= covered(range(60), precision=None, customers=400_000) <= 1.0


def test_the_interval_of_a_run_that_stops_when_precise_holds_the_true_wait():
    assert 0.86 <= covered(range(60), precision=0.1) <= 1.0


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_of_400_intervals_93_to_97_in_100_hold_the_true_wait():
    """Batches of 20,000 customers and more are long beside the correlation of the waits: 95 are to be expected.

    Measured, in 400 seeds from 0 and in 400 from 1000: 94.0 and 94.0 with 300,000 customers, 94.8 and 95.0 with a
    million, 98.5 and 94.0 with three. The error of such a share is 1.1, so one of six may well be out.
    """
    assert 0.93 <= covered(range(400), precision=None, customers=1_000_000) <= 0.97


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_of_400_intervals_of_runs_that_stop_when_precise_93_in_100_hold_the_true_wait():
    assert 0.93 <= covered(range(400), precision=0.05) <= 0.97


@pytest.mark.parametrize(
    ("precision", "customers", "said"),
    [(0.0, None, "precision of 0"), (1.5, None, "precision of 1.5"), (None, None, "nothing says"), (None, 0, "nobody")],
)
def test_a_stop_rule_that_cannot_be_is_refused(precision, customers, said):
    with pytest.raises(UsageError, match=said):
        Effort(precision, customers, 60.0)


def test_there_are_few_looks_at_the_interval():
    effort = Effort(0.01, None, 60.0)
    assert effort.next_look(1000, Estimate(1.0, 0.9, 1.1)) == 2000
    assert effort.next_look(1000, Estimate(1.0, 0.9899, 1.0101)) == 1250
    assert Effort(0.01, 1500, 60.0).next_look(1000, Estimate(1.0, 0.9, 1.1)) == 1500
