from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory import (
    Deterministic,
    Erlang,
    General,
    Hyperexponential,
    Sine,
    Unkeepable,
    evolve,
    plan,
    pointwise,
    solve,
)
from forebay.theory.planning.checking import check
from forebay.theory.planning.outlook import Demand, look

near = pytest.approx
WAVE = Sine(50, 50, 60)


@pytest.mark.parametrize(("n", "q"), [(6, 26), (7, 14)])
def test_the_fewest_places_are_those_of_the_textbook_formula(n, q):
    """Source: D. Gross, C. M. Harris, "Fundamentals of Queueing Theory", section 2.5, computed two ways."""
    assert plan(50, 0.1, ["loss<0.1%"], n=n).q == q


@settings(max_examples=10, deadline=None)
@given(load=st.floats(0.5, 30), seconds=st.floats(0.5, 3), loss=st.floats(0.0005, 0.2))
def test_one_worker_or_one_place_less_breaks_a_promise_of_a_steady_load(load, seconds, loss):
    found = plan(load, 1.0, [f"wait p95<{seconds:.3f}s", f"loss<{loss:.5f}"])
    limits = (round(seconds, 3), round(loss, 5))

    def keeps(n, q):
        answer = solve(f"M/M/{n}/{q:.0f}", load, 1.0)
        return answer.loss < limits[1] and answer.wait(95) < limits[0]

    assert keeps(found.n, found.q)
    assert found.q == 0 or solve(f"M/M/{found.n}/{found.q - 1:.0f}", load, 1.0).loss >= limits[1]
    assert found.n == 1 or not any(keeps(found.n - 1, q) for q in range(100))


def test_one_worker_or_one_place_less_breaks_a_promise_of_a_wave():
    found = plan(WAVE, 0.08, ["p99<5s", "loss<0.1%"])
    with_them, a_place_less = (
        evolve(WAVE, 0.08, found.n, q, seconds=60, periodic=True) for q in (found.q, found.q - 1)
    )
    assert with_them.loss < 0.001 <= a_place_less.loss
    assert with_them.sojourn(99) < 5
    a_worker_less = [evolve(WAVE, 0.08, found.n - 1, q, seconds=60, periodic=True) for q in (300, 375, 450)]
    assert all(one.loss >= 0.001 or one.sojourn(99) >= 5 for one in a_worker_less)
    assert (found.n, found.q) == (7, 207)


def test_a_simulation_of_the_plan_finds_what_was_promised():
    found = plan(WAVE, 0.08, ["p99<2s", "utilisation<90%"])
    simulated = check(found, seed=3, customers=150_000)
    assert found.values["sojourn p99"] in simulated["sojourn p99"]
    assert found.values["utilisation"] == near(simulated["utilisation"].value, rel=0.02)
    steady = plan(50, Deterministic(0.1), ["wait p95<50ms", "wait mean<1s", "mean<1s"])
    for name, estimate in check(steady, seed=1, customers=150_000).items():
        assert steady.values[name] == near(estimate.value, rel=0.06), name
    once = plan(50, 0.1, ["wait p95<1s"], n=7, seconds=60)
    assert once.values["wait p95"] == near(check(once, seed=2)["wait p95"].value, rel=0.06)


@pytest.mark.parametrize(("n", "backlog"), [(6, 20), (7, 300)])
def test_a_simulation_behind_a_backlog_counts_whom_the_equations_count_those_who_come(n, backlog):
    promised = ["wait p95<1m", "p99<1m", "mean<1m", "wait mean<1m"]
    found = plan(50, 0.1, promised, n=n, seconds=60, backlog=backlog)
    for name, estimate in check(found, seed=2).items():
        assert found.values[name] == near(estimate.value, rel=0.05), name


@settings(max_examples=15, deadline=None)
@given(seconds=st.floats(0.5, 2), more=st.floats(0, 2))
def test_a_harder_promise_never_takes_fewer_workers(seconds, more):
    hard, easy = (plan(20, 0.2, [f"p95<{limit + 0.61:.3f}s"]).n for limit in (seconds, seconds + more))
    assert hard >= easy


@pytest.mark.parametrize("law", [Deterministic(0.1), Erlang(0.1, 3), Hyperexponential(0.1, 4.0), General(0.1, 2.0)])
def test_every_law_of_work_is_planned_for(law):
    steady = plan(50, law, ["wait p95<100ms", "loss<1%"])
    assert {promise.name for promise in steady.promises} == set(steady.values)
    assert all(promise.kept(steady.values[promise.name]) for promise in steady.promises)
    wave = plan(Sine(50, 50, 10), law, ["p95<2s"])
    assert wave.values["sojourn p95"] < 2
    assert not wave.outlook.exact
    assert wave.outlook.error


def test_where_no_formula_is_known_another_work_on_the_safe_side_is_taken_and_told():
    found = plan(50, Deterministic(0.1), ["backlog<10"])
    assert not found.outlook.exact
    assert "exponential work in its place: on the safe side" in str(found)
    assert found.n == plan(50, 0.1, ["backlog<10"]).n
    assert plan(50, 0.1, ["backlog<10"]).outlook.exact


def test_without_a_promised_loss_nothing_is_refused_unless_places_are_given():
    assert math.isinf(plan(50, 0.1, ["p99<500ms"]).q)
    assert math.isinf(plan(50, 0.1, ["p99<500ms", "loss<=0%"]).q)
    given_places = plan(50, 0.1, ["loss<1%"], q=0)
    assert (given_places.n, given_places.q) == (11, 0)
    assert given_places.values["loss"] == near(solve("M/M/11/0", 50.0, 0.1).loss)


def test_what_steady_states_would_have_said_of_a_wave_stands_beside_the_plan():
    found = plan(Sine(A=50, B=50, T=60), 0.08, ["p99<5s", "loss<0.1%"])
    psa, mol = found.instead
    assert (psa.name, mol.name) == ("pointwise", "modified offered load")
    expected = pointwise(Sine(A=50, B=50, T=60), 0.08, found.n, found.q, seconds=60)
    assert psa.values == {"sojourn p99": near(expected.sojourn(99)), "loss": near(expected.loss)}
    assert psa.values["loss"] > 30 * found.values["loss"]  # no moment takes the backlog of the one before
    assert "pointwise: sojourn p99 2.74s, loss 3.811%" in str(found)
    assert found.as_dict()["instead"]["modified offered load"] == mol.values
    assert plan(50, 0.08, ["p99<5s"]).instead == ()
    assert plan(Sine(A=500, B=500, T=3600), 0.08, ["p99<5s"]).instead == ()  # beside the fluid they would take minutes


def test_a_steady_state_that_there_is_not_beside_a_plan_says_why():
    found = plan(Sine(A=50, B=50, T=60), 0.08, ["p99<5s"])
    assert found.as_dict()["instead"]["pointwise"] is None
    assert "pointwise: 100 a second exceed the capacity of 87.5/s" in str(found)


def test_the_places_of_a_day_at_tens_of_thousands_a_second_take_few_looks(monkeypatch):
    looks = itertools.count()

    def counted(*args, **given):
        assert next(looks) < 200, "the search goes one place at a time"
        return look(*args, **given)

    monkeypatch.setattr("forebay.theory.planning.search.look", counted)
    found = plan(Sine(A=25_000, B=25_000, T=86_400), 0.08, ["p99<5s", "loss<0.1%"])
    assert found.values["loss"] < 0.001
    assert found.n < found.unlevelled


def test_a_backlog_that_grows_for_ever_is_no_plan_though_it_loses_nobody():
    found = plan(50, 0.1, ["loss<0.1%"], q=math.inf)
    assert found.n == 6
    assert [row["breaks"] for row in found.table()] == ["grows for ever", "<- the plan", ""]
    wave = plan(Sine(A=50, B=50, T=60), 0.08, ["loss<0.1%"], q=math.inf)
    assert wave.n == 5  # 4 do 50 a second, just as many as come
    with pytest.raises(Unkeepable, match="with 5 workers the backlog grows for ever"):
        plan(50, 0.1, ["loss<0.1%"], n=5, q=math.inf)


def test_the_mean_rate_is_not_enough_and_the_peak_is_more_than_needed():
    found = plan(WAVE, 0.08, ["p99<5s", "loss<0.1%"], cost=0.04)
    assert WAVE.B * 0.08 < found.n < found.square_root < found.unlevelled
    assert found.saved == near(0.04 * (18 - 7))
    assert "0.28 an hour, 204 a month; 0.44 less an hour than without a queue" in str(found)


def test_a_backlog_drains_at_what_the_load_leaves_of_the_capacity():
    found = plan(50, 0.1, ["drained<1m"], backlog=5000)
    assert found.n == 14  # 5000/(140 − 50) = 55.6 s, 5000/(130 − 50) = 62.5 s
    assert found.values["drained"] == near(5000 / 90)
    wave = plan(WAVE, 0.08, ["drained<5s"])
    assert wave.drain.seconds < 5 <= plan(WAVE, 0.08, ["p99<1m"], n=wave.n - 1).drain.seconds


def test_the_fluid_drain_of_a_wave_is_that_of_the_closed_form():
    drain = plan(WAVE, 0.1, ["p99<20s"], n=6).drain
    assert drain.peak == near(674.09, rel=1e-3)
    assert drain.seconds == near(17.541, abs=0.15)
    assert drain.at == near(43.077, abs=0.15)


@pytest.mark.parametrize(
    ("promises", "why"),
    [
        (["p99<300ms"], "the work alone takes longer than 300ms in 4.98% of cases"),
        (["mean<100ms"], "the work alone takes 100ms on average"),
    ],
)
def test_what_no_number_of_workers_keeps_is_said_to_be_impossible(promises, why):
    with pytest.raises(Unkeepable, match=why) as told:
        plan(50, 0.1, promises)
    assert "no number of workers makes one piece of work quicker" in told.value.hint


def test_a_number_of_workers_that_does_not_suffice_is_told():
    with pytest.raises(Unkeepable, match="wait p95<10ms cannot be kept: with 6 workers wait p95 is 246ms"):
        plan(50, 0.1, ["wait p95<10ms"], n=6)
    with pytest.raises(Unkeepable, match="with 4 workers wait p95 is inf"):
        plan(50, 0.1, ["wait p95<10s"], n=4)
    with pytest.raises(Unkeepable, match="cannot be kept"):
        plan(50, 0.1, ["wait p95<1s", "loss<0.1%"], n=4)


def test_what_cannot_be_planned_is_refused_with_a_hint():
    with pytest.raises(UsageError, match="nothing is promised"):
        plan(50, 0.1, [])
    with pytest.raises(UsageError, match="no formula knows how many requests fail"):
        plan(50, 0.1, ["failed<1%"])
    with pytest.raises(UsageError, match="0 arrivals a second"):
        plan(0, 0.1, ["p99<1s"])
    with pytest.raises(UsageError, match="repeats for ever"):
        plan(WAVE, 0.1, ["p99<1s"], backlog=5)
    with pytest.raises(UsageError, match="has a length"):
        Demand(WAVE, Deterministic(1.0))


def test_what_is_exactly_the_limit_is_not_below_it_whatever_the_rounding():
    assert plan(50, 0.08, ["utilisation<80%"]).n == 6
    assert plan(50, 0.08, ["utilisation<=80%"]).n == 5


def test_where_the_formula_is_approximate_places_are_as_few_as_it_can_tell():
    found = plan(Sine(500, 500, 60), 0.08, ["p99<5s", "loss<0.1%"])
    assert not found.outlook.exact
    assert found.n == 60
    fewer = evolve(Sine(500, 500, 60), 0.08, found.n, 0.95 * found.q, seconds=60, periodic=True)
    assert fewer.loss >= 0.001 > found.values["loss"]


def test_the_neighbours_say_which_promise_they_break():
    found = plan(50, 0.1, ["p99<500ms", "loss<0.1%"])
    table = {(row["workers"], row["places"]): row["breaks"] for row in found.table()}
    assert table[7, "14"] == "<- the plan"
    assert table[7, "13"] == "loss<0.1%"
    assert table[6, "14"] == "sojourn p99<500ms, loss<0.1%"
    assert table[7, "28"] == table[8, "14"] == ""
    form = found.as_dict()
    assert (form["workers"], form["places"], form["arrivals"]) == (7, 14, "poisson")
    assert [one["promise"] for one in form["promises"]] == ["sojourn p99<500ms", "loss<0.1%"]
    assert plan(50, 0.1, ["p99<500ms"]).as_dict()["places"] is None
