# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential
from forebay.theory.models.erlang import erlang_b
from forebay.theory.models.retrial import (
    extended_erlang_b,
    extended_erlang_b_workers,
    orbit,
    redelivered_load,
    retrial_orbit,
)
from forebay.theory.simulation.simulate import simulate
from forebay.theory.solving import solve
from forebay.theory.system import Retrying, System

near = pytest.approx


def retried(lam: float, n: int, q: int, after: float, service=None, **rest) -> System:
    return System(Exponential(1 / lam), service or Exponential(1), n, q, retrying=Retrying(Exponential(after), **rest))


@given(st.floats(0.05, 0.85), st.floats(0.2, 5))
@settings(deadline=None, max_examples=25)
def test_the_formula_of_one_worker_is_the_chain(rho: float, theta: float) -> None:
    found = orbit(rho, 1, 1, 0, theta)
    assert found.away == near(retrial_orbit(rho, Exponential(1), theta), rel=1e-8)
    assert found.busy == near(rho)
    assert found.p0 == near(solve(retried(rho, 1, 0, 1 / theta)).p0, rel=1e-8)


@given(st.integers(1, 4), st.floats(0.1, 0.8))
@settings(deadline=None, max_examples=15)
def test_who_asks_again_at_once_stands_in_a_queue(n: int, rho: float) -> None:
    queue = solve("M/M/n".replace("n", str(n)), rho * n, 1.0)
    away = [orbit(rho * n, 1, n, 0, theta).away for theta in (10, 100, 2000)]
    assert away[0] > away[1] > away[2] > queue.Lq
    assert away[2] == near(queue.Lq, rel=0.02, abs=5e-3)


@given(st.integers(1, 4), st.integers(0, 3), st.floats(0.3, 3))
@settings(deadline=None, max_examples=15)
def test_if_nobody_comes_again_it_is_a_loss(n: int, q: int, a: float) -> None:
    lossy = solve(System(Exponential(1 / a), Exponential(1), n, q))
    gone = solve(retried(a, n, q, 1.0, share=0.0))
    assert gone.loss == near(lossy.loss, rel=1e-9)
    assert near(lossy.L, rel=1e-9) == gone.L


@pytest.mark.parametrize("service", [Deterministic(1), Erlang(1, 2)])
def test_any_work_waits_as_in_the_queue_and_for_the_search(service) -> None:
    queue = solve(System(Exponential(1 / 0.6), service)).Lq
    assert retrial_orbit(0.6, service, 2.0) == near(queue + 0.6 * 0.6 / (2.0 * 0.4))
    assert solve(retried(0.6, 1, 0, 0.5, service)).Lq == near(queue + 0.45)


def test_all_who_come_are_in_l_and_the_served_in_w() -> None:
    found = solve(retried(2.7, 3, 2, 2.0, share=0.5))
    assert near(found.Lq + found.throughput) == found.L
    assert found.throughput == near(found.arrival_rate * (1 - found.loss))
    assert 0 < found.loss < solve("M/M/3/2", 2.7, 1.0).loss
    assert found.throughput * found.W < found.L
    faithful = solve(retried(2.4, 3, 2, 2.0))
    assert near(faithful.arrival_rate * faithful.W) == faithful.L


@pytest.mark.parametrize(
    ("lam", "n", "q", "after", "share"), [(2.7, 2, 1, 6.7, 0.5), (1.6, 2, 0, 0.5, 0.8), (0.9, 1, 3, 1.0, 0.3)]
)
def test_the_wait_of_those_who_are_served_is_the_simulated(
    lam: float, n: int, q: int, after: float, share: float
) -> None:
    system = retried(lam, n, q, after, share=share)
    found, simulated = solve(system), simulate(system, precision=None, customers=100_000, seed=3)
    for name in ("W", "Wq", "p_wait", "loss", "L"):
        estimate = getattr(simulated, name)
        assert abs(getattr(found, name) - estimate.value) < 2 * estimate.half, name


@given(st.integers(1, 3), st.integers(0, 2), st.floats(0.2, 0.9), st.floats(0.0, 0.95))
@settings(deadline=None, max_examples=8)
def test_who_stays_is_who_enters(n: int, q: int, rho: float, share: float) -> None:
    """Long absences are independent: of the attempts that return, the share that ends well is told by two rates."""
    found = orbit(rho * n, 1.0, n, q, 2e-3, share)
    free = 1 - found.inside[-1]
    assert found.staying == near(found.away * free / (1 - share * found.inside[-1]), rel=0.02, abs=1e-9)


def test_a_chain_by_brute_force_agrees() -> None:
    """The generator of (places taken, orbit up to 150), solved as it is."""
    lam, mu, n, q, theta, share, top = 1.5, 1.0, 2, 1, 0.7, 0.8, 150
    states = [(c, j) for j in range(top + 1) for c in range(n + q + 1)]
    index = {state: i for i, state in enumerate(states)}
    Q = np.zeros((len(states), len(states)))
    for (c, j), i in index.items():
        moves = [((c - 1, j), min(c, n) * mu)] if c else []
        if c < n + q:
            moves += [((c + 1, j), lam), ((c + 1, j - 1), j * theta)]
        else:
            moves += [((c, j + 1), lam * share), ((c, j - 1), j * theta * (1 - share))]
        for state, rate in moves:
            if rate and state in index:
                Q[i, index[state]] += rate
                Q[i, i] -= rate
    p = np.linalg.lstsq(np.vstack([Q.T, np.ones(len(states))]), np.eye(len(states) + 1)[-1], rcond=None)[0]
    found = orbit(lam, mu, n, q, theta, share)
    assert found.away == near(sum(j * p[i] for (_, j), i in index.items()), rel=1e-7)
    assert found.busy == near(sum(min(c, n) * p[i] for (c, _), i in index.items()), rel=1e-9)


def test_too_much_work_grows_unless_some_give_up() -> None:
    assert solve(retried(4, 3, 0, 1.0)).growth == near(1)
    assert solve(retried(4, 3, 0, 1.0, share=0.9)).stable
    assert solve(retried(2, 1, 0, 1.0, Deterministic(1.0))).growth == near(1)


def test_more_attempts_lose_fewer_and_without_limit_nobody() -> None:
    losses = [solve(retried(1.6, 2, 0, 5.0, attempts=m)).loss for m in (1, 2, 4, 16, math.inf)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == near(erlang_b(2, 1.6), rel=1e-6)
    assert losses[-1] == 0
    limited = solve(retried(1.6, 2, 0, 5.0, attempts=3))
    assert not limited.exact
    assert "independent" in limited.error


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_the_longer_they_stay_away_the_better_extended_erlang_b(share: float) -> None:
    wrong = []
    for after in (0.5, 5.0, 50.0):
        blocked = orbit(2.0, 1.0, 3, 0, 1 / after, share).inside[-1]
        wrong.append(abs(extended_erlang_b(3, 2.0, share) / blocked - 1))
    assert wrong[0] > wrong[1] > wrong[2]
    assert wrong[2] < 0.05


def test_work_of_any_law_without_places_goes_by_extended_erlang_b() -> None:
    found = solve(retried(2.0, 3, 0, 20.0, Deterministic(1.0)))
    assert found.formula == "extended Erlang B"
    assert (found.loss, found.utilization) == (0, near(2 / 3))
    assert not found.exact


def test_extended_erlang_b_is_erlangs_where_nobody_returns_and_1_where_nothing_holds_them() -> None:
    assert extended_erlang_b(5, 4.0, 0) == near(erlang_b(5, 4.0))
    assert extended_erlang_b(3, 5.0, 1.0) == 1
    n = extended_erlang_b_workers(20.0, 0.01, 0.6)
    assert extended_erlang_b(n, 20.0, 0.6) <= 0.01 < extended_erlang_b(n - 1, 20.0, 0.6)
    with pytest.raises(UsageError, match="not a share"):
        extended_erlang_b_workers(20.0, 1.0, 0.6)


@given(st.floats(0, 0.99), st.integers(1, 30))
def test_the_load_of_redelivery_is_the_sum_of_the_deliveries(p: float, m: int) -> None:
    assert redelivered_load(10, p, m) == near(10 * sum(p**k for k in range(m)))
    assert redelivered_load(10, 1, m) == 10 * m


@pytest.mark.parametrize(("after", "wrong"), [(0.5, 0.5), (2.0, 0.22), (10.0, 0.07)])
def test_limited_attempts_are_no_more_wrong_than_they_say(after: float, wrong: float) -> None:
    system = retried(1.6, 2, 1, after, attempts=3)
    found, simulated = solve(system), simulate(system, precision=None, customers=300_000)
    assert 1 - 0.02 < found.Wq / simulated.Wq.value < 1 + wrong + 0.02
    assert 1 - 0.02 < found.W / simulated.W.value < 1.12
    assert 0.78 < found.loss / simulated.loss.value < 1.02
