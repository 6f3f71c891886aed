"""Curves are clipped and thinned without looking different, labels do not lie on each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.theory.pictures.axes import Axis
from forebay.theory.pictures.chart import Area, Level, Line, Panel
from forebay.theory.pictures.curves import at_height, clipped, outline, stepped, thinned
from forebay.theory.pictures.labels import labels, overlap, spread

UNIT = Axis("", 0, 1)
POINTS = st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), min_size=2, max_size=30)


@given(POINTS)
def test_what_is_clipped_lies_within(points):
    for piece in clipped(points):
        assert all(-1e-9 <= part <= 1 + 1e-9 for point in piece for part in point)
        assert len(piece) >= 2


def test_a_line_that_leaves_and_comes_back_has_two_pieces():
    assert clipped([(0.2, 0.5), (0.4, 2.0), (0.6, 0.5)]) == [
        [(0.2, 0.5), pytest.approx((0.2667, 1.0), abs=1e-3)],
        [pytest.approx((0.5333, 1.0), abs=1e-3), (0.6, 0.5)],
    ]


def test_what_is_inside_is_not_touched():
    inside = [(0.1, 0.2), (0.5, 0.9), (1.0, 0.0)]
    assert clipped(inside) == [inside]


def test_steps_keep_their_value_until_the_next():
    assert stepped([(0, 1), (1, 1), (2, 3)]) == [(0, 1), (1, 1), (2, 1), (2, 3)]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4000))
def test_a_thinned_line_keeps_its_ends_and_its_extremes(heights):
    points = [(i / len(heights), height) for i, height in enumerate(heights)]
    kept = thinned(points, 50)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert (min(v for _, v in kept), max(v for _, v in kept)) == (min(heights), max(heights))
    assert len(kept) <= max(200, 4 * 51)


def test_an_area_is_closed_and_pressed_against_the_edges():
    border = outline(Area([0, 1], [-5, 0.5], [0.5, 9]), Panel(UNIT, UNIT, []))
    assert border == [(0, 0.5), (1, 1), (1, 0.5), (0, 0)]


def test_where_a_curve_passes_a_height():
    assert at_height([[(0, 0), (1, 1)]], 0.25) == 0.25
    assert at_height([[(0, 0), (1, 1)]], 2) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 12)), min_size=1, max_size=8))
def test_spread_labels_do_not_overlap_and_keep_their_order(wanted):
    middles, sizes = zip(*wanted, strict=True)
    found = spread(middles, sizes, 0, 100)
    assert not overlap(found, sizes)
    for (a, x), (b, y) in pairwise(sorted(zip(middles, found, strict=True))):
        assert a == b or x <= y


def test_labels_with_room_stay_where_they_are():
    assert spread([10, 50], [5, 5], 0, 100) == [10, 50]


def test_a_label_stands_where_its_line_leaves():
    marks = [
        Line([(0, 0.5), (1, 0.5)], "right"),
        Line([(0, 0), (0.5, 2)], "top"),
        Line([(0, 1), (0.5, -1)], "bottom"),
        Line([(2, 2), (3, 3)], "unseen"),
        Line([(0, 0), (1, 1)]),
        Level(0.3, "level"),
        Level(0.3, "upright", upright=True),
    ]
    sides = {label.text: label.side for label in labels(Panel(UNIT, UNIT, marks))}
    assert sides == {"right": "right", "top": "top", "bottom": "bottom", "level": "right", "upright": "top"}
