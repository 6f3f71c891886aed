import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.web.markup import Markup, element, embedded, joined

NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))  # a parser of HTML makes other signs of these


class Reader(HTMLParser):
    """Notes what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@given(NASTY, NASTY)
def test_text_stays_text_wherever_it_stands(inside, value):
    read = Reader(element("p", inside, [None, (inside,)], title=value))
    assert read.tags == [("p", {"title": value})]
    assert read.text == inside * 2


@given(st.recursive(NASTY | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(NASTY, inner)))
def test_json_within_a_script_is_read_back_and_cannot_end_it(value):
    text = embedded(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        embedded(float("nan"))


def test_attributes_are_named_as_in_html():
    made = element("div", class_="a", aria_label="b", hidden=True, title=None, open=False)
    assert made == '<div class="a" aria-label="b" hidden></div>'


def test_elements_without_content_have_no_end():
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_what_was_made_is_not_escaped_again():
    assert joined([element("b", "1 < 2"), Markup("&amp;")]) == "<b>1 &lt; 2</b>&amp;"
