# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential
from forebay.theory.models.batch import batch_states, batch_wait
from forebay.theory.solving import solve
from forebay.theory.system import System

near = pytest.approx


def batched(rho: float, b: int, service, n: int = 1, q: float = math.inf) -> System:
    return System(Exponential(b * service.mean / (rho * n)), service, n, q, batch=b)


@given(st.floats(0.05, 0.95), st.integers(2, 9))
@settings(deadline=None, max_examples=25)
def test_the_chain_of_one_worker_is_the_formula(rho: float, b: int) -> None:
    found = solve(batched(rho, b, Exponential(1)))
    assert found.Wq == near(batch_wait(rho / b, {b: 1.0}, Exponential(1)), rel=1e-8)
    assert found.p0 == near(1 - rho)
    assert found.p_wait == near(1 - (1 - rho) / b)


def test_any_work_goes_by_the_same_transform() -> None:
    chain = solve(batched(0.7, 3, Exponential(1)))
    formula = solve(batched(0.7, 3, Hyperexponential(1, 1)))  # M, but goes the way of any law
    for p in (50, 90, 99):
        assert chain.wait(p) == near(formula.wait(p), rel=1e-5)
        assert chain.sojourn(p) == near(formula.sojourn(p), rel=1e-5)


@pytest.mark.parametrize("service", [Deterministic(1), Erlang(1, 2)])
def test_a_batch_is_served_as_one_long_work(service) -> None:
    """The first of a batch waits as in M/G/1 with the work of all; the others wait for those before them."""
    b, rho = 4, 0.6
    lam = rho / b
    whole = General(b * 1.0, service.c2 / b)
    first = lam * whole.moment(2) / (2 * (1 - rho))
    assert batch_wait(lam, {b: 1.0}, service) == near(first + (b - 1) / 2)


def test_singles_are_the_plain_queue() -> None:
    assert batch_wait(0.8, {1: 1.0}, Deterministic(1)) == near(solve("M/D/1", 0.8, 1.0).Wq)
    assert batch_states(2.4, 1, 1.0, 3, 5)[0] == near(solve("M/M/3/5", 2.4, 1.0).p0)


@given(st.floats(0.1, 2.0), st.integers(2, 5), st.integers(1, 4), st.integers(0, 6))
@settings(deadline=None, max_examples=25)
def test_the_states_balance(rho: float, b: int, n: int, q: int) -> None:
    """The generator, with those that find no place lost and the others of their batch not."""
    K, lam = n + q, rho * n / b
    Q = np.zeros((K + 1, K + 1))
    for k in range(K + 1):
        Q[k, min(k + b, K)] += lam
        if k:
            Q[k, k - 1] += min(k, n)
        Q[k, k] -= Q[k].sum()
    p = batch_states(lam, b, 1.0, n, q)
    assert p @ Q == near(np.zeros(K + 1), abs=1e-12)
    found = solve(batched(rho, b, Exponential(1), n, q))
    assert near(float(p @ np.arange(K + 1))) == found.L
    assert found.throughput == near(float(p @ np.minimum(np.arange(K + 1), n)))


def test_the_tails_have_the_means() -> None:
    found = solve(batched(0.8, 3, Exponential(1), 2, 7))
    t = np.linspace(0, 60, 3000)
    assert np.trapezoid([found.wait_tail(x) for x in t], t) == near(found.Wq, rel=1e-3)
    assert np.trapezoid([found.sojourn_tail(x) for x in t], t) == near(found.W, rel=1e-3)
    assert found.wait_tail(0) == near(found.p_wait)


def test_larger_batches_wait_longer_and_too_many_grow() -> None:
    waits = [solve(batched(0.8, b, Exponential(1), 2)).Wq for b in (2, 3, 5, 9)]
    assert waits == sorted(waits)
    assert waits[0] > solve("M/M/2", 1.6, 1.0).Wq
    assert solve(batched(1.5, 2, Exponential(1), 2)).growth == near(1)
    assert solve(batched(1.5, 2, Deterministic(1))).growth == near(0.5)
    assert batch_wait(1, {2: 1.0}, Exponential(1)) == math.inf
