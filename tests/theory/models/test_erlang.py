from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import special, stats

from forebay.errors import UsageError
from forebay.theory.models.erlang import (
    erlang_b,
    erlang_b_load,
    erlang_b_workers,
    erlang_c,
    erlang_c_load,
    erlang_c_workers,
    halfin_whitt,
    halfin_whitt_beta,
    square_root_staffing,
    workers_within,
)

near = pytest.approx
loads = st.floats(0.01, 500)
workers = st.integers(1, 400)
shares = st.floats(1e-6, 0.999)


@given(workers, loads)
def test_erlang_b_is_the_last_probability_of_a_cut_off_poisson_law(n, a):
    assert erlang_b(n, a) == near(stats.poisson.pmf(n, a) / stats.poisson.cdf(n, a), rel=1e-8, abs=1e-280)


@given(st.floats(0, 60), st.floats(0.01, 60))
def test_between_whole_numbers_of_workers_it_is_the_incomplete_gamma_function(n, a):
    gamma = np.exp(n * np.log(a) - a - special.gammaln(n + 1)) / special.gammaincc(n + 1, a)
    assert erlang_b(n, a) == near(gamma, rel=1e-9)


@given(workers, loads)
def test_more_workers_lose_less_and_more_load_loses_more(n, a):
    assert erlang_b(n + 1, a) <= erlang_b(n, a) <= erlang_b(n, a * 1.1)
    assert erlang_b(n + 1, a) <= erlang_b(n + 0.5, a) <= erlang_b(n, a)


@given(workers, st.floats(0.01, 0.999))
def test_more_wait_than_would_be_lost(n, rho):
    assert erlang_b(n, n * rho) <= erlang_c(n, n * rho) <= 1


def test_in_overload_everybody_waits():
    assert erlang_c(3, 3) == erlang_c(3, 10) == 1


@pytest.mark.parametrize("n", [171, 10_000, 100_000])
def test_there_is_no_factorial_to_overflow(n):
    assert erlang_b(n, float(n)) == near(math.sqrt(2 / (math.pi * n)), rel=0.1)


@given(loads, shares)
def test_the_smallest_number_of_workers_is_the_smallest(a, share):
    for smallest, formula in ((erlang_b_workers, erlang_b), (erlang_c_workers, erlang_c)):
        n = smallest(a, share)
        assert formula(n, a) <= share
        assert n == 1 or formula(n - 1, a) > share


@given(st.integers(1, 60), st.floats(1e-9, 0.999))
def test_a_load_is_found_that_loses_or_waits_just_so(n, share):
    assert erlang_b(n, erlang_b_load(n, share)) == near(share, rel=1e-9)
    assert erlang_c(n, erlang_c_load(n, share)) == near(share, rel=1e-9)


@given(st.floats(0.1, 100), st.floats(0, 5), st.floats(0.01, 0.99))
def test_a_level_of_service_is_kept_by_as_few_workers_as_can(arrival_rate, seconds, share):
    def level(n):
        return 1 - erlang_c(n, arrival_rate) * math.exp(-(n - arrival_rate) * seconds)

    n = workers_within(arrival_rate, 1.0, seconds, share)
    assert n > arrival_rate
    assert level(n) >= share - 1e-12
    assert n - 1 <= arrival_rate or level(n - 1) < share


@given(st.floats(1e-4, 0.999))
def test_beta_is_that_of_the_share(share):
    assert halfin_whitt(halfin_whitt_beta(share)) == near(share)


@given(st.floats(1, 3000), st.floats(1e-6, 0.99))
@example(1739.0, 0.02)
@example(1.0, 0.02)
def test_the_square_root_rule_lacks_few_workers_the_more_the_rarer_a_wait_is(a, share):
    lacking = erlang_c_workers(a, share) - square_root_staffing(a, share)
    assert 0 <= lacking <= math.ceil((halfin_whitt_beta(share) ** 2 + 2) / 6)
    assert lacking <= 1 or share < 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: erlang_b(-1, 3),
        lambda: erlang_b(3, -1),
        lambda: erlang_b(math.inf, 3),
        lambda: erlang_c(0, 3),
        lambda: erlang_b_workers(3, 0),
        lambda: erlang_c_workers(3, 1),
        lambda: erlang_b_load(3, 1),
        lambda: workers_within(3, 1, -1, 0.8),
    ],
)
def test_numbers_without_a_meaning_are_refused(wrong):
    with pytest.raises(UsageError):
        wrong()


def test_nobody_comes_nobody_is_lost():
    assert erlang_b(3, 0) == 0
    assert erlang_b(0, 0) == 1


@given(st.integers(1, 4000), st.floats(0.01, 8000))
def test_the_recursion_begins_near_the_load_and_loses_no_digit(n, a):
    blocked = 1.0
    for k in range(1, n + 1):
        blocked = a * blocked / (k + a * blocked)
    assert erlang_b(n, a) == near(blocked, rel=1e-12, abs=1e-300)


def test_a_billion_workers_are_no_matter():
    assert erlang_b(10**9, 1e9) == near(math.sqrt(2 / math.pi / 1e9), rel=1e-4)
    assert erlang_b(10**9, 1e3) == 0
    assert erlang_c_workers(1e7, 0.1) - square_root_staffing(1e7, 0.1) in (0, 1)
