# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.networks.closed import Station, closed_network
from forebay.theory.networks.jackson import Node, open_network, traffic
from forebay.theory.solving import solve

near = pytest.approx


def mean_values(N: int, demands: list[float], think: float) -> tuple[float, list[float]]:
    """Return X and L of single workers by exact mean value analysis (Reiser and Lavenberg 1980)."""
    L = [0.0] * len(demands)
    for k in range(1, N + 1):
        R = [D * (1 + waiting) for D, waiting in zip(demands, L, strict=True)]
        X = k / (think + sum(R))
        L = [X * r for r in R]
    return X, L


@given(st.integers(1, 60), st.lists(st.floats(0.01, 5), min_size=1, max_size=4), st.floats(0, 20))
@settings(deadline=None, max_examples=40)
def test_single_workers_are_what_mean_value_analysis_finds(N: int, demands: list[float], think: float) -> None:
    found = closed_network(N, [Station(D) for D in demands], think)
    X, L = mean_values(N, demands, think)
    assert found.throughput == near(X, rel=1e-9)
    assert [one.L for one in found.stations] == [near(x, rel=1e-7, abs=1e-12) for x in L]
    assert sum(one.L for one in found.stations) + found.throughput * think == near(N)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_one_station_and_thinking_is_a_finite_source(n: int) -> None:
    found = closed_network(10, [Station(1.0, n)], 5.0)
    source = solve(f"M/M/{n}//10", "5s", 1.0)
    assert found.throughput == near(source.throughput)
    assert near(source.L) == found.stations[0].L
    assert found.response == near(source.W)


def test_few_do_what_they_can_and_many_what_the_bottleneck_can() -> None:
    stations = [Station(0.2, name="web"), Station(0.9, 3, name="database")]
    assert closed_network(1, stations, 2.0).throughput == near(1 / 3.1)
    many = closed_network(600, stations, 2.0)
    assert many.throughput == near(1 / 0.3, rel=1e-6)
    assert many.stations[1].utilization == near(1, rel=1e-6)
    assert many.knee == near(3.1 / 0.3)
    assert many.response == near(600 * 0.3 - 2, rel=1e-5)


def test_workers_without_number_only_delay() -> None:
    with_station = closed_network(7, [Station(0.5), Station(4.0, math.inf)])
    with_thinking = closed_network(7, [Station(0.5)], 4.0)
    assert with_station.throughput == near(with_thinking.throughput)
    assert near(4.0 * with_station.throughput) == with_station.stations[1].L


def test_a_closed_network_prints_and_becomes_json() -> None:
    found = closed_network(5, [Station(1.01, name="broker")])
    assert "broker" in str(found)
    assert json.loads(json.dumps(found.as_dict()))["stations"][0]["name"] == "broker"


@pytest.mark.parametrize(("population", "stations"), [(0, [Station(1.0)]), (1, []), (1, [Station(0.0)])])
def test_a_closed_network_of_nothing_is_refused(population, stations) -> None:
    with pytest.raises(UsageError, match="customers and stations"):
        closed_network(population, stations)


def test_a_row_of_nodes_is_a_row_of_stations() -> None:
    nodes = [Node(0.8, 2, arrival_rate=1.5, onward=(0, 1)), Node(0.5)]
    row = solve("M/M/2 -> M/M/1", 1.5, [0.8, 0.5])
    found = open_network(nodes)
    assert (found.L, found.W, found.p0) == (near(row.L), near(row.W), near(row.p0))


def test_who_fails_comes_again_and_loads_the_station_more() -> None:
    """Each is done with probability 0.8, else it goes once more."""
    found = open_network([Node(0.5, arrival_rate=1.0, onward=(0.2,))])
    assert traffic([Node(0.5, arrival_rate=1.0, onward=(0.2,))]) == [near(1.25)]
    assert near(solve("M/M/1", 1.25, 0.5).L) == found.L
    assert near(found.L) == found.W
    assert found.throughput == near(1)


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ([Node(1.0, arrival_rate=0.5, onward=(1.0,))], "no steady rates"),
        ([Node(1.0)], "no steady rates"),
        ([Node(1.0, arrival_rate=0.5, onward=(0.7, 0.7)), Node(1.0)], "goes on with"),
    ],
)
def test_a_network_that_nobody_can_leave_is_refused(nodes, what) -> None:
    with pytest.raises(UsageError, match=what):
        open_network(nodes)
