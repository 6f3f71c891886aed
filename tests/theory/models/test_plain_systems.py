# ruff: noqa: SIM300 - the letters of the formulas
import math

import pytest

from forebay.disciplines import Discipline
from forebay.theory import Deterministic, Erlang, Exponential, Retrying, System, Trace
from forebay.theory.models.plain import answer, overloaded, plain, plain_poisson, stable

SIMPLE = System(Exponential(0.5), Erlang(1.0, 2), 3)


def test_what_is_asked_besides_is_not_plain():
    assert plain(SIMPLE)
    assert plain(System(Trace((0.0, 1.0, 2.0)), Erlang(1.0, 2), 3))
    assert plain(System(Exponential(0.5), Erlang(1.0, 2), 3, discipline=Discipline.RANDOM))
    for extra in (
        {"batch": 2},
        {"population": 9},
        {"patience": Exponential(1.0)},
        {"retrying": Retrying(SIMPLE.service)},
    ):
        assert not plain(System(Exponential(0.5), Erlang(1.0, 2), 3, **extra))


def test_arrivals_decide_on_poisson_and_load_on_stability():
    assert plain_poisson(SIMPLE)
    assert not plain_poisson(System(Deterministic(0.5), Erlang(1.0, 2), 3))
    assert stable(SIMPLE)
    assert not stable(System(Exponential(1 / 3), Erlang(1.0, 2), 3))


def test_the_rest_follows_by_little():
    got = answer(SIMPLE, "a formula", "a source", Lq=0.5, loss=0.25)
    assert (got.throughput, got.Wq) == (1.5, pytest.approx(1 / 3))
    assert got.L == pytest.approx(2.0)
    assert got.utilization == pytest.approx(0.5)
    assert got.exact
    assert not answer(SIMPLE, "a formula", "a source", Lq=0.5, error="large").exact


def test_overload_is_growth_and_the_critical_load_is_told():
    over = overloaded(System(Exponential(0.25), Erlang(1.0, 2), 3), "f", "s")
    assert (over.growth, over.throughput, over.wait(50)) == (1.0, 3.0, math.inf)
    critical = overloaded(System(Exponential(0.25), Erlang(1.0, 2), 4), "f", "s")
    assert (critical.growth, critical.Wq, critical.stable) == (0.0, math.inf, False)
    assert "square root of time" in str(critical)
