# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from forebay.errors import UsageError
from forebay.theory import erlang_b, solve

near = pytest.approx
crowds = st.integers(1, 25)
workers = st.integers(1, 6)
thinking = st.floats(0.05, 20)


def mean_value_analysis(N, think, service):
    """Return W of one worker by the recursion over 1, 2, ... customers, which knows no states."""
    L = W = 0.0
    for k in range(1, N + 1):
        W = service * (1 + L)
        L = k * W / (think + W)
    return W


@given(crowds, thinking)
def test_one_worker_is_as_mean_value_analysis_says(N, think):
    assert near(mean_value_analysis(N, think, 1.0)) == solve(f"M/M/1//{N}", think, 1.0).W


@given(workers, crowds, thinking, st.floats(0, 15))
def test_one_who_is_followed_stays_as_long(n, N, think, t):
    s, n = solve(f"M/M/{n}//{N}", think, 1.0), min(n, N)
    Q, start = np.zeros((N + 1, N + 1)), np.zeros(N + 1)  # state j >= n: j before it; n - 1: at its work; N: gone
    for j, p in enumerate(arrival_finds(n, N, think)):
        start[max(j, n - 1)] += p
    for j in range(n, N):
        Q[j, j - 1], Q[j, j] = n, -n
    Q[n - 1, N], Q[n - 1, n - 1] = 1, -1
    assert s.sojourn_tail(t) == near(1 - (start @ linalg.expm(Q * t))[N], abs=1e-9)


def arrival_finds(n, N, think):
    """Return what an arrival finds: the stream of arrivals out of each state of the balance equations."""
    Q = np.zeros((N + 1, N + 1))
    for k in range(N):
        Q[k, k + 1], Q[k + 1, k] = (N - k) / think, min(k + 1, n)
    Q -= np.diag(Q.sum(axis=1))
    p = np.linalg.lstsq(np.vstack([Q.T, np.ones(N + 1)]), np.eye(N + 2)[-1], rcond=None)[0]
    stream = p[:-1] * np.arange(N, 0, -1)
    return stream / stream.sum()


@given(workers, crowds, thinking, st.integers(0, 5))
def test_everybody_is_somewhere(n, N, think, q):
    s = solve(f"M/M/{n}/{q}//{N}", think, 1.0)
    away = N - s.L
    assert s.throughput == near(s.L - s.Lq)
    assert s.arrival_rate == near(away / think, rel=1e-6)
    assert s.throughput == near(s.arrival_rate * (1 - s.loss))
    assert near(s.throughput * s.W) == s.L


def test_very_many_who_hardly_ever_come_are_a_poisson_stream():
    closed, lost = solve("M/M/3//100000", 20000.0, 0.5), solve("M/M/3/0//100000", 20000.0, 0.5)
    opened = solve("M/M/3", 5.0, 0.5)
    assert closed.Wq == near(opened.Wq, rel=1e-2)
    assert closed.wait(99) == near(opened.wait(99), rel=1e-2)
    assert lost.loss == near(erlang_b(3, 2.5), rel=1e-3)


@pytest.mark.parametrize("text", ["D/M/2//7", "U/M/2//7", "H2(9)/M/2//7"])
def test_the_law_of_thinking_does_not_matter(text):
    assert solve(text, 3.0, 1.0).W == solve("M/M/2//7", 3.0, 1.0).W


def test_clients_who_do_not_think_keep_all_workers_at_work():
    s = solve("M/M/5//20", 0, 0.1)
    assert (s.throughput, s.utilization, s.L, s.W, s.p_wait) == near((50, 1, 20, 0.4, 1))
    assert s.wait(50) == near(0.3, rel=0.05)


def test_with_a_worker_for_each_nobody_waits():
    s = solve("M/D/10//10", 1.0, 0.5)
    assert (s.Wq, s.W, s.p_wait, s.wait(99), s.sojourn_tail(0.4)) == near((0, 0.5, 0, 0, 1))


def test_who_is_refused_and_comes_at_once_would_never_end():
    with pytest.raises(UsageError, match="for ever"):
        solve("M/M/1/0//5", 0, 1.0)
