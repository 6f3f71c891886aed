from __future__ import annotations

import math

import pytest

from forebay.disciplines import Discipline
from forebay.theory.laws import Deterministic, Exponential
from forebay.theory.models.steady import asked, growing, markovian, poisson, steady
from forebay.theory.system import Breaking, Class, Retrying, System

PLAIN = {"arrivals": Exponential(1.0), "service": Exponential(0.5)}


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("batch", {"batch": 2}),
        ("population", {"population": 5}),
        ("discipline", {"discipline": Discipline.LIFO}),
        ("patience", {"patience": Deterministic(1.0)}),
        ("classes", {"classes": (Class(1.0, Exponential(0.5)),)}),
        ("retrying", {"retrying": Retrying(Exponential(1.0))}),
        ("breaking", {"breaking": Breaking(Exponential(9.0), Exponential(1.0))}),
    ],
)
def test_what_is_asked_is_named(what, given) -> None:
    assert asked(System(**PLAIN, **given)) == {what}


def test_limits_a_backlog_and_first_in_first_out_are_not_asked_beside() -> None:
    assert not asked(System(**PLAIN, n=3, q=8, backlog=100))
    assert not asked(System(**PLAIN, discipline=Discipline.PRIORITY))


def test_poisson_and_markovian_look_at_the_laws() -> None:
    assert markovian(System(**PLAIN))
    assert poisson(System(Exponential(1.0), Deterministic(0.5)))
    assert not markovian(System(Exponential(1.0), Deterministic(0.5)))
    assert not poisson(System(Deterministic(1.0), Exponential(0.5)))


def test_the_rest_follows_from_the_wait_by_littles_law() -> None:
    found = steady(System(**PLAIN, n=2, q=3), "formula", "source", Wq=0.25, loss=0.2)
    assert (found.W, found.L, found.Lq) == pytest.approx((0.75, 0.6, 0.2))
    assert (found.throughput, found.utilization) == pytest.approx((0.8, 0.2))
    assert found.system == "M/M/2/3"


def test_a_growing_system_has_no_finite_time() -> None:
    found = growing(System(Exponential(0.2), Exponential(0.5)), "formula", "source", 3.0)
    assert found.L == found.W == found.wait(50) == found.sojourn(99) == math.inf
    assert found.throughput == pytest.approx(2.0)
