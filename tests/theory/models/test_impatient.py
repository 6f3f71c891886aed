# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, linalg, stats

from forebay.errors import UsageError
from forebay.theory import solve

near = pytest.approx
workers = st.integers(1, 6)
rhos = st.floats(0.2, 3)


def served(solution):
    return dict(solution.parts)["served"]


def chain(n, q, lam, theta):
    """Return the numbers that an accepted arrival finds waiting (where all work), by the balance equations."""
    K = n + q
    Q = np.zeros((K + 1, K + 1))
    for k in range(K):
        Q[k, k + 1], Q[k + 1, k] = lam, min(k + 1, n) + max(k + 1 - n, 0) * theta
    Q -= np.diag(Q.sum(axis=1))
    p = np.linalg.lstsq(np.vstack([Q.T, np.ones(K + 1)]), np.eye(K + 2)[-1], rcond=None)[0]
    return p, p[n:-1] / (1 - p[-1])


def followed(n, q, theta):
    """Return the generator of one who waits: state j has j before it, state q is at work; it may leave or be done."""
    T = np.zeros((q + 1, q + 1))
    for j in range(q):
        T[j, j - 1 if j else q] = n + j * theta
        T[j, j] = -(n + (j + 1) * theta)
    T[q, q] = -1
    return T


@settings(max_examples=30, deadline=None)
@given(workers, st.integers(1, 12), rhos, st.floats(0.05, 5), st.floats(0.01, 6))
def test_waits_and_sojourns_are_those_of_one_who_is_followed(n, q, rho, theta, t):
    s = solve(f"M/M/{n}/{q}+M", n * rho, 1.0, patience=1 / theta)
    p, finds = chain(n, q, n * rho, theta)
    states = np.append(finds, 1 - finds.sum())
    after = states @ linalg.expm(followed(n, q, theta) * t)
    assert s.loss == near(p[-1], rel=1e-8)
    assert s.abandoned == near(p[n:] @ np.arange(q + 1) * theta / (n * rho), rel=1e-8)
    assert s.wait_tail(t) == near(after[:-1].sum(), rel=1e-8)
    assert s.sojourn_tail(t) == near(after.sum(), rel=1e-7)


@settings(max_examples=20, deadline=None)
@given(workers, rhos, st.sampled_from(["M", "D"]), st.floats(0.2, 5))
def test_the_means_are_the_areas_under_the_tails(n, rho, law, patience):
    s = solve(f"M/M/{n}+{law}", n * rho, 1.0, patience=patience)
    cuts = [patience] if law == "D" else []
    for part in (s, served(s)):
        for tail, mean in ((part.wait_tail, part.Wq), (part.sojourn_tail, part.W)):
            area, _ = integrate.quad(tail, 0, 60, points=[*cuts, 1, 10], limit=300, epsabs=1e-9)
            assert area == near(mean, rel=1e-5, abs=1e-8)


@given(workers, rhos, st.sampled_from(["M", "D"]), st.floats(0.01, 50))
def test_who_comes_is_served_or_leaves(n, rho, law, patience):
    s = solve(f"M/M/{n}+{law}", n * rho, 1.0, patience=patience)
    assert s.throughput == near(s.arrival_rate * (1 - s.abandoned))
    assert s.utilization == near(s.throughput / n)
    assert near(s.arrival_rate * s.W) == s.L
    assert s.L - s.Lq == near(s.throughput, rel=1e-9)
    assert near(served(s).throughput * served(s).W) == served(s).L


@pytest.mark.parametrize("law", ["M", "D"])
def test_endless_patience_is_none(law):
    patient, endless = solve(f"M/M/3+{law}", 2.5, 1.0, patience=1e7), solve("M/M/3", 2.5, 1.0)
    for name in ("Wq", "W", "p0", "p_wait", "L"):
        assert getattr(patient, name) == near(getattr(endless, name), rel=1e-4)
    assert patient.wait(99) == near(endless.wait(99), rel=1e-4)
    assert patient.sojourn(99) == near(endless.sojourn(99), rel=1e-4)


@pytest.mark.parametrize("law", ["M", "D"])
def test_without_patience_nobody_waits_and_it_is_erlang_b(law):
    s, loss = solve(f"M/M/3+{law}", 5.0, 1.0, patience=1e-7), solve("M/M/3/0", 5.0, 1.0).loss
    assert s.abandoned == near(loss, rel=1e-5)
    assert near(1.0, rel=1e-5) == served(s).W


def test_who_leaves_at_the_rate_of_work_makes_the_number_poisson():
    s = solve("M/M/4+M", 7.0, 1.0, patience=1.0)
    assert (s.p0, s.L) == near((math.exp(-7), 7))
    assert s.p_wait == near(stats.poisson.sf(3, 7))


def test_nobody_waits_longer_than_a_fixed_patience():
    s = solve("M/M/2+D", 9.0, 0.5, patience=2.0)
    assert s.wait_tail(1.999) > s.abandoned * 0.999
    assert s.wait_tail(2.0) == 0
    assert s.wait(99.9) == near(2.0)


def test_a_long_overload_loses_what_is_too_much():
    s = solve("M/M/10+D", 1000.0, 1.0, patience=50.0)
    assert s.abandoned == near(0.99)
    assert served(s).Wq == near(50, rel=1e-3)


def test_a_fixed_patience_loses_less_than_an_exponential_one_of_the_same_mean():
    fixed, chance = (solve(f"M/M/3+{law}", 2.7, 1.0, patience=3.0).abandoned for law in "DM")
    assert fixed < chance


def test_more_patience_than_can_be_computed_is_told():
    with pytest.raises(UsageError, match="too many to compute"):
        solve("M/M/2+M", 100.0, 1.0, patience=1e6)
