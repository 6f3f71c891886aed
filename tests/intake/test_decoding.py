import json
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from forebay.errors import Undecodable
from forebay.intake.decoding import _is_plain_struct, check, decoder, fingerprint

Number = Annotated[int, Meta(ge=0, le=100)] | Annotated[str, Meta(pattern=r"^(?:100|[1-9]?[0-9])(?![\s\S])")]


class Order(Struct, forbid_unknown_fields=True):
    product_id: Number
    count: Number
    username: str


class Optional(Struct, forbid_unknown_fields=True):
    a: int
    b: str = ""


class Loose(Struct):
    a: int


class Real(Struct, forbid_unknown_fields=True):
    a: float


class Tagged(Struct, forbid_unknown_fields=True, tag="x"):
    a: int


class Nested(Struct, forbid_unknown_fields=True):
    a: Order


class Deep(Struct):
    a: list[Nested]
    b: Loose | None
    c: Annotated[str, Meta(max_length=5)]
    d: datetime


class Recursive(Struct):
    a: "Recursive | None"


class Rendering(Struct):
    a: int

    def __post_init__(self) -> None:
        self.a += 1


class Keeping(Struct, forbid_unknown_fields=True):
    a: msgspec.Raw


GOOD = b'{"product_id": "33", "count": "3", "username": "maksim.konovalov"}'

order = decoder(Order)
anything = decoder(Any)


def test_a_good_order_is_taken():
    assert order(GOOD) == Order("33", "3", "maksim.konovalov")
    assert order('{"count":0,"username":"Ма\\"\\u0416\\\\u0000","product_id":100}'.encode()).username == 'Ма"Ж\\u0000'


NOT_JSON = {
    "nothing": b"",
    "blanks": b"  \n",
    "half": GOOD[:-1],
    "trailing bytes": GOOD + b"x",
    "two documents": GOOD + GOOD,
    "NUL behind it": GOOD + b"\0",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "not UTF-8": GOOD.replace(b"maksim", b"\xff\xfe"),
    "a surrogate in UTF-8": GOOD.replace(b"maksim", b"\xed\xa0\x80"),
    "an overlong NUL": GOOD.replace(b"maksim", b"\xc0\x80"),
    "a NUL byte": GOOD.replace(b"maksim", b"\0"),
    "an escaped NUL": GOOD.replace(b"maksim", rb"\u0000"),
    "an escaped NUL behind a backslash": GOOD.replace(b"maksim", rb"\\\u0000"),
    "the first half of a pair": GOOD.replace(b"maksim", rb"\ud800"),
    "the second half of a pair": GOOD.replace(b"maksim", rb"\udc00"),
    "a pair the wrong way round": GOOD.replace(b"maksim", rb"\udc00\ud800"),
    "a line feed in a text": GOOD.replace(b"maksim", b"\n"),
    "an unknown escape": GOOD.replace(b"maksim", rb"\x41"),
    "single quotes": GOOD.replace(b'"', b"'"),
    "a comma too many": GOOD.replace(b"}", b",}"),
    "a comment": GOOD + b"// no",
    "NaN": GOOD.replace(b'"3"', b"NaN"),
    "Infinity": GOOD.replace(b'"3"', b"-Infinity"),
    "a leading zero": GOOD.replace(b'"3"', b"03"),
    "a plus": GOOD.replace(b'"3"', b"+3"),
    "hexadecimal": GOOD.replace(b'"3"', b"0x3"),
    "a bare point": GOOD.replace(b'"3"', b"3."),
}
NOT_AN_ORDER = {
    "null": b"null",
    "a list": b"[" + GOOD + b"]",
    "a text": b'"33"',
    "no username": b'{"product_id": "33", "count": "3"}',
    "an unknown field": GOOD.replace(b"}", b', "x": 1}'),
    "a key twice": GOOD.replace(b"}", b', "count": "3"}'),
    "a key twice, with other values": GOOD.replace(b"}", b', "count": 5}'),
    "a key twice, once escaped": GOOD.replace(b"}", b', "c\\u006funt": "3"}'),
    "a plus in the text": GOOD.replace(b'"3"', b'"+3"'),
    "a blank in the text": GOOD.replace(b'"3"', b'" 3"'),
    "a line feed behind the number": GOOD.replace(b'"3"', b'"3\\n"'),
    "a fraction": GOOD.replace(b'"3"', b"3.0"),
    "a fraction in the text": GOOD.replace(b'"3"', b'"3.0"'),
    "an exponent": GOOD.replace(b'"3"', b"1e1"),
    "an underscore": GOOD.replace(b'"33"', b'"3_3"'),
    "other digits": GOOD.replace(b'"3"', '"٣"'.encode()),
    "true": GOOD.replace(b'"3"', b"true"),
    "101": GOOD.replace(b'"3"', b"101"),
    "-1": GOOD.replace(b'"3"', b"-1"),
    "5000 digits": GOOD.replace(b'"3"', b"1" * 5000),
    "5000 digits in the text": GOOD.replace(b'"3"', b'"%b"' % (b"1" * 5000)),
    "deep nesting": GOOD.replace(b'"3"', b"[" * 100_000),
    "deep nesting, closed": GOOD.replace(b'"3"', b"[" * 2_000 + b"]" * 2_000),
    "a long unknown key": b'{"' + b"x" * 100_000 + b'": 1}',
}


@pytest.mark.parametrize("name", [*NOT_JSON, *NOT_AN_ORDER])
def test_a_bad_order_is_refused_with_a_short_reason(name):
    with pytest.raises(Undecodable) as caught:
        order((NOT_JSON | NOT_AN_ORDER)[name])
    assert 3 < len(caught.value.what) <= 200


@pytest.mark.parametrize("body_type", [Any, Order, dict])
def test_where_a_body_stops_being_utf8_is_told_by_its_place_in_the_body(body_type):
    with pytest.raises(Undecodable, match=rf"^not UTF-8 \(byte {GOOD.index(b'maksim') + 2}\)$"):
        decoder(body_type)(GOOD.replace(b"maksim", b"ma\xffksim"))


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused_whatever_the_type(name):
    for decode in (anything, decoder(dict), decoder(Keeping)):
        with pytest.raises(Undecodable):
            decode(NOT_JSON[name])
    if name not in {"nothing"}:
        with pytest.raises(Undecodable):
            decoder(Keeping)(b'{"a": ' + NOT_JSON[name] + b"}")


UNSTORABLE = {
    "an exponent that no store takes": b"1e400",
    "a tiny exponent": b"1e-99999",
    "nothing with an exponent": b"0e99999999999",
    "an endless exponent": b"1e" + b"9" * 5000,
    "a long integer": b"1" * 5000,
    "a long fraction": b"0." + b"1" * 5000,
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, deep inside": b'[{"b": [{"a": 1, "b": 2, "a": 2}]}]',
    "a NUL in a key": rb'{"\u0000": 1}',
    "a NUL in a list": rb'["a", "b\u0000"]',
    "65 levels": b"[" * 65 + b"]" * 65,
    "65 levels of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "100000 levels": b"[" * 100_000,
}


@pytest.mark.parametrize("name", UNSTORABLE)
def test_json_that_some_store_refuses_is_refused(name):
    for raw in (UNSTORABLE[name], b'{"a": %b}' % UNSTORABLE[name]):
        with pytest.raises(Undecodable):
            anything(raw)
        with pytest.raises(Undecodable):
            decoder(Keeping)(b'{"a": %b}' % raw)


def test_brackets_in_texts_and_many_shallow_lists_are_no_depth():
    assert anything(json.dumps(["[" * 100, "\\" * 3, '"[[[' * 90]).encode())
    assert anything(json.dumps([[]] * 5000).encode())
    assert anything(b"[" * 64 + b"]" * 64)


def test_an_optional_or_ignored_field_does_not_hide_a_repeated_key():
    for kind, raw in (
        (Optional, b'{"a":1,"a":2}'),
        (Optional, b'{"a":1,"b":"","b":""}'),
        (Loose, b'{"a":1,"b":1,"b":2}'),
    ):
        with pytest.raises(Undecodable, match="twice"):
            decoder(kind)(raw)


def test_only_types_for_which_the_count_is_a_proof_take_the_short_way():
    assert all(_is_plain_struct(kind) for kind in (Order, Loose, Nested, Deep))
    without = (Optional, Real, Tagged, Recursive, Rendering, Keeping, dict, Any, int, list[int])
    assert not any(_is_plain_struct(kind) for kind in without)


def test_bytes_are_taken_as_they_are():
    assert decoder(bytes)(b"\0\xff") == b"\0\xff"


def test_a_fingerprint_does_not_see_blanks_or_the_order_of_keys():
    assert fingerprint(order(GOOD)) == fingerprint(order(GOOD.replace(b" ", b"")))
    assert fingerprint(anything(b'{"a":1,"b":[2]}')) == fingerprint(anything(b'{ "b": [2], "a": 1 }'))
    assert fingerprint(anything(b'{"a":1}')) != fingerprint(anything(b'{"a":"1"}'))


class Flat(Struct, forbid_unknown_fields=True):
    a: int | str | None
    b: str
    c: bool | str


KEYS = st.sampled_from(['"a"', '"b"', '"c"', '"\\u0061"', '"d"', '"A"'])
VALUES = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.text(max_size=5).map(json.dumps),
    st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(["true", "false", "null", '""', '"\\""', "1.0", "[]", "{}", '"\\u0000"', '{"a":""}']),
)
BODIES = st.lists(st.tuples(KEYS, VALUES), max_size=6).map(
    lambda pairs: ("{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}").encode("utf-8", "surrogatepass")
)


@settings(max_examples=1500, deadline=None)
@given(BODIES)
def test_the_short_way_and_the_exact_scan_say_the_same(raw):
    try:
        expected = msgspec.json.decode(raw, type=Flat)
        check(raw)
    except (msgspec.DecodeError, ValueError, Undecodable):
        expected = None
    try:
        taken = decoder(Flat)(raw)
    except Undecodable:
        taken = None
    assert taken == expected


class Leaf(Struct):
    a: str | int
    b: int | None


class Tree(Struct):
    a: list[Leaf]
    b: Leaf
    d: str


LEAVES = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4).map(
    lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
)
GOOD_LEAVES = st.builds(lambda a, b: f'{{"a":{json.dumps(a)},"b":{b}}}', st.text(max_size=4), st.integers(-9, 9))
TREES = st.lists(
    st.tuples(
        KEYS,
        st.one_of(
            GOOD_LEAVES,
            GOOD_LEAVES,
            LEAVES,
            VALUES,
            st.lists(GOOD_LEAVES | LEAVES, max_size=2).map(lambda leaves: "[" + ",".join(leaves) + "]"),
        ),
    ),
    max_size=6,
).map(lambda pairs: ("{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}").encode("utf-8", "surrogatepass"))
GOOD_TREES = st.builds(
    lambda leaves, leaf, text, more: f'{{"a":[{",".join(leaves)}],"b":{leaf},"d":{text}{more}}}'.encode(
        "utf-8", "surrogatepass"
    ),
    st.lists(GOOD_LEAVES | LEAVES, max_size=2),
    GOOD_LEAVES | LEAVES,
    st.text(max_size=4).map(json.dumps) | st.sampled_from([r'"\u0022\u0022"', r'"\u0000"', r'"\ud800"', r'"\/\n"']),
    st.sampled_from(["", ',"e":1', ',"d":""', ',"\\u0064":"x"', ',"b":{"a":1,"b":2}']),
)


@settings(max_examples=1500, deadline=None)
@given(TREES | GOOD_TREES)
def test_the_short_way_and_the_exact_scan_say_the_same_of_nested_bodies(raw):
    try:
        expected = msgspec.json.decode(raw, type=Tree)
        check(raw)
    except (msgspec.DecodeError, ValueError, Undecodable):
        expected = None
    try:
        taken = decoder(Tree)(raw)
    except Undecodable:
        taken = None
    assert taken == expected


FUZZ = st.one_of(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    st.text(alphabet='{}[]",:\\u0d8c1e+-.9 tfn', max_size=30).map(str.encode),
    st.sampled_from(
        [*NOT_JSON.values(), *NOT_AN_ORDER.values(), *UNSTORABLE.values(), b"-0", b"1e400", b"1e-400", b"9" * 400]
    ),
    st.integers(-500, 500).map(lambda exponent: b"1.5e%d" % exponent),
)


def accepted(raw):
    try:
        anything(raw)
    except Undecodable:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(FUZZ)
def test_sqlite_takes_all_that_is_accepted(raw):
    if accepted(raw):
        with closing(sqlite3.connect(":memory:")) as connection:
            assert connection.execute("SELECT json_valid(?)", (raw.decode(),)).fetchone() == (1,)


@pytest.mark.server
def test_postgresql_takes_all_that_is_accepted(postgres):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres.url, autocommit=True) as connection:

        @settings(max_examples=400, deadline=None)
        @given(FUZZ)
        def every_case(raw):
            if accepted(raw):
                connection.execute("SELECT %s::text::jsonb", (raw.decode(),))

        every_case()
