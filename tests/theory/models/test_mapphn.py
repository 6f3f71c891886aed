# ruff: noqa: N806, SIM300 - the letters of the formulas
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from forebay.disciplines import Discipline
from forebay.theory import Erlang, Exponential, Hyperexponential, Markovian, System, Uniform
from forebay.theory.models import mapphn
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.mapphn import queue, waits
from forebay.theory.models.mg1 import mean_wait, sojourn_tail, wait_tail
from forebay.theory.models.phases import arrival_process, phase_type

ON_OFF = Markovian(((-101.0, 1.0), (1.0, -1.0)), ((100.0, 0.0), (0.0, 0.0)))
PHASED = [Exponential(1.0), Erlang(1.0, 3), Hyperexponential(1.0, 4.0)]


@pytest.mark.parametrize("service", PHASED, ids=lambda law: law.letter)
@pytest.mark.parametrize("rho", [0.2, 0.8, 0.97])
def test_one_worker_is_pollaczek_and_khinchine(service, rho):
    got = mapphn.solve(System(Exponential(1 / rho), service))
    assert got.Wq == pytest.approx(mean_wait(rho, service), rel=1e-10)
    assert got.p0 == pytest.approx(1 - rho, rel=1e-10)
    wait, sojourn = wait_tail(rho, service), sojourn_tail(rho, service)
    for t in (0.0, 0.5, 3.0, 20.0):
        assert got.wait_tail(t) == pytest.approx(wait(t), abs=1e-9)
        assert got.sojourn_tail(t) == pytest.approx(sojourn(t), abs=1e-9)


@pytest.mark.parametrize("service", [Exponential(1.0), Erlang(1.0, 1), Hyperexponential(1.0, 1.0)])
@pytest.mark.parametrize("n", [1, 3, 20])
def test_one_stage_and_no_spread_are_m(service, n):
    got = mapphn.solve(System(Exponential(1 / (0.9 * n)), service, n))
    C = erlang_c(n, 0.9 * n)
    assert got.p_wait == pytest.approx(C, rel=1e-10)
    assert got.Wq == pytest.approx(C / (0.1 * n), rel=1e-10)
    for t in (0.1, 1.0, 4.0):
        assert got.wait_tail(t) == pytest.approx(C * math.exp(-0.1 * n * t), rel=1e-8)


def test_more_variance_waits_longer():
    services = [Erlang(1.0, 5), Erlang(1.0, 2), Exponential(1.0), *(Hyperexponential(1.0, c) for c in (1.5, 3, 9))]
    means = [mapphn.solve(System(Exponential(1 / 3.6), law, 4)).Wq for law in services]
    assert means == sorted(means)


@given(st.sampled_from(PHASED), st.sampled_from(PHASED), st.integers(1, 5), st.floats(0.1, 1.5), st.integers(0, 12))
@settings(max_examples=15, deadline=None)
def test_a_limited_queue_keeps_the_laws_of_conservation(arrivals, service, n, rho, q):
    got = mapphn.solve(System(arrivals.with_mean(1 / (n * rho)), service, n, q))
    assert 0 < got.loss < 1
    assert got.utilization <= 1
    assert got.L - got.Lq == pytest.approx(got.throughput, rel=1e-9)
    assert got.L == pytest.approx(got.throughput * got.W, rel=1e-9)
    assert got.Lq <= q
    assert got.wait_tail(0.0) == pytest.approx(got.p_wait, abs=1e-9)
    area = sum(got.wait_tail(k / 10 + 0.05) for k in range(500)) / 10
    assert area == pytest.approx(got.Wq, rel=0.01, abs=1e-3)


def test_more_places_lose_less_and_come_near_to_no_limit():
    losses = [mapphn.solve(System(Erlang(1 / 2.4, 2), Hyperexponential(1.0, 3.0), 3, q)).loss for q in (0, 2, 8, 30)]
    assert losses == sorted(losses, reverse=True)
    limited = mapphn.solve(System(ON_OFF, Exponential(1 / 75), 1, 2000))
    free = mapphn.solve(System(ON_OFF, Exponential(1 / 75)))
    assert limited.L == pytest.approx(free.L, rel=1e-6)
    assert limited.wait(99) == pytest.approx(free.wait(99), rel=1e-6)


def test_bursts_cost_fourteen_times_the_time_and_are_told():
    bursts = mapphn.solve(System(ON_OFF, Exponential(1 / 75)))
    assert bursts.W == pytest.approx(0.574795, abs=5e-7)
    assert bursts.W / (1 / (75 - 50)) == pytest.approx(14.4, abs=0.05)
    assert "51" in bursts.notes[0]


@pytest.mark.parametrize("n", [1, 6])
def test_the_steps_are_the_matrix_exponential(n):
    # P(Wq > t) = π_n Y(t) 1 with Y' = Y S0 + R Y S1, by an exponential of the whole
    system = System(ON_OFF, Hyperexponential(n / 75, 2.0), n)
    D0, D1 = arrival_process(system.arrivals)
    of, levels = queue(D0, D1, phase_type(system.service), n)
    S0, S1 = mapphn.Workers(of.law).moving(n), of.ends(n + 1)
    R = levels.R
    whole = np.kron(np.eye(len(R)), S0.T) + np.kron(R, S1.T)
    start = np.linalg.solve(np.eye(len(R)) - R, np.kron(D1.sum(axis=1)[:, None], np.eye(len(S0))) / 50)
    got = mapphn.solve(system)
    for t in (0.01, 0.3, 2.0):
        Y = (linalg.expm(whole * t) @ start.ravel()).reshape(start.shape)
        assert got.wait_tail(t) == pytest.approx(float(levels.pi[-1] @ Y.sum(axis=1)), rel=1e-9)


def test_eigenvalues_take_over_without_a_seam():
    system = System(Exponential(1 / 27), Hyperexponential(1.0, 9.0), 30)
    D0, D1 = arrival_process(system.arrivals)
    of, levels = queue(D0, D1, phase_type(system.service), 30)
    _, handed = waits(of, levels, 27.0)
    S0, S1 = mapphn.Workers(of.law).moving(30), of.ends(31)
    rate = float(-S0.diagonal().min())
    coming = np.eye(len(S0)) * D1[0, 0] / 27.0
    stepped = mapphn._of_infinite(levels, coming, np.eye(len(S0)) + S0 / rate, S1 / rate)
    for _ in range(400):
        assert next(handed) == pytest.approx(next(stepped), abs=1e-9)


def test_other_orders_of_service_have_the_means_and_no_percentiles():
    fifo = System(Exponential(0.6), Erlang(1.0, 2), 2)
    lifo = System(Exponential(0.6), Erlang(1.0, 2), 2, discipline=Discipline.LIFO)
    one, other = mapphn.solve(fifo), mapphn.solve(lifo)
    assert (one.Lq, one.p_wait) == (other.Lq, other.p_wait)
    assert other.wait(99) is None
    assert "FIFO" in other.notes[0]


def test_overload_grows_and_what_is_too_large_does_not_fit():
    got = mapphn.solve(System(ON_OFF, Exponential(1 / 40)))
    assert (got.growth, got.stable) == (pytest.approx(10.0), False)
    assert mapphn.fits(System(Exponential(1.0), Erlang(10.0, 3), 20))
    assert not mapphn.fits(System(Exponential(1.0), Erlang(10.0, 5), 20))
    assert not mapphn.fits(System(Exponential(1.0), Uniform(0.5)))
    assert not mapphn.fits(System(Exponential(1.0), Erlang(0.5, 2), math.inf))
