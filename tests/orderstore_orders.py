"""Orders for the tests of the order store, good and poisoned, and a collection that can be down."""

from __future__ import annotations

import json
import re

from forebay.errors import Unavailable
from forebay.stores.collection import Document

GOOD = {
    "order_uid": "b563feb7b2b84b6test",
    "track_number": "WBILMTESTTRACK",
    "entry": "WBIL",
    "delivery": {
        "name": "Test Testov",
        "phone": "+9720000000",
        "zip": "2639809",
        "city": "Kiryat Mozkin",
        "address": "Ploshad Mira 15",
        "region": "Kraiot",
        "email": "test@gmail.com",
    },
    "payment": {
        "transaction": "b563feb7b2b84b6test",
        "request_id": "",
        "currency": "USD",
        "provider": "wbpay",
        "amount": 1817,
        "payment_dt": 1637907727,
        "bank": "alpha",
        "delivery_cost": 1500,
        "goods_total": 317,
        "custom_fee": 0,
    },
    "items": [
        {
            "chrt_id": 9934930,
            "track_number": "WBILMTESTTRACK",
            "price": 453,
            "rid": "ab4219087a764ae0btest",
            "name": "Mascaras",
            "sale": 30,
            "size": "0",
            "total_price": 317,
            "nm_id": 2389212,
            "brand": "Vivienne Sabo",
            "status": 202,
        }
    ],
    "locale": "en",
    "internal_signature": "",
    "customer_id": "test",
    "delivery_service": "meest",
    "shardkey": "9",
    "sm_id": 99,
    "date_created": "2021-11-26T06:22:19Z",
    "oof_shard": "1",
}


def an_order(uid="b563feb7b2b84b6test", **changes):
    """A good order as JSON."""
    return json.dumps({**GOOD, "order_uid": uid, **changes}, ensure_ascii=False).encode()


def with_field(literal, name="note"):
    """A good order with one more field, whose value is raw JSON text."""
    return an_order()[:-1] + b', "%b": %b}' % (name.encode(), literal)


def with_name(raw):
    """A good order with raw bytes in a text of it."""
    return an_order().replace(b"Mascaras", raw)


def _nested(depth):
    return b"[" * depth + b"]" * depth


JSON_THAT_IS_NONE = {
    "nothing": b"",
    "blanks": b" \n\t",
    "a byte order mark": b"\xef\xbb\xbf" + an_order(),
    "UTF-16": an_order().decode().encode("utf-16"),
    "cut off": an_order()[:-20],
    "two documents": an_order() + an_order("another"),
    "something behind": an_order() + b"#",
    "a NUL byte behind": an_order() + b"\0",
    "a form": b"order_uid=b563feb7b2b84b6test",
    "single quotes": an_order().replace(b'"', b"'"),
    "no quotes": re.sub(rb'"(\w+)":', rb"\1:", an_order()),
    "a comma too many": an_order()[:-1] + b",}",
    "a comma doubled": an_order().replace(b", ", b",, ", 1),
    "a colon for a comma": an_order().replace(b", ", b": ", 1),
    "no colon": an_order().replace(b": ", b" ", 1),
    "a comment": b"/* order */" + an_order(),
    "an array not closed": an_order().replace(b"}]", b"}"),
    "an array closed by a brace": an_order().replace(b"}]", b"}}"),
    "NaN": with_field(b"NaN"),
    "Infinity": with_field(b"-Infinity"),
    "a plus sign": with_field(b"+1"),
    "a leading zero": with_field(b"012"),
    "a minus alone": with_field(b"-"),
    "a point alone": with_field(b".5"),
    "a point at the end": with_field(b"1."),
    "an exponent without digits": with_field(b"1e"),
    "hexadecimal": with_field(b"0x1F"),
    "full-width digits": with_field("１".encode()),
    "True": with_field(b"True"),
    "half a word": with_field(b"nul"),
    "a control character in a text": with_name(b"Mas\x1fcaras"),
    "a line feed in a text": with_name(b"Mas\ncaras"),
    "an escape that is none": with_name(rb"Mas\acaras"),
    "half an escape": with_name(rb"Mas\u00A"),
    "not UTF-8": with_name(b"Mas\xffcaras"),
    "a text cut within a character": with_name(b"Mas\xe2\x82"),
    "an overlong slash": with_name(b"Mas\xc0\xaf"),
    "a surrogate in UTF-8": with_name(b"Mas\xed\xa0\x80"),
    "beyond Unicode": with_name(b"Mas\xf4\x90\x80\x80"),
    "brackets without end": b"[" * 10_000,
    "braces without end": b'{"a":' * 3_000,
}

REFUSED_BY_DATABASES = {
    "NUL in a text": with_name(rb"Mas\u0000caras"),
    "NUL in a key": with_field(b"1", r"no\u0000te"),
    "the first half of a pair": with_name(rb"Mas\ud83d"),
    "the second half of a pair": with_name(rb"\ude00caras"),
    "a pair the wrong way round": with_name(rb"\ude00\ud83d"),
    "half a pair in a further field": with_field(rb'"\udfff"'),
    "a huge exponent": with_field(b"1e999999999"),
    "a tiny exponent": with_field(b"1e-999999999"),
    "digits without end": with_field(b"9" * 10_000),
    "a fraction without end": with_field(b"0." + b"1" * 10_000),
    "nested too deeply": with_field(_nested(100)),
    "a key twice": with_field(b'"another"', "order_uid"),
    "a key twice, once escaped": with_field(b'"another"', r"order\u005fuid"),
    "a key twice in a part": an_order().replace(b'"city":', b'"city": "", "city":'),
}

NO_ORDERS = {
    "null": b"null",
    "a number": b"1",
    "a text": b'"order"',
    "an empty list": b"[]",
    "a list of orders": b"[" + an_order() + b"]",
    "an empty order": b"{}",
    "no uid": an_order().replace(b'"order_uid"', b'"order_id"'),
    "an empty uid": an_order(""),
    "a long uid": an_order("x" * 201),
    "a number as uid": an_order(7),
    "no delivery": an_order(delivery=None),
    "a delivery of texts": an_order(delivery=["Test Testov"]),
    "no city": an_order(delivery={**GOOD["delivery"], "city": None}),
    "an amount in a text": an_order(payment={**GOOD["payment"], "amount": "1817"}),
    "an amount below zero": an_order(payment={**GOOD["payment"], "amount": -1}),
    "an amount with cents": an_order(payment={**GOOD["payment"], "amount": 18.17}),
    "an amount beyond 64 bits": an_order(payment={**GOOD["payment"], "amount": 2**63}),
    "true for a number": an_order(sm_id=True),
    "items that are none": an_order(items={}),
    "an item of nothing": an_order(items=[{}]),
    "no date": an_order(date_created="yesterday"),
    "a 13th month": an_order(date_created="2021-13-26T06:22:19Z"),
    "a date in a number": an_order(date_created=1637907739),
    "a long text": an_order(locale="x" * 2_001),
    "too large": an_order(note="x" * 20_001),
}

POISON = JSON_THAT_IS_NONE | REFUSED_BY_DATABASES | NO_ORDERS


class DictCollection:
    """A collection in a dictionary.

    `down`: how many of the next calls fail. `gaps`: numbers that each order leaves out. `calls`: what was asked.
    """

    def __init__(self, gaps=0):
        self.documents = {}
        self.down = 0
        self.gaps = gaps
        self.calls = []

    async def keep(self, documents):
        self._called("keep")
        for one in documents:
            number = (len(self.documents) + 1) * (self.gaps + 1)
            self.documents.setdefault(one.key, Document(one.key, one.value, number))
        return [self.documents[one.key] for one in documents]

    async def get(self, key):
        self._called("get")
        return self.documents.get(key)

    async def numbered(self, number):
        self._called("numbered")
        return next((one for one in self.documents.values() if one.number == number), None)

    async def newest(self, limit, before=None):
        self._called("newest")
        found = [one for one in self.documents.values() if before is None or one.number < before]
        return sorted(found, key=lambda one: -one.number)[:limit]

    def _called(self, name):
        self.calls.append(name)
        if self.down:
            self.down -= 1
            raise Unavailable("the store is down")
