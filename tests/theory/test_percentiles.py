"""Percentiles from tails: right, rising, and found with few evaluations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.theory.percentiles import Percentiles, invert


@given(st.floats(1e-6, 1e6), st.floats(1e-9, 0.999), st.floats(1e-3, 1e3))
def test_an_exponential_time_is_inverted_whatever_the_scale(mean, p, scale):
    assert invert(lambda t: math.exp(-t / mean), p, mean * scale) == pytest.approx(-mean * math.log(p), rel=1e-9)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=9), st.floats(0.001, 0.999))
def test_a_jump_is_found_to_the_last_bit(times, p):
    def tail(t):
        return sum(time > t for time in times) / len(times)

    t = invert(tail, p, 1.0)
    assert t == 0 or t in times
    assert tail(t) <= p


def test_what_never_falls_so_low_is_inf_and_what_is_low_at_once_is_0():
    assert invert(lambda t: 0.5 + 0.5 * math.exp(-t), 0.4, 1.0) == math.inf
    assert invert(lambda t: 0.3 * math.exp(-t), 0.5, 1.0) == 0


def test_a_tail_that_begins_at_p_but_for_its_rounding_is_0():
    assert invert(lambda t: (0.1 + 1e-17) * (1 + 3e-9) * math.exp(-t), 0.1, 1.0) == 0
    assert invert(lambda t: 0.1001 * math.exp(-t), 0.1, 1.0) == pytest.approx(1e-3, rel=1e-3)


def test_four_percentiles_of_a_smooth_tail_take_few_evaluations():
    seen = []

    def tail(t):
        seen.append(t)
        return 0.7 * math.exp(-t) + 0.3 * math.exp(-t / 7)

    find = Percentiles(tail, 3.0)
    found = [find(p) for p in (0.5, 0.1, 0.05, 0.01)]
    assert found == sorted(found)
    assert [tail(t) for t in found] == pytest.approx([0.5, 0.1, 0.05, 0.01], rel=1e-9)
    assert len(seen) < 40
