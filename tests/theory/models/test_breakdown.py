from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Uniform
from forebay.theory.models.breakdown import Broken, breakdown_length, redelivery_completion
from forebay.theory.models.completion import begun_anew, resumed
from forebay.theory.simulation.simulate import simulate
from forebay.theory.solving import solve
from forebay.theory.system import Breaking, System

near = pytest.approx


def broken(lam: float, service, n: int = 1, q: float = math.inf, *, up: float, down, **rest) -> System:
    return System(Exponential(1 / lam), service, n, q, breaking=Breaking(Exponential(up), down, **rest))


@given(st.floats(0.05, 0.9), st.floats(0.5, 100), st.floats(0.1, 20), st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_formula_of_one_worker_is_the_chain(share: float, up: float, down: float, idle_too: bool) -> None:
    lam = share * up / (up + down)
    found = solve(broken(lam, Exponential(1), up=up, down=Exponential(down), idle_too=idle_too))
    chain = Broken(lam, 1, 1, math.inf, 1 / up, 1 / down, idle_too).solve()
    assert near(chain.mean_above(0), rel=1e-7) == found.L
    assert found.p0 == near(chain.mass(0), rel=1e-7)
    if idle_too:
        assert near(breakdown_length(lam, 1, 1 / up, 1 / down), rel=1e-9) == found.L


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("q", [3, math.inf])
def test_workers_that_hardly_break_are_a_queue(n: int, q: float) -> None:
    plain = solve(System(Exponential(1 / (0.8 * n)), Exponential(1), n, q))
    found = solve(broken(0.8 * n, Exponential(1), n, q, up=1e9, down=Exponential(1)))
    for name in ("L", "Wq", "loss", "p_wait", "p0"):
        assert getattr(found, name) == near(getattr(plain, name), rel=1e-5, abs=1e-12), name


@pytest.mark.parametrize("idle_too", [False, True])
@pytest.mark.parametrize("q", [4, math.inf])
def test_work_takes_its_completion_time_and_what_waits_waits(q: float, idle_too: bool) -> None:
    """Counted from the states: those that wait are neither in work nor in the hands of a broken worker."""
    lam, n, f, r = 2.0, 3, 0.05, 0.4
    found = solve(broken(lam, Exponential(1), n, q, up=1 / f, down=Exponential(1 / r), idle_too=idle_too))
    chain = Broken(lam, 1, n, q, f, r, idle_too)
    levels = chain.solve()
    waiting = sum(
        p * (k - i - chain._busy(k, i, j))
        for k in range(1 + (n + int(q) if q < 9 else 400))
        for (i, j), p in zip(chain._phases(k), levels.vector(k), strict=True)
    )
    assert found.Lq == near(waiting, rel=1e-8)
    assert near(found.throughput * found.W) == found.L


def test_tails_agree_with_the_means() -> None:
    found = solve(broken(0.5, Uniform(1), up=20, down=Erlang(2, 2)))
    for tail, mean in ((found.wait_tail, found.Wq), (found.sojourn_tail, found.W)):
        t = np.concatenate([np.linspace(0, 10, 500), np.linspace(10, 150, 500)[1:]])
        assert np.trapezoid([tail(x) for x in t], t) == near(mean, rel=2e-3)
    assert found.wait_tail(0) == near(found.p_wait)


def test_too_little_is_left_by_the_breakdowns() -> None:
    found = solve(broken(0.95, Exponential(1), up=9, down=Exponential(1)))
    assert found.growth == near(0.05)
    assert found.utilization == near(0.9)
    assert solve(broken(1.9, Exponential(1), 2, up=9, down=Exponential(1))).growth == near(0.1)
    assert breakdown_length(0.95, 1, 1 / 9, 1) == math.inf


laws = st.sampled_from([Deterministic(1), Exponential(1), Erlang(1, 3), Uniform(1), Hyperexponential(1, 2)])


def completed(service, up: float, down, seed: int, count: int = 40_000, anew: bool = True) -> np.ndarray:
    """Return completion times, by trying."""
    generator = np.random.default_rng(seed)
    work, total = np.empty(count), np.zeros(count)
    service.draw(generator, work)
    left, open_ = work.copy(), np.arange(count)
    while len(open_):
        runs = generator.exponential(up, len(open_))
        broke = runs < left[open_]
        total[open_] += np.minimum(runs, left[open_])
        repairs = np.empty(int(broke.sum()))
        down.draw(generator, repairs)
        if not anew:
            left[open_] -= runs
        open_ = open_[broke]
        total[open_] += repairs
    return total


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("service", [Deterministic(1), Uniform(1), Erlang(1, 4)])
def test_completion_times_are_what_trying_finds(service, anew: bool) -> None:
    found = (begun_anew if anew else resumed)(service, 0.4, Exponential(0.5))
    tried = completed(service, 2.5, Exponential(0.5), seed=3, anew=anew)
    assert found.mean == near(tried.mean(), rel=0.02)
    assert found.second == near((tried**2).mean(), rel=0.06)


@given(laws)
def test_rare_breakdowns_do_not_cancel(service) -> None:
    """On both sides of where the series is taken instead of the closed form the values are the same."""
    series, closed = (begun_anew(service, f, Exponential(3)) for f in (0.99999999e-3, 1.00000001e-3))
    assert series.mean == near(closed.mean, rel=1e-8)
    assert series.second == near(closed.second, rel=1e-7)
    rare = begun_anew(service, 1e-9, Exponential(3))
    assert (rare.mean, rare.second) == (near(1, rel=1e-7), near(service.moment(2), rel=1e-7))


def test_work_that_is_begun_anew_may_never_end() -> None:
    assert begun_anew(Exponential(1), 1.0, Exponential(1)).mean == math.inf
    assert begun_anew(Exponential(1), 0.6, Exponential(1)).second == math.inf
    assert begun_anew(Exponential(1), 0.6, Exponential(1)).mean == near(1.5 * (1 / 0.6 + 1))
    found = solve(broken(0.1, Exponential(1), up=1, down=Exponential(1), redelivery=5.0))
    assert not found.stable
    assert found.utilization == near(0.5)


def test_redelivery_is_an_approximation_that_says_so() -> None:
    found = solve(broken(2.4, Deterministic(1), 3, up=50, down=Exponential(5), redelivery=10.0))
    assert not found.exact
    assert "simulations" in found.error
    assert found.W > solve(broken(2.4, Deterministic(1), 3, up=50, down=Exponential(5), redelivery=0.0)).W
    assert redelivery_completion(Deterministic(1), Exponential(50), Exponential(5)) == near(55 * math.expm1(0.02))


def test_two_moments_do_not_say_how_long_work_is_at_most() -> None:
    with pytest.raises(UsageError, match="how long work is at most"):
        begun_anew(General(1, 2), 1.0, Exponential(1))


@pytest.mark.parametrize(
    ("n", "rate", "service", "up", "down", "lease"),
    [
        (2, 1.2, Exponential(1), 10, 1, 2.0),
        (2, 1.0, Deterministic(1), 10, 2, 2.0),
        (4, 2.4, Exponential(1), 20, 2, 1.0),
    ],
)
def test_redelivery_is_no_more_wrong_than_it_says(n: int, rate: float, service, up: float, down: float, lease) -> None:
    system = broken(rate, service, n, up=up, down=Exponential(down), redelivery=lease)
    found, simulated = solve(system), simulate(system, precision=None, customers=300_000)
    assert "10 % too long and 5 % too short" in found.error
    high, low = (simulated.W.value + sign * simulated.W.half for sign in (1, -1))
    assert 0.95 * low < found.W < 1.1 * high
