"""The timeline as text and as SVG: figures 5 to 8 to the character, and every request at its place."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.theory import draw, follow
from forebay.theory.pictures.lanes import MOST_PLACES, MOST_WORKERS, draw_timeline
from forebay.theory.pictures.staff import token

GOLDEN = Path(__file__).parent / "golden"
FIGURES = {5: ("D/D/1/0", "1/ms"), 6: ("D/D/1/0", "2/ms"), 7: ("D/D/2/0", "2/ms"), 8: ("D/D/1/1", "2/ms")}


def figure(number):
    return draw("timeline", *FIGURES[number], "0.5ms")


def elements(picture, tag, kind):
    """The elements of an SVG with a tag and a class."""
    root = ET.fromstring(picture.svg)
    found = [e for e in root.iter() if e.tag == f"{{http://www.w3.org/2000/svg}}{tag}"]
    return [e for e in found if kind in e.attrib.get("class", "").split()]


@pytest.mark.parametrize("number", FIGURES)
@pytest.mark.parametrize("form", ["", "-ascii"])
def test_a_figure_of_the_lecture_is_as_it_always_was(number, form):
    golden = (GOLDEN / f"figure-{number}{form}.txt").read_text("utf-8")
    assert figure(number).text(ascii=bool(form)) + "\n" == golden


@pytest.mark.parametrize(
    ("number", "works", "waits", "crosses", "came"),
    [(5, 4, 0, 0, 4), (6, 4, 0, 4, 8), (7, 8, 0, 0, 8), (8, 8, 4, 0, 8)],
)
def test_an_svg_has_a_bar_for_every_work_and_wait_and_a_cross_for_every_loss(number, works, waits, crosses, came):
    picture = figure(number)
    assert len(elements(picture, "rect", "work")) == works
    assert len(elements(picture, "rect", "queue")) == waits
    assert len(elements(picture, "path", "l-lost")) == crosses
    assert len(elements(picture, "circle", "slate")) + len(elements(picture, "circle", "lost")) == came


def test_in_figure_8_the_bars_touch_and_the_wait_ends_where_the_work_begins():
    bars = sorted((float(e.attrib["x"]), float(e.attrib["width"])) for e in elements(figure(8), "rect", "work"))
    for (x, width), (after, _) in pairwise(bars):
        assert after - (x + width) == pytest.approx(2, abs=0.05)  # the gap that tells neighbours apart
    waits = [float(e.attrib["x"]) + float(e.attrib["width"]) for e in elements(figure(8), "rect", "queue")]
    assert waits == pytest.approx([x - 2 for x, _ in bars[1::2]], abs=0.05)


def test_the_numbers_on_the_bars_are_those_of_the_requests():
    told = Counter(e.text for e in elements(figure(8), "text", "on") if e.text)
    assert told == Counter(list("12345678") * 2)  # one on the disc, one on the work
    assert sorted(e.text for e in elements(figure(8), "text", "on-queue")) == list("2468")


def test_the_data_are_exact():
    second = figure(8).as_dict()["requests"][1]
    assert second == {
        "number": 2, "fate": "served", "worker": 1, "arrived": "0", "started": "1/2000", "ended": "1/1000",
        "places": [[1, "0", "1/2000"]],
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1e3), st.floats(1e-9, 1e3)), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(0, 20),
    st.integers(40, 200),
    st.booleans(),
)
def test_whatever_happens_it_fits_and_is_valid(customers, n, q, width, ascii):
    arrivals, services = zip(*sorted(customers), strict=True)
    picture = draw_timeline(follow(arrivals, services, n, q))
    lines = picture.text(width, ascii).splitlines()
    assert max(map(len, lines)) <= width
    assert not ascii or all(line.isascii() for line in lines)
    ET.fromstring(picture.svg)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_tiny_and_huge_times_have_their_ticks(scale):
    picture = draw_timeline(follow([0, scale, 2 * scale], scale / 2))
    assert sum(sign in "└┴┘" for sign in picture.text()) >= 3


def test_more_places_and_workers_than_a_page_has_are_counted():
    picture = draw_timeline(follow([0] * 60, 1.0, 30))
    lines = picture.text(100).splitlines()
    assert sum(line.startswith("place ") for line in lines) == MOST_PLACES
    assert sum(line.startswith("worker ") for line in lines) == MOST_WORKERS
    assert f"+{30 - MOST_PLACES} more" in picture.text(100)
    assert f"+{30 - MOST_WORKERS} more" in picture.text(100)


@pytest.mark.parametrize(
    ("numbers", "room", "text"),
    [([1, 2], 9, "↓1 ↓2"), ([1, 2, 3], 6, "↓1-3"), ([1, 3, 9], 4, "↓x3"), ([1, 2, 3], 2, "↓"), ([7], 3, "↓7")],
)
def test_requests_are_named_as_far_as_there_is_room(numbers, room, text):
    assert token("↓", numbers, room) == text


@pytest.mark.parametrize("hostile", ["<b>&\"'", "\x1b[31mred", "a\nb"])
def test_a_hostile_name_steers_neither_page_nor_terminal(hostile):
    picture = draw_timeline(follow([0], 1.0, name=hostile))
    ET.fromstring(picture.svg)
    assert "\x1b" not in picture.text()
    assert len(picture.text().splitlines()) == len(draw_timeline(follow([0], 1.0, name="x")).text().splitlines())
