"""What a request says by name, in its query or in a form."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Undecodable
from forebay.intake.http import Request

URLENCODED = b"application/x-www-form-urlencoded"
PARTS = (
    b'--xyz\r\nContent-Disposition: form-data; name="rate"\r\n\r\n7\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="text"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xd0\xb6\r\n--xyz--\r\n"
)


def asked(query="", body=b"", kind=None):
    return Request("POST", "/rate", query, {} if kind is None else {b"content-type": kind}, body)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("rate=7", "7"),
        ("rate=", ""),
        ("rate", ""),
        ("", None),
        ("rates=7", None),
        ("a=1&rate=7&rate=8", "7"),
        ("rate=a%20b+c", "a b c"),
        ("r%61te=7", "7"),
        ("rate=%D0%B6", "ж"),
        ("rate=a=b", "a=b"),
        ("rate=ж+я&a=1".encode().decode("latin-1"), "ж я"),  # as curl sends what nobody has escaped
        ("rate=ж".encode().decode("latin-1"), "ж"),
    ],
)
def test_a_query_is_read_as_browsers_write_it(query, value):
    assert asked(query).parameter("rate") == value


def test_a_form_is_heard_before_the_query():
    assert asked("rate=1", b"rate=2", URLENCODED).parameter("rate") == "2"
    assert asked("rate=1", b"other=2", URLENCODED).parameter("rate") == "1"
    assert asked("rate=1", b"rate=2", b"text/plain").parameter("rate") == "1"
    assert asked("", b"rate=a+b", URLENCODED + b"; charset=utf-8").parameter("rate") == "a b"


def test_a_form_of_several_parts_is_read_too():
    request = asked("", PARTS, b'multipart/form-data; boundary="xyz"')
    assert [request.parameter(name) for name in ("rate", "text", "other")] == ["7", "ж", None]


@pytest.mark.parametrize(
    ("query", "body", "kind"),
    [
        ("rate=%FF", b"", None),
        ("rate=\xff", b"", None),
        ("&".join(["rate=1"] * 1_001), b"", None),
        ("", b"rate=\xff", URLENCODED),
        ("", PARTS, b"multipart/form-data"),
        ("", b"rate=7", b"multipart/form-data; boundary=xyz"),
        ("", PARTS.replace(b"\xd0", b"\xff"), b"multipart/form-data; boundary=xyz"),
    ],
)
def test_what_cannot_be_read_is_refused(query, body, kind):
    request = asked(query, body, kind)
    with pytest.raises(Undecodable):
        [request.parameter("rate"), request.parameter("text")]


@given(st.dictionaries(st.sampled_from(["rate", "a", "b&", "ж"]), st.text(max_size=20), max_size=4))
def test_what_was_encoded_is_read_back(values):
    request = asked(urlencode(values))
    assert {name: request.parameter(name) for name in values} == values


@given(st.binary(max_size=60), st.sampled_from([URLENCODED, b"multipart/form-data; boundary=xyz"]))
def test_no_body_does_harm(body, kind):
    try:
        value = asked("", body, kind).parameter("rate")
    except Undecodable:
        return
    assert value is None or isinstance(value, str)
