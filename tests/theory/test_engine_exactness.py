"""Long runs against exact formulas. Every seed is fixed; a bound is about four standard errors of the run."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np
import pytest

from engine_cases import exponential, uniform
from forebay.disciplines import Discipline
from forebay.theory.path import Fate, Path
from forebay.theory.simulation.block import Streams
from forebay.theory.simulation.engine import run
from forebay.theory.simulation.rules import Rules

pytest.importorskip("numba")
COUNT = 1_000_000
near = pytest.approx


def markovian(rules: Rules, load: float, streams: Streams | None = None, work: float | None = None) -> Path:
    """M/M/n, or M/D/n where `work` is given, with a mean service of 1 s and so many arrivals a second."""
    generator = np.random.default_rng(20261121)
    T = np.cumsum(generator.standard_exponential(COUNT)) / load
    S = generator.standard_exponential(COUNT) if work is None else np.full(COUNT, work)
    patience = generator.standard_exponential(COUNT) if rules.patience else None
    classes = generator.integers(0, rules.classes, COUNT, dtype=np.int32)
    return run(rules, T, S, patience, classes, streams, compiled=True)


def test_the_wait_of_m_m_1_has_its_mean_and_its_tail() -> None:
    waits = markovian(Rules(), 0.5).waits
    assert waits.mean() == near(1.0, rel=0.02)
    assert np.mean(waits > 3) == near(0.5 * math.exp(-1.5), rel=0.04)


def test_m_m_3_with_8_places_loses_what_the_birth_death_chain_says() -> None:
    p = [2.7**k / math.factorial(min(k, 3)) / 3 ** max(0, k - 3) for k in range(12)]
    assert markovian(Rules(n=3, q=8), 2.7).loss == near(p[-1] / sum(p), rel=0.03)


def test_m_m_3_without_places_loses_what_erlang_b_says() -> None:
    p = [2.7**k / math.factorial(k) for k in range(4)]
    assert markovian(Rules(n=3, q=0), 2.7).loss == near(p[-1] / sum(p), rel=0.01)


@pytest.mark.parametrize(
    ("discipline", "second"),
    [
        # M/M/1, ρ = λ, μ = 1: E W² = 2ρ/(1-ρ)² times 1, 1/(1-ρ), 2/(2-ρ). Sources: L. Takács (1963); J. F. C. Kingman,
        # "The effect of queue discipline on waiting time variance", Proc. Camb. Phil. Soc. 58 (1962).
        (Discipline.FIFO, 2 * 0.5 / 0.25),
        (Discipline.LIFO, 2 * 0.5 / 0.25 / 0.5),
        (Discipline.RANDOM, 2 * 0.5 / 0.25 * 2 / 1.5),
    ],
)
def test_the_order_changes_the_second_moment_of_the_wait_and_not_the_first(
    discipline: Discipline, second: float
) -> None:
    waits = markovian(Rules(discipline=discipline), 0.5, Streams(choices=uniform(2))).waits
    assert waits.mean() == near(1.0, rel=0.02)
    assert np.mean(waits**2) == near(second, rel=0.06)


def test_two_classes_wait_as_cobham_says() -> None:
    """W_k = W0/((1-σ_{k-1})(1-σ_k)), W0 = λ E S²/2. Source: A. Cobham, Operations Research 2 (1954)."""
    path = markovian(Rules(discipline=Discipline.PRIORITY, classes=2), 0.8)
    assert path.priority is not None
    for k, wait in ((0, 0.8 / 0.6), (1, 0.8 / (0.6 * 0.2))):
        assert path.waits[path.priority == k].mean() == near(wait, rel=0.03)


def test_the_urgent_who_interrupt_see_only_each_other() -> None:
    path = markovian(Rules(discipline=Discipline.PRIORITY, classes=2, preemptive=True), 0.8)
    assert path.priority is not None
    for k, sojourn in ((0, 1 / 0.6), (1, 1 / (0.6 * 0.2))):
        assert path.sojourns[path.priority == k].mean() == near(sojourn, rel=0.03)


def test_the_impatient_leave_as_erlang_a_says() -> None:
    """M/M/1+M with patience of mean 1: the chain has death rates 1, 2, 3, ..., so N is Poisson of mean λ."""
    path = markovian(Rules(patience=True), 0.9)
    served = 1 - math.exp(-0.9)
    assert np.mean(path.fate == Fate.ABANDONED) == near(1 - served / 0.9, rel=0.01)


def test_an_orbit_is_as_full_as_falin_and_templeton_say() -> None:
    """M/M/1 retrial, E orbit = ρ(λ + ρθ)/(θ(1-ρ)). Source: G. Falin, J. Templeton, "Retrial Queues" (1997)."""
    lam, theta = 0.5, 1.0
    path = markovian(Rules(q=0, retry_share=1.0), lam, Streams(delays=exponential(3, 1 / theta)))
    orbit = lam * (lam + lam * theta) / (theta * (1 - lam))
    assert path.waits.mean() == near(orbit / lam, rel=0.03)


def test_a_worker_that_breaks_down_any_time_makes_the_line_of_avi_itzhak_and_naor() -> None:
    """L = λ((f+r)² + μf)/((f+r)(rμ - λ(f+r))). Source: B. Avi-Itzhak, P. Naor, Operations Research 11 (1963)."""
    lam, f, r = 0.6, 0.05, 0.5
    L = lam * ((f + r) ** 2 + f) / ((f + r) * (r - lam * (f + r)))
    streams = Streams(ups=exponential(4, 1 / f), downs=exponential(5, 1 / r))
    assert markovian(Rules(breaking=True), lam, streams).sojourns.mean() == near(L / lam, rel=0.03)


def test_work_that_begins_anew_after_a_breakdown_takes_as_long_as_it_must() -> None:
    """E completion = (e^(fD) - 1)(1/f + 1/r), constant work D. Source: D. P. Gaver, J. Roy. Stat. Soc. B 24 (1962)."""
    f, r, D = 0.5, 2.0, 1.0
    rules = Rules(n=1, breaking=True, redelivery=0.0, idle_too=False)
    path = markovian(rules, 0.01, Streams(ups=exponential(4, 1 / f), downs=exponential(5, 1 / r)), work=D)
    alone = path.arrived[1:] > path.ended[:-1]
    took = (path.ended - path.arrived)[1:][alone]
    assert took.mean() == near((math.exp(f * D) - 1) * (1 / f + 1 / r), rel=0.01)


def test_work_that_fails_and_is_done_anew_loads_the_worker_as_a_larger_stream_would() -> None:
    """M/M/1 with feedback p is M/M/1 of λ/(1-p). Source: J. R. Jackson (1957)."""
    path = markovian(Rules(failing=0.4), 0.36, Streams(failures=uniform(6), reworks=exponential(7, 1)))
    assert path.sojourns.mean() == near(0.6 / 0.4 / 0.36, rel=0.03)


def test_a_closed_system_has_the_throughput_of_the_machine_repair_model() -> None:
    """M/M/2//5, think time of mean 1: T. Engset's chain, rates (5-k) up and min(k, 2) down."""
    generator = np.random.default_rng(8)
    path = run(Rules(n=2, population=5), *generator.standard_exponential((2, COUNT)), compiled=True)
    p = [1.0]
    for k in range(5):
        p.append(p[-1] * (5 - k) / min(k + 1, 2))
    throughput = sum(min(k, 2) * weight for k, weight in enumerate(p)) / sum(p)
    assert COUNT / path.ended.max() == near(throughput, rel=0.005)
