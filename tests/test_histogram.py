from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.histogram import Counted, Histogram

durations = st.lists(st.floats(0, 5000), min_size=1, max_size=200)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram


@given(durations, st.floats(0, 100))
def test_a_percentile_is_off_by_at_most_a_tenth_of_a_per_cent(values: list[float], q: float) -> None:
    exact = sorted(values)[max(1, math.ceil(q / 100 * len(values))) - 1]
    assert filled(values).percentile(q) == pytest.approx(exact, rel=1e-3, abs=1e-9)


@given(durations)
def test_count_mean_and_max_are_exact(values: list[float]) -> None:
    histogram = filled(values)
    assert histogram.count == len(values)
    assert histogram.mean == pytest.approx(sum(values) / len(values), abs=1.1e-9, rel=1e-12)
    assert histogram.max == histogram.percentile(100) == pytest.approx(max(values), abs=1.1e-9, rel=1e-12)


@given(durations, durations, durations)
def test_merging_is_associative_and_the_same_as_recording_all(a: list[float], b: list[float], c: list[float]) -> None:
    left, right, bc = filled(a), filled(a), filled(b)
    left.merge(filled(b))
    left.merge(filled(c))
    bc.merge(filled(c))
    right.merge(bc)
    assert left == right == filled(a + b + c)


@given(st.lists(st.floats(0, 100)))
def test_it_survives_json(values: list[float]) -> None:
    histogram = filled(values)
    assert Histogram.from_dict(json.loads(json.dumps(histogram.as_dict()))) == histogram


@given(durations)
def test_percentiles_never_fall_and_never_pass_the_maximum(values: list[float]) -> None:
    histogram = filled(values)
    found = histogram.percentiles([0, 10, 50, 90, 99, 99.9, 100])
    assert found == sorted(found)
    assert found[-1] == histogram.max


@given(st.lists(st.integers(-5, 2**52)))
def test_an_array_is_counted_as_its_values_one_by_one(nanoseconds: list[int]) -> None:
    together, one_by_one = Histogram(), Histogram()
    together.record_array(np.array(nanoseconds, dtype=np.int64))
    for value in nanoseconds:
        one_by_one.record_array(np.array([value], dtype=np.int64))
    assert together == one_by_one
    assert together.count == len(nanoseconds)


@given(st.lists(st.floats(0, 1000)))
def test_an_array_and_seconds_are_counted_alike(values: list[float]) -> None:
    together = Histogram()
    together.record_array(np.array([int(value * 1e9) for value in values], dtype=np.int64))
    assert together == filled(values)


@given(durations, st.integers(1, 9))
def test_a_coarser_one_is_what_fewer_cells_would_have_counted(values: list[float], bits: int) -> None:
    recorded = Histogram(bits)
    recorded.record_many(values)
    assert filled(values).coarser(bits) == recorded
    assert recorded.percentile(50) == pytest.approx(filled(values).percentile(50), rel=2**-bits, abs=1e-9)


def test_histograms_of_different_cells_are_not_added() -> None:
    with pytest.raises(ValueError, match="5 bits"):
        filled([1.0]).merge(Histogram(5))
    with pytest.raises(ValueError, match="5 bits"):
        Histogram(5).coarser(10)


def test_percentiles_come_in_the_order_they_were_asked_for() -> None:
    histogram = filled([n / 1000 for n in range(1, 1001)])
    assert histogram.percentiles([99, 50, 99]) == pytest.approx([0.990, 0.5, 0.990], rel=1e-3)


def test_an_empty_histogram_has_no_percentile_rather_than_a_zero() -> None:
    histogram = Histogram()
    assert histogram.count == 0
    assert all(map(math.isnan, [histogram.mean, histogram.max, histogram.percentile(50)]))
    assert "empty" in repr(histogram)


def test_a_negative_duration_counts_as_zero() -> None:
    histogram = filled([-0.5])
    assert (histogram.count, histogram.max) == (1, 0)


def test_what_is_not_a_finite_number_is_refused_and_leaves_no_trace() -> None:
    histogram = Histogram()
    for value in (math.nan, math.inf):
        with pytest.raises((ValueError, OverflowError)):
            histogram.record(value)
    assert histogram == Histogram()


@pytest.mark.parametrize("q", [-1, 100.5, math.nan])
def test_a_percentile_outside_of_0_to_100_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        filled([1.0]).percentile(q)


@pytest.mark.parametrize("form", [{}, {"unit": "us", "bits": 10, "cells": [], "total": 0, "max": 0}, {"unit": 3}])
def test_a_foreign_form_is_refused(form: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="not a histogram"):
        Histogram.from_dict(form)


@given(durations)
def test_its_steps_are_all_that_it_holds_and_rise(values: list[float]) -> None:
    steps = filled(values).steps()
    assert [count for _, count in steps] == [count for _, count in sorted(filled(values).counts.items())]
    assert sum(count for _, count in steps) == len(values)
    assert [value for value, _ in steps] == sorted(value for value, _ in steps)


def test_its_cells_are_written_as_counts_with_the_empty_ones_passed_over() -> None:
    histogram = filled([2e-9, 2e-9, 3e-9, 7e-9])
    assert histogram.as_dict()["cells"] == [-2, 2, 1, -3, 1]


@pytest.mark.parametrize("cells", [["x"], [[1, 2]], [None], 7])
def test_cells_that_cannot_be_are_refused(cells: object) -> None:
    with pytest.raises(UsageError, match="not a histogram"):
        Histogram.from_dict({"unit": "ns", "bits": 10, "total": 1, "max": 1, "cells": cells})


@given(st.lists(st.integers(-5, 2**45)), st.integers(1, 10), st.integers(1, 10))
def test_what_was_counted_once_is_the_same_in_every_histogram_it_is_added_to(values, bits, other) -> None:
    array = np.array(values, dtype=np.int64)
    one_by_one, at_once, in_steps = Histogram(bits), Histogram(bits), Histogram(bits)
    for value in values:
        one_by_one.record(value / 1e9)
    at_once.add(Counted.of(array))
    in_steps.add(Counted.of(array).coarser(max(bits, other)))
    assert at_once == in_steps
    assert at_once.count == one_by_one.count == len(values)
    exact = Histogram()
    exact.record_array(array)
    assert at_once == exact.coarser(bits)


def test_what_was_counted_in_fewer_cells_is_not_added_to_more() -> None:
    with pytest.raises(ValueError, match="9 bits"):
        Histogram(10).add(Counted.of(np.array([7]), 9))


@given(durations)
def test_one_made_no_coarser_is_a_copy(values: list[float]) -> None:
    histogram = filled(values)
    copy = histogram.coarser(histogram.bits)
    assert copy == histogram
    copy.record(1.0)
    assert copy.count == histogram.count + 1
