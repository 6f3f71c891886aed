from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential
from forebay.theory.networks.replication import Routing, replicas
from forebay.theory.solving import solve
from forebay.theory.system import System, Trace

near = pytest.approx


@given(st.integers(1, 3), st.integers(2, 6), st.floats(0.3, 0.95))
@settings(deadline=None, max_examples=20)
def test_one_queue_is_better_than_turns_and_turns_are_better_than_chance(n: int, count: int, rho: float) -> None:
    found = dict(replicas(System(Exponential(1 / (rho * n * count)), Exponential(1), n), count).parts)
    assert found["shared"].Wq < found["round robin"].Wq < found["random"].Wq
    assert found["random"].Wq == near(solve(System(Exponential(1 / (rho * n)), Exponential(1), n)).Wq)
    for one in found.values():
        assert one.arrival_rate == near(rho * n * count)
        assert near(one.arrival_rate * one.W) == one.L
        assert one.utilization == near(rho)


def test_the_head_is_the_routing_that_was_asked_and_the_note_compares() -> None:
    one = System(Exponential(1 / 2.7), Exponential(1))
    for routing in Routing:
        found = replicas(one, 3, str(routing))
        assert found.Wq == dict(found.parts)[str(routing)].Wq
    assert "random: 9s, 3.3 times as long" in replicas(one, 3).notes[0]
    assert replicas(one, 3, "random").system == "3 times M/M/1"
    assert replicas(one, 3).system == "M/M/3"


def test_a_single_replica_is_the_system() -> None:
    one = System(Exponential(2), Erlang(1, 2))
    alone = solve(one)
    assert [part.Wq for _, part in replicas(one, 1).parts] == [near(alone.Wq)] * 3


def test_clocks_in_turn_are_clocks() -> None:
    found = dict(replicas(System(Deterministic(0.4), Exponential(1)), 3).parts)
    assert found["round robin"].Wq == near(solve(System(Deterministic(1.2), Exponential(1))).Wq)
    assert not found["random"].exact  # a clock thinned by chance is known by two moments


def test_too_much_work_grows_everywhere() -> None:
    found = replicas(System(Exponential(0.2), Exponential(1)), 3)
    assert [part.growth for _, part in found.parts] == [near(2)] * 3
    assert math.inf == found.W


@pytest.mark.parametrize(
    ("system", "count", "routing", "what"),
    [
        (System(Exponential(1), Exponential(0.5)), 2, "fastest", "no routing"),
        (System(Exponential(1), Exponential(0.5)), 0, "random", "replicas need"),
        (System(Trace((0.0, 1.0)), Exponential(0.5)), 2, "random", "replicas need"),
        (System(Exponential(1), Exponential(0.5), math.inf), 2, "random", "replicas need"),
    ],
)
def test_what_cannot_be_replicated_is_said(system, count, routing, what) -> None:
    with pytest.raises(UsageError, match=what):
        replicas(system, count, routing)
