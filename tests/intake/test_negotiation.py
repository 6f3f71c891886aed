"""Which form of an answer a client would rather have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.intake.http import Request
from forebay.intake.negotiation import preferred

KINDS = ("text/plain", "application/json")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain"),
        ("application/json", "application/json"),
        ("Application/JSON; q=0.8, text/*;q=0.5", "application/json"),
        ("text/*;q=0.9, application/json;q=0.1", "text/plain"),
        ("*/*;q=0.1, application/json", "application/json"),
        ("text/plain;q=0, */*", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "text/plain"),
        ("image/png", "text/plain"),
        ("application/json;q=many", "text/plain"),
        (",;,", "text/plain"),
        ("application/json;q=nan", "text/plain"),
        ("text/plain;q=nan, application/json;q=0.1", "application/json"),
        ("text/plain;q=-1, application/json;q=0.1", "application/json"),
    ],
)
def test_the_heaviest_that_is_offered_is_chosen(accept, kind):
    assert preferred(accept, KINDS) == kind


def test_who_says_nothing_gets_the_first():
    assert Request("GET", "/", "", {}, b"").prefers(*KINDS) == "text/plain"


@given(st.text(max_size=80))
def test_whatever_is_sent_one_of_the_kinds_is_chosen(accept):
    assert preferred(accept, KINDS) in KINDS
