import math
import re

import pytest

from forebay.theory import (
    Deterministic,
    Erlang,
    Exponential,
    General,
    Hyperexponential,
    Markovian,
    System,
    Trace,
    Uniform,
    solve,
)
from forebay.theory.models import gimn, mapphn, mdn, mg1, mg1k
from forebay.theory.models.two_moments import MODELS, by_phases, by_ratio, error_of, exponential_tails, stages

ON_OFF = Markovian(((-101.0, 1.0), (1.0, -1.0)), ((100.0, 0.0), (0.0, 0.0)))


def law(c2, mean=1.0):
    return Hyperexponential(mean, c2) if c2 > 1 else Exponential(mean) if c2 == 1 else Erlang(mean, round(1 / c2))


def told(solution):
    """The percentages in the error that an approximation tells."""
    return [int(x) / 100 for x in re.findall(r"(\d+) %", solution.error)]


@pytest.mark.parametrize("rho", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(
    ("system", "family"),
    [
        (System(Exponential(1.0), Deterministic(1.0), 1), mdn),
        (System(Exponential(1.0), Uniform(1.0), 1), mg1),
        (System(Uniform(1.0), Exponential(1.0), 1), gimn),
        (System(Uniform(1.0), Exponential(1.0), 10), gimn),
        (System(Deterministic(1.0), Exponential(1.0), 1), gimn),
        (System(Deterministic(1.0), Exponential(1.0), 10), gimn),
        (System(Deterministic(1.0), Exponential(1.0), 10, 5), gimn),
        (System(Deterministic(1.0), Exponential(1.0), 1, 5), gimn),
        (System(Exponential(1.0), Deterministic(1.0), 1, 5), mg1k),
        (System(Exponential(1.0), Uniform(1.0), 1, 1), mg1k),
    ],
    ids=lambda x: f"{x.arrivals.letter}-{x.service.letter}-{x.n}-{x.q}" if isinstance(x, System) else "",
)
def test_phases_of_the_same_moments_come_within_what_they_say(system, family, rho):
    system = System(system.arrivals.with_mean(1 / (system.n * rho)), system.service, system.n, system.q)
    exact, near = family.solve(system), by_phases(system)
    wait, loss = told(near)
    assert not near.exact
    assert near.Wq == pytest.approx(exact.Wq, rel=wait)
    assert near.loss == pytest.approx(exact.loss, rel=loss)


def test_percentiles_of_phases_are_near_too():
    for arrivals, service, family in (
        (Exponential(1.25), Deterministic(1.0), mdn),
        (Uniform(1.25), Exponential(1.0), gimn),
    ):
        system = System(arrivals, service)
        assert by_phases(system).wait(99) == pytest.approx(family.solve(system).wait(99), rel=0.06)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
@pytest.mark.parametrize("rho", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("ca2", [0.25, 0.5, 1.0, 2.0, 9.0])
@pytest.mark.parametrize("cs2", [0.25, 0.5, 2.0, 9.0])
def test_the_ratio_is_within_the_error_that_it_tells(n, rho, ca2, cs2):
    system = System(law(ca2, 1 / (n * rho)), law(cs2), n)
    if mapphn.fits(system) and not (n == 5 and cs2 == 0.25):
        near = by_ratio(system)
        assert near.Wq == pytest.approx(mapphn.solve(system).Wq, rel=told(near)[0])


def test_the_error_grows_as_the_load_falls():
    for case in ((1, 0.5, 0.5), (20, 4.0, 0.5), (5, 1.0, 4.0)):
        sizes = [int(error_of(rho, *case).partition(" %")[0].rpartition(" ")[2]) for rho in (0.95, 0.75, 0.3)]
        assert sizes == sorted(sizes)
    assert "200 %" in error_of(0.3, 20, 4.0, 0.5)
    assert " 4 %" in error_of(0.7, 5, 1.0, 4.0)


def test_an_exponential_wait_is_exact_for_gimn():
    exact = gimn.solve(System(Uniform(0.5), Exponential(1.0), 3))
    wait, sojourn = exponential_tails(exact.p_wait, exact.Wq, Exponential(1.0))
    for t in (0.0, 0.4, 3.0):
        assert wait(t) == pytest.approx(exact.wait_tail(t))
        assert sojourn(t) == pytest.approx(exact.sojourn_tail(t))


def test_the_sojourn_adds_the_work_of_any_law():
    _, by_cells = exponential_tails(0.4, 0.5, Erlang(1.0, 1))
    _, closed = exponential_tails(0.4, 0.5, Exponential(1.0))
    for t in (0.0, 0.3, 2.0, 8.0):
        assert by_cells(t) == pytest.approx(closed(t), rel=1e-3)
    _, constant = exponential_tails(0.4, 0.5, Deterministic(1.0))
    assert constant(0.99) == 1.0
    assert constant(3.0) == pytest.approx(0.4 * math.exp(-0.8 * 2.0), rel=0.02)


def test_what_is_exact_is_taken_before_what_is_not():
    for text, arrivals in (("M/D/3", 2.0), ("M/U/1", 0.5), ("U/M/3", 2.0), ("M/E2/3", 2.0), ("M/G(2)/1", 0.5)):
        assert solve(text, arrivals, 1.0).exact, text
    for text in ("M/U/3", "G(2)/G(0.5)/3", "U/D/20", "D/U/3/4", "M/E9/20", "M/G(2)/300"):
        got = solve(text, 0.8 * int(text.split("/")[2]), 1.0)
        assert not got.exact
        assert "%" in got.error
        assert got.wait(99) <= got.sojourn(99) < math.inf


def test_overload_is_told_by_approximations_too():
    assert solve("U/U/3", 4.0, 1.0).growth == pytest.approx(1.0)
    assert solve("M/E9/20", 25.0, 1.0).growth == pytest.approx(5.0)


def test_bursts_with_constant_work():
    chance = solve("M/M/1", 50.0, 1 / 75)
    constant = solve(System(ON_OFF, Deterministic(1 / 75)))
    exponential = solve(System(ON_OFF, Exponential(1 / 75)))
    assert 10 * chance.Wq < constant.Wq < exponential.Wq
    many = by_ratio(System(ON_OFF, Deterministic(0.1), 8))
    assert 0 < many.Wq < solve(System(ON_OFF, Exponential(0.1), 8)).Wq


def test_a_burst_that_is_none_is_a_poisson_process():
    # a published program waits 554 here for constant work and one worker; 4.5 is right
    even = "MMPP(0.9/s, 0.9/s, 1s, 1s)"
    assert solve(f"{even}/M/1", service=1.0).Wq == pytest.approx(9.0)
    assert solve(f"{even}/D/1", service=1.0).Wq == pytest.approx(4.5, rel=0.06)
    even = "MMPP(1.8/s, 1.8/s, 1s, 1s)"
    assert solve(f"{even}/E2/2", service=1.0).Wq == pytest.approx(solve("M/E2/2", 1.8, 1.0).Wq)
    assert solve(f"{even}/D/2", service=1.0).Wq == pytest.approx(2.146923, rel=0.2)


def test_laws_of_large_variance_need_two_phases():
    assert stages(System(Exponential(1 / 1900), General(1.0, 2.0), 2000)) is None
    assert stages(System(Exponential(0.5), General(1.0, 2.0), 3)) == (1, 2)


def test_a_trace_is_left_to_simulation():
    trace = System(Trace((0.0, 1.0, 1.5)), General(0.1, 2.0), 2)
    assert not any(model.fits(trace) for model in MODELS)
