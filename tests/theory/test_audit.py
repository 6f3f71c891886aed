"""What a simulation does by mistake is caught by the laws that every path obeys."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forebay.theory import Exponential, System, simulate
from forebay.theory.simulation.audit import Books, Broken, audit
from forebay.theory.simulation.engine import open_engine, run
from forebay.theory.simulation.rules import Rules

SECOND = Exponential(1.0)


def broken_paths():
    rules = Rules(n=2, q=3)
    path = run(rules, np.arange(0, 40) / 8, np.full(40, 0.5))
    late = path.arrived[3]
    yield (
        "work begins before",
        dataclasses.replace(path, started=np.where(path.arrived == late, late - 1, path.started)),
    )
    yield "leaves before", dataclasses.replace(path, ended=np.where(path.arrived == late, late - 1, path.ended))
    yield "never leaves", dataclasses.replace(path, fate=np.where(path.arrived == late, 3, path.fate).astype(np.int8))
    yield "idles", dataclasses.replace(path, started=path.started + 0.3, ended=path.ended + 0.3)
    yield "more are in work", dataclasses.replace(path, started=path.arrived)


@pytest.mark.parametrize(("law", "path"), list(broken_paths()), ids=lambda one: one if isinstance(one, str) else "")
def test_a_broken_engine_is_caught(law, path):
    with pytest.raises(Broken, match=law):
        audit(path, Rules(n=2, q=30))


def test_work_that_is_not_done_is_caught():
    path = run(Rules(n=2), np.arange(9.0), np.ones(9))
    audit(path, Rules(n=2), 9.0)
    with pytest.raises(Broken, match="not done the work"):
        audit(path, Rules(n=2), 10.0)


def test_work_that_is_tiny_beside_the_time_is_no_error():
    assert simulate(System(SECOND, Exponential(1e-9)), precision=None, customers=50_000).stable


def test_places_that_are_not_there_are_caught():
    with pytest.raises(Broken, match="more customers are inside"):
        audit(run(Rules(n=1), np.zeros(9), np.ones(9)), Rules(n=1, q=3))


@pytest.mark.parametrize(
    ("share", "law"), [(0.5, "not done the work"), (1.5, "more work than was brought"), (40, "more work than")]
)
def test_the_books_of_a_long_run_catch_work_that_is_not_what_was_brought(share, law):
    rules, works = Rules(n=2), np.ones(9)
    block = open_engine(rules, compiled=False).feed(np.arange(9.0), works)
    Books(rules).add(works, block, 0)
    with pytest.raises(Broken, match=law):
        Books(rules).add(works, dataclasses.replace(block, ended=block.started + share * works), 0)


def test_the_books_of_a_long_run_catch_more_work_than_there_is_time_for():
    block = open_engine(Rules(n=9), compiled=False).feed(np.zeros(9), np.ones(9))
    with pytest.raises(Broken, match="longer than there was time"):
        Books(Rules(n=2)).add(np.ones(9), block, 0)
