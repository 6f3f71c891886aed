# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.varying.fluid import Prediction, capacity, drain_seconds, predict
from forebay.theory.varying.sine import Sine

# The sine 0..100 a second (A = B = 50, φ = 0). Source: closed forms of the module's docstring, evaluated independently
# with 30 digits and printed to the digits given here.
# C, T, above capacity, Q_max, at, W_max, empty at, share delayed, mean wait, (p50, p95, p99), lost without a queue
REFERENCE = [
    (50, 60, 30, 954.930, 30.000, 19.099, 60.000, 1.0, 9.549, (9.55, 18.98, 19.09), 0.3183),
    (50, 300, 150, 4774.648, 150.00, 95.493, 300.00, 1.0, 47.75, (47.75, 94.91, 95.47), 0.3183),
    (60, 60, 26.154, 674.093, 28.077, 11.235, 45.618, 0.8739, 5.452, (5.54, 11.17, 11.23), 0.2247),
    (60, 300, 130.77, 3370.463, 140.386, 56.174, 228.089, 0.8739, 27.26, (27.68, 55.84, 56.16), 0.2247),
    (75, 60, 20.000, 326.993, 25.000, 4.360, 36.448, 0.7862, 1.924, (1.78, 4.33, 4.36), 0.1090),
    (90, 60, None, 81.359, None, 0.904, None, None, None, None, None),
    (90, 300, None, 406.796, None, 4.520, None, None, None, None, None),
]
near = pytest.approx


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"C={row[0]},T={row[1]}")
def test_the_closed_form_of_a_sine_and_the_grid_give_the_reference_values(row: tuple[float, ...]) -> None:
    C, T, over, peak, at, longest, empty, delayed, mean, percentiles, refused = row
    sine = Sine(50, 50, T, phi=0)
    grid = predict(sine.rate, T, C)
    assert near(peak, abs=6e-4) == sine.peak_backlog(C)
    assert near(longest, abs=6e-4) == sine.longest_wait(C)
    assert near(peak, abs=2e-3) == grid.peak_backlog
    assert near(longest, abs=1e-3) == grid.longest_wait
    if over is None:
        return
    assert near(over, abs=6e-3) == sine.over_capacity_seconds(C)
    assert near(at, abs=6e-3) == sine.peak_at(C)
    assert near(empty, abs=6e-3) == sine.empty_at(C)
    assert near(refused, abs=6e-5) == sine.refused_share(C)
    assert near(over, abs=0.03) == grid.over_capacity_seconds
    assert near(at, abs=0.03) == grid.peak_at
    assert near(empty, rel=1e-3) == grid.drained_at
    assert near(delayed, abs=1e-3) == grid.delayed_share
    assert near(mean, rel=1e-3) == grid.mean_wait
    assert near(percentiles, rel=2e-3) == tuple(grid.wait_percentiles.values())


def test_a_limiter_at_the_mean_of_a_sine_from_zero_refuses_one_part_in_pi() -> None:
    sine = Sine(50, 50, 60)
    assert sine.refused_share(50) == near(1 / math.pi, rel=1e-12)
    limited = predict(sine.rate, 60, 50, q=0)
    assert limited.lost / limited.offered == near(1 / math.pi, rel=1e-6)
    assert limited.longest_wait == limited.delayed_share == 0


def test_starting_in_the_trough_moves_everything_by_a_quarter_of_the_period() -> None:
    mean, trough = Sine(50, 50, 60, phi=0), Sine(50, 50, 60)
    assert trough.peak_at(60) == near(mean.peak_at(60) + 15)
    assert trough.empty_at(60) == near(mean.empty_at(60) + 15)


def test_the_backlog_of_the_demo_outlasts_its_load() -> None:
    demo = predict(Sine(50, 50, 60).rate, 60, 60)
    assert demo.drained_at == near(60.6, abs=0.1)  # the load ends at 60, so nothing comes any more
    assert demo.backlog_at_end > 0
    assert demo.stable


@pytest.mark.parametrize(("cs2", "sd"), [(1, 61.7), (0, 47.4)])
def test_poisson_arrivals_spread_the_peak_as_the_reference_says(cs2: float, sd: float) -> None:
    """Source: the Gaussian term for C=60, T=60, checked by simulation of 1500 periods (p95 of the peak 793 and 769)."""
    prediction = predict(Sine(50, 50, 60, 0).rate, 60, 60, arrivals="poisson", cs2=cs2)
    assert prediction.peak_sd == near(sd, abs=0.1)
    assert prediction.peak_p95 == near(674.1 + 1.645 * sd, abs=0.2)
    assert "Poisson" in str(prediction)


def test_arrivals_by_a_clock_at_constant_service_have_no_spread() -> None:
    prediction = predict(Sine(50, 50, 60).rate, 60, 60)
    assert prediction.peak_sd == 0
    assert "by a clock" in str(prediction)


@pytest.mark.parametrize(("q", "lost"), [(100, 574.1), (300, 374.1), (600, 74.1), (700, 0)])
def test_what_does_not_find_a_place_is_lost(q: float, lost: float) -> None:
    prediction = predict(Sine(50, 50, 60, 0).rate, 60, 60, q=q)
    assert prediction.lost == near(lost, abs=0.1)
    assert prediction.peak_backlog == near(min(q, 674.093), abs=0.01)
    assert prediction.accepted + prediction.lost == near(prediction.offered)


def test_a_load_above_the_capacity_that_goes_on_is_said_never_to_drain() -> None:
    prediction = predict(lambda t: 70, 60, 60, after=70)
    assert prediction.drained_at is None
    assert not prediction.stable
    assert prediction.backlog_at_end == near(600)
    assert "never drained" in str(prediction)
    assert prediction.as_dict()["drained_at"] is None


def test_without_any_capacity_the_wait_is_infinite_and_nothing_is_negative() -> None:
    prediction = predict(lambda t: 10, 10, 0)
    assert math.isinf(prediction.longest_wait)
    assert prediction.peak_backlog == near(100)
    assert not prediction.stable
    assert "longest wait inf" in str(prediction)


def test_below_the_capacity_nothing_waits() -> None:
    for C in (100, math.inf):
        prediction = predict(Sine(50, 50, 60).rate, 60, C)
        assert prediction.offered == near(3000)
        assert (prediction.peak_backlog, prediction.longest_wait, prediction.drained_at) == (0, 0, 0)


def test_a_rate_that_equals_the_capacity_builds_no_backlog_out_of_rounding() -> None:
    prediction = predict(lambda t: 50.1, 77, 50.1)
    assert (prediction.peak_backlog, prediction.over_capacity_seconds) == (0, 0)


@given(Q0=st.floats(1, 1e4), C=st.floats(10, 1000), share=st.floats(0, 0.9))
def test_a_starting_backlog_drains_at_what_the_load_leaves_of_the_capacity(Q0: float, C: float, share: float) -> None:
    expected = drain_seconds(Q0, C, share * C)
    assert expected == near(Q0 / (C - share * C))
    prediction = predict(lambda t: share * C, 2 * expected, C, Q0=Q0, steps=500)
    assert prediction.drained_at == near(expected, rel=1e-6)
    assert prediction.longest_wait == near(Q0 / C)


@given(A=st.floats(0, 1), B=st.floats(1, 500), T=st.floats(1, 1000), x=st.floats(0.01, 1.2))
def test_closed_form_and_grid_agree_for_every_sine(A: float, B: float, T: float, x: float) -> None:
    sine = Sine(A * B, B, T)
    C = B + x * sine.A
    # over one and a quarter periods, so that the peak lies within
    prediction = predict(sine.rate, 1.25 * T, C, steps=2000)
    assert prediction.peak_backlog == near(sine.peak_backlog(C), rel=1e-3, abs=1e-4 * B * T)
    assert sine.cumulative(T) == near(B * T)


def test_a_capacity_below_the_mean_has_no_peak() -> None:
    sine = Sine(50, 50, 60)
    assert math.isinf(sine.peak_backlog(40))
    assert sine.peak_at(40) is None
    assert sine.empty_at(40) is None
    assert Sine(10, 50, 60).refused_share(20) == near(0.6)
    assert Sine(10, 50, 60).over_capacity_seconds(20) == 60


def test_the_capacity_of_workers_is_their_number_over_the_service_time() -> None:
    assert capacity(6, 0.1) == near(60)
    assert math.isinf(capacity(6, 0))
    assert math.isinf(drain_seconds(5, 10, 10))
    assert drain_seconds(0, 10, 20) == 0


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"C": -1}, {"q": -1}, {"Q0": -1}, {"q": 5, "Q0": 6}, {"C": math.nan}]
)
def test_numbers_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    numbers = {"seconds": 60.0, "C": 60.0} | wrong
    with pytest.raises(UsageError):
        predict(lambda t: 1, numbers.pop("seconds"), numbers.pop("C"), **numbers)  # type: ignore[arg-type]


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="negative"):
        predict(lambda t: 5 - t, 10, 1)
    with pytest.raises(UsageError, match="not possible"):
        Sine(60, 50, 60)
    with pytest.raises(UsageError, match="period"):
        Sine(50, 50, 0)


def test_the_form_for_json_has_no_infinity() -> None:
    form = predict(lambda t: 10, 10, 0).as_dict()
    assert form["longest_wait"] is None
    assert form["places"] is None
    assert form["wait_percentiles"]["p99"] is None
    assert isinstance(predict(lambda t: 1, 1, 1), Prediction)
