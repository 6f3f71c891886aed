"""What is an order, and what is not: each poison is refused with a reason, by the text that it came in."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from forebay.errors import Undecodable
from forebay.services.orderstore.reading import created_of, reader
from forebay.stores.collection import Document
from orderstore_orders import POISON, an_order, with_field, with_name

read = reader(20_000)


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_what_is_no_order_is_refused_with_a_reason(body):
    with pytest.raises(Undecodable) as refused:
        read(body)
    assert 3 < len(str(refused.value)) < 300


GOOD = {
    "as it is": an_order(),
    "blanks around": b" \r\n" + an_order() + b"\t\n",
    "another alphabet": an_order("заказ-№1"),
    "a pair of surrogates": with_name(rb"\ud83d\ude00"),
    "an escaped backslash before u0000": with_name(rb"\\u0000"),
    "a further field": with_field(b'{"a": [1, 2.5, -0.0, 1e300, null, true]}'),
    "a further field of many digits": with_field(b"123456789012345678901234567890"),
    "no items": an_order(items=[]),
    "a date without a zone": an_order(date_created="2021-11-26T06:22:19"),
    "a date with a zone": an_order(date_created="2021-11-26T09:22:19+03:00"),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_a_good_order_is_taken_as_it_came(body):
    arrived = read(body)
    assert arrived.document == Document(json.loads(body)["order_uid"], body)
    assert arrived.created == datetime(2021, 11, 26, 6, 22, 19, tzinfo=UTC).timestamp()
    assert created_of(arrived.document) == arrived.created


def test_the_limit_of_size_is_the_last_that_is_taken():
    body = an_order()
    assert reader(len(body))(body).document.value == body
    with pytest.raises(Undecodable, match=f"an order of {len(body):,} bytes, more than {len(body) - 1:,}"):
        reader(len(body) - 1)(body)


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_dates_at_the_ends_of_time_are_dates(date):
    assert created_of(Document("a", read(an_order(date_created=date)).document.value)) != 0.0


@pytest.mark.parametrize("value", [b"[]", b"{}", b"\xff", b'{"date_created": 5}'])
def test_a_document_that_somebody_else_put_there_was_created_long_ago(value):
    assert created_of(Document("a", value)) == 0.0
