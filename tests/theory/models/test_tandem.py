from __future__ import annotations

import math

import numpy as np
import pytest

from forebay.theory.laws import Exponential
from forebay.theory.notation import read_tandem
from forebay.theory.solving import solve
from forebay.theory.system import System

near = pytest.approx


def test_stations_with_poisson_departures_are_as_if_alone() -> None:
    row = solve("M/M/2 -> M/M/1 -> M/M/3", 1.5, [0.8, 0.5, 1.2])
    alone = [solve("M/M/2", 1.5, 0.8), solve("M/M/1", 1.5, 0.5), solve("M/M/3", 1.5, 1.2)]
    assert row.exact
    assert near(sum(one.L for one in alone)) == row.L
    assert near(sum(one.W for one in alone)) == row.W
    assert near(row.arrival_rate * row.W) == row.L
    assert row.p0 == near(math.prod(one.p0 for one in alone))
    assert [name for name, _ in row.parts] == ["station 1", "station 2", "station 3"]
    assert row.notes == ("station 2 is the busiest",)
    assert row.utilization == near(0.75)


def test_two_single_workers_take_the_sum_of_two_independent_exponential_times() -> None:
    row = solve("M/M/1 -> M/M/1", 0.5, [1.0, 0.8])
    a, b = 1 - 0.5, 1 / 0.8 - 0.5
    for t in (0.5, 3.0, 12.0):
        assert row.sojourn_tail(t) == near((b * math.exp(-a * t) - a * math.exp(-b * t)) / (b - a), abs=1e-8)


def test_two_equal_stations_take_erlangs_time() -> None:
    row = solve("M/M/1 -> M/M/1", 0.5, 1.0)
    assert row.sojourn_tail(4.0) == near(math.exp(-2) * 3, abs=1e-8)


def test_the_whole_time_through_several_workers_has_the_mean_of_its_tail() -> None:
    row = solve("M/M/3 -> M/M/1 -> M/M/2", 2.0, [1.0, 0.3, 0.7])
    t = np.linspace(0, 60, 2000)
    assert np.trapezoid([row.sojourn_tail(x) for x in t], t) == near(row.W, rel=1e-3)


def test_times_at_stations_with_several_workers_in_the_middle_depend_on_each_other() -> None:
    row = solve("M/M/1 -> M/M/2 -> M/M/1", 0.5, 1.0)
    assert row.exact
    assert row.sojourn(99) is None


def test_other_work_is_linked_by_two_moments_and_says_so() -> None:
    row = solve("M/D/1 -> M/M/1", 0.8, 1.0)
    assert not row.exact
    assert "two moments" in row.error
    poisson = solve("M/M/1", 0.8, 1.0)
    assert row.parts[1][1].Wq < poisson.Wq  # a clock at work sends out more evenly than chance
    assert row.parts[0][1].Wq == near(solve("M/D/1", 0.8, 1.0).Wq)


def test_what_is_lost_at_the_first_does_not_come_to_the_second() -> None:
    row = solve("M/M/1/2 -> M/M/1", 2.0, [1.0, 0.5])
    first = solve("M/M/1/2", 2.0, 1.0)
    assert row.throughput == near(first.throughput)
    assert row.loss == near(first.loss)
    assert row.parts[1][1].arrival_rate == near(first.throughput)


def test_the_narrowest_station_decides_what_comes_out() -> None:
    row = solve("M/M/1 -> M/M/1 -> M/M/1", 3.0, [0.5, 1.0, 0.4])
    assert row.throughput == near(1)
    assert row.growth == near(2)
    assert "grows by 2" in str(row)


def test_a_row_may_be_given_as_systems() -> None:
    stations = read_tandem("M/M/1 -> M/M/1", 0.5, 1.0)
    assert near(solve("M/M/1 -> M/M/1", 0.5, 1.0).W) == solve(stations).W
    assert near(solve("M/M/1", 0.5, 1.0).W) == solve([System(Exponential(2), Exponential(1))]).W
