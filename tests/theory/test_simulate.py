"""Simulated systems beside their formulas, waves beside what was known of them, and answers that say what they are."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.load.profiles.shapes import Line, Sine
from forebay.theory import (
    Breaking,
    Class,
    Deterministic,
    Exponential,
    Hyperexponential,
    Markovian,
    Retrying,
    System,
    Trace,
    Varying,
    simulate,
    solve,
)
from forebay.theory.simulation.comparison import Comparison
from forebay.theory.simulation.effort import Effort
from forebay.theory.simulation.estimate import NOTHING, Estimate
from forebay.theory.simulation.stability import offered_rate, overloaded

SECOND = Exponential(1.0)
THREE = System(Exponential(1 / 2.4), SECOND, 3)
MILLION = {"precision": None, "customers": 1_000_000, "seed": 3}


def rate(per_second):
    return Exponential(1 / per_second)


def with_formula():
    return {
        "M/M/1": System(rate(0.8), SECOND),
        "M/M/3": THREE,
        "M/M/3/8": System(rate(2.7), SECOND, 3, 8),
        "M/M/3/0": System(rate(2.0), SECOND, 3, 0),
        "M/M/inf": System(rate(3.0), SECOND, math.inf),
        "M/D/1": System(rate(0.8), Deterministic(1.0)),
        "M/H2/1": System(rate(0.7), Hyperexponential(1.0, 4.0)),
        "Erlang A": System(rate(4.0), SECOND, 3, patience=Exponential(2.0)),
        "M/M/2//10": System(SECOND, Exponential(0.1), 2, population=10),
        "retrials": System(rate(0.5), SECOND, 1, 0, retrying=Retrying(SECOND)),
        "breakdowns": System(rate(0.5), SECOND, 1, breaking=Breaking(Exponential(20.0), Exponential(2.0))),
        "lifo": dataclasses.replace(THREE, discipline=Discipline.LIFO),
        "random": dataclasses.replace(THREE, discipline=Discipline.RANDOM),
        "batches": System(rate(0.25), SECOND, batch=3),
        "bursts": System(Markovian(((-3.0, 1.0), (1.0, -1.0)), ((2.0, 0.0), (0.0, 0.0))), Exponential(0.6)),
    }


@pytest.mark.parametrize("name", with_formula())
def test_a_simulation_agrees_with_the_formula(name):
    system = with_formula()[name]
    comparison = Comparison(simulate(system, **MILLION), solve(system), (50.0, 95.0, 99.0))
    off = {one.name: one.widths for one in comparison.compared if one.widths is not None}
    assert {"W", "L", "throughput"} <= off.keys()
    assert max(map(abs, off.values())) < 2.5, off


def test_priorities_agree_with_the_formula_class_by_class():
    hour = 3600.0
    classes = (Class(1 / hour, Exponential(hour / 12)), Class(9 / hour, Exponential(hour / 12)))
    system = System(rate(10 / hour), Exponential(hour / 12), discipline=Discipline.PRIORITY, classes=classes)
    found = simulate(system, **MILLION)
    waits = [part.Wq for _, part in found.parts]
    assert [one.value / hour for one in waits] == pytest.approx([0.0757576, 0.4545455], rel=0.03)
    assert waits[0].relative < 0.03
    together = sum(part.customers * part.Wq.value for _, part in found.parts) / sum(p.customers for _, p in found.parts)
    assert together == pytest.approx(found.Wq.value, rel=0.02)


def test_the_urgent_who_interrupt_hardly_notice_the_others():
    classes = (Class(0.2, Exponential(1 / 3)), Class(0.6, Exponential(1 / 3)), Class(1.2, Exponential(1 / 3)))
    system = System(rate(2.0), Exponential(1 / 3), classes=classes, preemptive=True, discipline=Discipline.PRIORITY)
    found = simulate(system, **MILLION)
    waits = [part.Wq.value for _, part in found.parts]
    assert waits == pytest.approx([0.023810, 0.153680, 1.030303], rel=0.06)
    assert found.p_wait is None
    assert found.utilization.value == pytest.approx(2 / 3, rel=0.01)


@pytest.mark.parametrize(
    ("discipline", "ratio"), [(Discipline.RANDOM, 2 / (2 - 0.8)), (Discipline.LIFO, 1 / (1 - 0.8))]
)
def test_the_second_moment_of_the_wait_depends_on_the_order(discipline, ratio):
    moments = []
    for order in (Discipline.FIFO, discipline):
        path = simulate(dataclasses.replace(THREE, discipline=order), keep_path=True, precision=0.05).path
        waits = path.waits
        moments.append(((waits**2).mean(), waits.mean()))
    assert moments[1][0] / moments[0][0] == pytest.approx(ratio, rel=0.1)
    assert moments[1][1] == pytest.approx(moments[0][1], rel=1e-9)  # work is drawn when it begins


@pytest.mark.parametrize("name", ["M/M/3", "M/M/3/8", "lifo", "random", "Erlang A", "breakdowns", "M/M/2//10"])
def test_the_pure_engine_gives_the_same_numbers(name):
    pytest.importorskip("numba")
    given = {"precision": None, "customers": 50_000, "seed": 5}
    pure, compiled = (simulate(with_formula()[name], compiled=choice, **given) for choice in (False, True))
    assert (pure.engine, compiled.engine) == ("pure", "compiled")
    a, b = pure.as_dict(), compiled.as_dict()
    assert {**a, "engine": ""} == {**b, "engine": ""}


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    a, b, c = (simulate(THREE, precision=0.05, seed=seed).as_dict() for seed in (7, 7, 8))
    assert a == b
    assert a["W"] != c["W"]


def test_a_run_stops_when_it_is_precise_and_says_so():
    found = simulate(THREE, precision=0.03)
    assert found.reached
    assert found.of == "Wq"
    assert found.Wq.relative <= 0.03
    assert found.warmup > 0


def test_a_run_that_is_not_precise_enough_says_so():
    found = simulate(THREE, precision=0.001, customers=200_000)
    assert not found.reached
    assert "not reached" in str(found)
    assert found.customers + found.warmup <= 200_000


def test_those_who_will_give_up_are_in_the_system_as_well():
    """E[N] of the chain of those inside and of those who stay away, some of whom will not come again."""
    system = System(rate(18.0), Exponential(0.15), 2, 3, retrying=Retrying(SECOND, share=0.5))
    found, known = simulate(system, **MILLION), solve(system)
    assert found.loss.value == pytest.approx(known.loss, rel=0.02)
    assert found.L.value == pytest.approx(known.L, rel=0.02)
    assert found.Lq.value == pytest.approx(known.Lq, rel=0.02)


def test_the_time_to_compile_is_no_part_of_the_timeout():
    effort = Effort(0.01, None, 60.0)
    effort._began -= 100
    assert effort.out(1)
    effort.begin()
    assert not effort.out(1)


def test_a_run_too_short_for_a_steady_state_says_nothing_of_it():
    found = simulate(THREE, precision=0.01, customers=100)
    assert (found.reached, found.W, found.customers) == (False, None, 0)
    assert "too short" in str(found)


def test_the_precision_may_be_that_of_another_quantity():
    assert simulate(THREE, precision=0.03, of="W").of == "W"
    with pytest.raises(UsageError, match="not simulated"):
        simulate(THREE, of="rho")


def test_the_precision_of_a_wave_may_be_that_of_another_quantity():
    wave = System(Varying(Sine(0, 100, 10.0)), Exponential(0.1), 6)
    for more in ({}, {"seconds": 10.0}):
        found = simulate(wave, precision=0.1, of="W", **more)
        assert (found.of, found.reached) == ("W", True)
        assert found.W.relative <= 0.1
    with pytest.raises(UsageError, match="Lq is that of a steady state"):
        simulate(wave, seconds=10.0, of="Lq")


def test_waves_that_lose_and_let_nobody_wait_are_precise_in_what_they_lose():
    found = simulate(System(Varying(Sine(0, 100, 10.0)), Exponential(0.1), 6, 0), precision=0.05)
    assert (found.of, found.reached) == ("loss", True)
    assert found.loss.relative <= 0.05


def test_just_as_much_as_can_be_done_is_not_told_as_more():
    found = simulate(System(rate(1.0), SECOND))
    assert not found.stable
    assert found.notes == (
        "just as much comes as can be worked off: at its limit; the backlog grows like the square root of time",
    )


def test_waves_that_never_warm_up_end_when_their_time_is_over():
    breaking = Breaking(Exponential(0.2), Exponential(0.02), redelivery=5.0)  # work is begun anew, again and again
    found = simulate(System(Varying(Sine(0, 100, 60.0)), Exponential(0.1), 6, breaking=breaking), timeout=1e-9)
    assert not found.reached
    assert "had not settled" in found.notes[-1]
    assert found.customers < 1_000_000  # the end of the warm-up would have been looked for in 4096 waves of 3,000


def test_a_share_of_time_is_none_above_1():
    assert Estimate(1.2, 1.1, 1.3).within(0.0, 1.0) == Estimate(1.0, 1.0, 1.0)
    assert math.isnan(NOTHING.within(0.0, 1.0).value)


@pytest.mark.parametrize(
    ("system", "growth"),
    [
        (System(rate(5.0), SECOND, 3), 2.0),
        (System(Varying(Sine(0, 100, 10.0)), Exponential(0.1), 4), 10.0),
        (System(rate(2.0), SECOND, 1, 0, retrying=Retrying(Exponential(0.2))), 1.0),
        (System(rate(0.9), SECOND, breaking=Breaking(Exponential(10.0), Exponential(10.0))), 0.4),
    ],
)
def test_overload_is_told_as_growth_and_not_as_a_mean(system, growth):
    found = simulate(system, seed=2)
    assert not found.stable
    assert found.growth.value == pytest.approx(growth, rel=0.1)
    assert found.W is None
    assert "grows by" in str(found)


def test_overload_that_the_rates_do_not_tell_is_seen_in_the_run():
    breaking = Breaking(Exponential(2.0), Exponential(0.1), redelivery=0.0)
    system = System(rate(0.9), Deterministic(1.5), breaking=breaking, n=1)
    assert overloaded(system)
    hidden = System(rate(0.6), Deterministic(1.5), breaking=breaking, n=1)
    assert not overloaded(hidden)  # 1.5 s of work take longer when it is begun anew
    assert not simulate(hidden, timeout=20).stable


def test_two_clocks_are_exact_to_the_last_customer():
    figure_8 = simulate("D/D/1/1", "2/ms", "0.5ms")
    assert (figure_8.loss.value, figure_8.utilization.value, figure_8.throughput.value) == pytest.approx((0, 1, 2000))
    figure_6 = simulate("D/D/1/0", "2/ms", "0.5ms")
    assert (figure_6.loss.value, figure_6.utilization.value) == pytest.approx((0.5, 0.5))
    tenths = simulate("D/D/1/0", "10/s", "100ms", apart=True)
    assert (tenths.loss.value, tenths.utilization.value) == pytest.approx((0, 1))


def test_waves_rise_as_high_as_was_found_elsewhere():
    """Mean peak 696.8 (fluid: 674.1), its p95 793, mean wait 5.610 s, p99 12.91 s; 1500 waves, other random numbers."""
    found = simulate(System(Varying(Sine(0, 100, 60.0)), Exponential(0.1), 6), precision=0.015, seed=2)
    assert found.reached
    assert found.wave.peak.value == pytest.approx(696.8, abs=3 * found.wave.peak.half)
    assert found.wave.peak_p95.value == pytest.approx(793, abs=25)
    assert found.Wq.value == pytest.approx(5.610, abs=3 * found.Wq.half)
    assert found.wait(99).value == pytest.approx(12.91, abs=0.3)
    assert found.utilization.value == pytest.approx(50 / 60, rel=0.01)
    assert 60 < found.wave.drained.value < 62  # fluid: 45.6 s after the rate passed its mean, at 15 s
    assert max(found.wave.phases, key=lambda phase: phase[2])[0] == pytest.approx(42.5)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("n", "work", "T", "peak", "p95", "wait"),
    [
        (6, Exponential(0.1), 60.0, 696.8, 793, 5.610),
        (6, Deterministic(0.1), 60.0, 689.3, 769, 5.553),
        (60, Deterministic(1.0), 60.0, 689.2, 767, 5.531),
        (15, Exponential(0.2), 60.0, 357.3, 443, 2.080),
        (6, Exponential(0.1), 300.0, 3413.8, 3630, 27.56),
        (15, Deterministic(0.2), 300.0, 1665.5, 1812, 9.761),
    ],
)
def test_waves_of_other_services_rise_as_high_as_was_found_elsewhere(n, work, T, peak, p95, wait):  # noqa: N803
    found = simulate(System(Varying(Sine(0, 100, T)), work, n), precision=0.004, timeout=90)
    assert found.wave.peak.value == pytest.approx(peak, rel=0.01)
    assert found.wave.peak_p95.value == pytest.approx(p95, rel=0.015)
    assert found.Wq.value == pytest.approx(wait, rel=0.015)


def test_a_load_that_rises_is_followed_again_and_again():
    system = System(Varying(Line(1, 100, 30.0)), Deterministic(0.02), 1, q=300)
    found = simulate(system, seconds=30.0, replications=40)
    wave = found.wave
    assert (wave.waves, found.reached) == (40, True)
    came = Line(1, 100, 30.0).cumulative(30.0)
    assert found.arrival_rate.value * 30 == pytest.approx(came, rel=0.05)
    assert wave.peak.value == pytest.approx(300, abs=1)
    assert wave.lost.value == pytest.approx(came * found.loss.value, rel=0.05)
    assert wave.longest_wait.value == pytest.approx(300 * 0.02, abs=0.1)
    assert wave.drained.value == pytest.approx(30 + 6, abs=0.5)


def test_a_backlog_of_clocks_is_worked_off_when_arithmetic_says():
    found = simulate(System(Deterministic(1.0), Deterministic(0.5), backlog=10), seconds=60.0)
    assert found.wave.peak.value == 10  # the eleventh comes at 0 too; one is in work
    assert found.wave.longest_wait.value == 5.0
    assert found.wave.drained.value == 9.5
    assert found.reached


def test_a_trace_is_replayed_as_it_was():
    system = System(Trace((0.0, 1.0, 1.5, 7.0)), SECOND)
    found = simulate(system, works=[2.0, 1.0, 1.0, 0.5], keep_path=True)
    assert found.path.started.tolist() == [0, 2, 3, 7]
    assert found.Wq.value == pytest.approx((1 + 1.5) / 4)
    assert found.wave.peak.value == 2
    more = simulate(dataclasses.replace(system, n=2), works=[2.0, 1.0, 1.0, 0.5], keep_path=True)
    assert (more.path.waits <= found.path.waits).all()


def test_one_worker_more_makes_no_wait_longer():
    three, four = (simulate(dataclasses.replace(THREE, n=n), keep_path=True, precision=0.1).path for n in (3, 4))
    assert np.array_equal(three.arrived, four.arrived)
    assert (four.waits <= three.waits + 1e-9).all()


@pytest.mark.parametrize(
    ("system", "given", "said"),
    [
        (THREE, {"seconds": -1.0}, "not possible"),
        (THREE, {"replications": 3}, "no replications"),
        (THREE, {"seconds": 5.0, "replications": 0}, "nothing would be simulated"),
        (System(Varying(Line(1, 2, 3.0)), SECOND), {}, "no period"),
        (System(SECOND, SECOND, population=3), {"seconds": 5.0}, "no wave"),
        (THREE, {"of": "loss"}, "loss is always 0 here"),
        (THREE, {"of": "abandoned"}, "abandoned is always 0 here"),
        (System(SECOND, SECOND, 1, 2, population=3), {"of": "loss"}, "loss is always 0 here"),
        (System(Trace((0.0, 1.0, 2.0)), SECOND), {"works": [1.0, 1.0]}, "3 arrivals and 2 works"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_hint(system, given, said):
    with pytest.raises(UsageError, match=said) as caught:
        simulate(system, **given)
    assert caught.value.hint


def test_progress_is_told_with_a_shrinking_interval():
    told = []
    simulate(THREE, precision=0.02, progress=lambda customers, estimate: told.append((customers, estimate.relative)))
    assert [customers for customers, _ in told] == sorted(customers for customers, _ in told)
    assert told[-1][1] <= 0.02 < told[0][1]


def test_the_answer_becomes_json_and_a_table():
    found = simulate(System(Varying(Sine(0, 100, 10.0)), Exponential(0.1), 6), precision=0.1)
    plain = json.loads(json.dumps(found.as_dict((50.0, 99.0)), allow_nan=False))
    assert plain["wave"]["peak"]["low"] < plain["wave"]["peak"]["value"] < plain["wave"]["peak"]["high"]
    assert set(plain["wait_percentiles"]) == {"p50", "p99"}
    assert "<table>" in found._repr_html_()
    with pytest.raises(UsageError, match="not a percentile"):
        found.wait(100)


def test_rates_are_those_of_what_comes():
    assert offered_rate(System(rate(2.0), SECOND, batch=3)) == pytest.approx(6.0)
    assert offered_rate(System(Varying(Sine(0, 100, 10.0)), SECOND)) == pytest.approx(50.0)
    assert offered_rate(with_formula()["bursts"]) == pytest.approx(1.0)
    assert offered_rate(System(SECOND, SECOND, population=3)) is None


def test_a_discipline_may_be_given_by_its_name():
    assert System(SECOND, SECOND, discipline="lifo").discipline is Discipline.LIFO
    with pytest.raises(UsageError, match="no discipline"):
        System(SECOND, SECOND, discipline="fastest")
