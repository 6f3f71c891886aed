"""Orders as clients send them: one that is good, its variations, and all that is not an order."""

from __future__ import annotations

import json

ORDER = {"product_id": "33", "count": "3", "username": "maksim.konovalov"}


def order(**changes):
    return {**ORDER, **changes}


def text(**changes):
    """The order as JSON, with values put in as raw JSON text."""
    raw = {name: json.dumps(value) for name, value in ORDER.items()} | changes
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in raw.items()) + "}").encode()


VALID = {
    "as the task says it": order(),
    "whole numbers": order(product_id=33, count=3),
    "the least": order(product_id="0", count=0),
    "the most": order(product_id="100", count=100),
    "any name": order(username="Иван 🛒"),
    "blanks around": b"  " + text().replace(b",", b" ,\n\t") + b"\r\n",
    "an escaped slash": text(username=r'"a\/b"'),
    "a whole surrogate pair": text(username=r'"\ud83d\ude00"'),
}


INVALID = {
    "nothing": b"",
    "not JSON": b"product_id=33&count=3",
    "half of it": text()[:-1],
    "two of it": text() + text(),
    "a list": [ORDER],
    "a text": b'"order"',
    "null": b"null",
    "above the range": order(product_id="101"),
    "below the range": order(count=-1),
    "minus in text": order(count="-1"),
    "minus nought": order(count="-0"),
    "a plus sign": order(count="+3"),
    "a blank before": order(count=" 3"),
    "a blank behind": order(count="3 "),
    "a line end behind": order(count="3\n"),
    "a leading nought": order(count="03"),
    "a fraction in text": order(count="3.0"),
    "a fraction": text(count="3.5"),
    "an exponent in text": order(count="1e1"),
    "underscores": order(count="1_0"),
    "hexadecimal": order(count="0x3"),
    "Arabic digits": order(count="٣"),
    "full-width digits": order(count="３"),
    "a superscript": order(count="²"),
    "empty": order(count=""),
    "true": order(count=True),
    "null in it": order(count=None),
    "a list in it": order(count=[3]),
    "NaN": text(count="NaN"),
    "infinity": text(count="Infinity"),
    "an exponent beyond floats": text(count="1e999"),
    "5000 digits": text(count="1" * 5000),
    "5000 digits in text": order(count="0" * 5000),
    "no product": {k: v for k, v in ORDER.items() if k != "product_id"},
    "no name": {k: v for k, v in ORDER.items() if k != "username"},
    "one field more": order(discount="50"),
    "an empty name": order(username=""),
    "a name of 257": order(username="x" * 257),
    "a number for a name": order(username=5),
    "deep nesting": b"[" * 100_000,
    "deep nesting in a field": text(username='{"a":' * 50_000),
    "a key twice": text()[:-1] + b', "count": "4"}',
    "a key twice, once escaped": text()[:-1] + b', "co\\u0075nt": "3"}',
    "NUL": text(username=r'"a\u0000b"'),
    "a raw control character": text(username='"a\x01b"'),
    "half a surrogate pair": text(username=r'"\ud83d"'),
    "the other half": text(username=r'"\ude00"'),
    "not UTF-8": text().replace(b"maksim", b"\xff\xfe"),
    "a surrogate in UTF-8": text().replace(b"maksim", b"\xed\xa0\x80"),
    "a byte order mark": b"\xef\xbb\xbf" + text(),
    "UTF-16": text().decode().encode("utf-16"),
    "a comma at the end": text()[:-1] + b",}",
    "single quotes": text().replace(b'"', b"'"),
    "a comment": text() + b"// please",
}
