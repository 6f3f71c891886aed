"""A form of several parts, as browsers and curl write it, and as who means harm does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Undecodable
from forebay.intake.multipart import MOST_PARTS, in_parts

KIND = b"multipart/form-data; boundary=xyz"
HEAD = b'Content-Disposition: form-data; name="rate"'


def form(*parts, boundary=b"xyz"):
    return b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head, value) for head, value in parts) + b"--xyz--\r\n"


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        b"content-disposition:form-data;name=rate",
        HEAD + b"\r\nContent-Type: text/plain; charset=utf-8",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n" + HEAD,
        b'Content-Disposition: form-data; filename="a; name=other; \\" "; name="rate"',
    ],
)
def test_a_part_is_found_by_its_name(head):
    assert in_parts(KIND, form((b'Content-Disposition: form-data; name="a"', b"1"), (head, b"7")), "rate") == "7"


@pytest.mark.parametrize(
    "kind",
    [
        b'multipart/form-data; charset=utf-8; boundary="xyz"',
        b"multipart/form-data;Boundary=xyz ; charset=utf-8",
    ],
)
def test_a_boundary_is_read_quoted_or_not_among_other_parameters(kind):
    assert in_parts(kind, b"a preamble\r\n" + form((HEAD, b"7")) + b"an epilogue", "rate") == "7"


def test_of_several_parts_of_a_name_the_first_counts_and_a_part_without_a_name_is_none():
    assert in_parts(KIND, form((b"Content-Type: text/plain", b"0"), (HEAD, b"1"), (HEAD, b"2")), "rate") == "1"
    assert in_parts(KIND, form((HEAD, b"1")), "other") is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"multipart/form-data", form((HEAD, b"7"))),
        (b"multipart/form-data; boundary=abc", form((HEAD, b"7"))),
        (KIND, form((HEAD, b"7")).replace(b"\r\n", b"\n")),
        (KIND, b"--xyz\r\n" + HEAD + b"\r\n\r\n7"),  # its end has not come
        (KIND, form((HEAD + b"\r\nContent-Transfer-Encoding: base64", b"Nw=="))),
        (KIND, form((HEAD, b"\xff"))),
        (KIND, b"--xyzz" + form((HEAD, b"7"))),
    ],
)
def test_a_broken_form_is_refused(kind, body):
    with pytest.raises(Undecodable):
        in_parts(kind, body, "rate")


def nested(levels):
    inner = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(levels))
    return b"--xyz\r\n" + inner + b"\r\n--xyz--"


@pytest.mark.parametrize(
    "body",
    [
        form(*[(HEAD, b"7")] * (MOST_PARTS + 1)),
        form((HEAD + b"; a*0=x" * 1_000, b"7")),
        form((HEAD + b";" * 250_000, b"7")),
        form((HEAD + b"(" * 250_000, b"7")),
        b"--xyz\r\n" * 30_000,
    ],
)
def test_a_form_that_would_cost_much_is_refused(body):
    with pytest.raises(Undecodable):
        in_parts(KIND, body, "rate")


def test_parts_within_parts_are_the_text_of_one_part():
    assert in_parts(KIND, nested(5_000), "rate") is None  # the parser of mail goes down until Python ends it


NAMES = st.text("abc-ж", min_size=1, max_size=4)
VALUES = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("\r\n-xyz", max_size=30)


@given(st.dictionaries(NAMES, VALUES.filter(lambda text: "\r\n--xyz" not in "\r\n" + text + "\r\n"), max_size=4))
def test_what_was_written_into_a_form_is_read_back(values):
    parts = [(f'Content-Disposition: form-data; name="{name}"'.encode(), v.encode()) for name, v in values.items()]
    assert {name: in_parts(KIND, form(*parts), name) for name in values} == values
