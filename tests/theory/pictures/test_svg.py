"""The SVG writer: valid XML whatever it is given, no scripts, colours for light and dark that can be told apart."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.theory.pictures.svg import COLOURS, Sheet, escape

HOSTILE = ["<script>alert(1)</script>", '"/><image href="x" onload="y"/>', "a & b < c", "\x00\x1b[31m", "\ud800", "]]>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_stays_text(text):
    sheet = Sheet(100, 100, text, text)
    sheet.text(1, 2, text)
    root = ET.fromstring(str(sheet).encode())
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
    }
    assert all(not name.startswith("on") for element in root.iter() for name in element.attrib)


@given(st.text())
def test_every_text_can_stand_in_it(text):
    root = ET.fromstring(f"<a b='{escape(text)}'>{escape(text)}</a>".encode())
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    assert len(root.text or "") == len(kept)


def test_it_says_what_it_shows_and_how_large_it_is():
    root = ET.fromstring(str(Sheet(320, 200, "title", "about")))
    assert root.attrib["viewBox"] == "0 0 320 200"
    assert root.attrib["role"] == "img"
    told = {child.attrib["id"]: child.text for child in root if "id" in child.attrib}
    assert list(told.values()) == ["title", "about"]
    assert root.attrib["aria-labelledby"].split() == list(told)


def test_two_pictures_on_one_page_do_not_disturb_it_or_each_other():
    one, other = (ET.fromstring(str(Sheet(1, 1, title, ""))) for title in ("one", "other"))
    assert one.attrib["aria-labelledby"] != other.attrib["aria-labelledby"]
    style = one.find("{http://www.w3.org/2000/svg}style").text.replace("@media(prefers-color-scheme:dark){", "")
    assert all(rule.startswith(".forebay ") for rule in style.strip("}").split("}"))


def test_it_knows_dark_pages():
    assert "@media(prefers-color-scheme:dark)" in str(Sheet(1, 1, "", ""))


@pytest.mark.parametrize("column", [1, 2], ids=["light", "dark"])
def test_colours_stand_out_from_the_paper(column):
    paper = {1: "#ffffff", 2: "#0d1117"}[column]
    assert [one[0] for one in COLOURS if contrast(one[column], paper) < 3] == []


@pytest.mark.parametrize("column", [1, 2], ids=["light", "dark"])
def test_no_two_colours_are_alike(column):
    alike = [(a[0], b[0]) for a, b in combinations(COLOURS, 2) if distance(a[column], b[column]) < 60]
    assert alike == []


def channels(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def luminance(colour):
    """Relative luminance as the Web Content Accessibility Guidelines 2.1 define it."""
    parts = [c / 255 for c in channels(colour)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(channels(a), channels(b), strict=True)) ** 0.5
