"""JSON, one object after the other: the `http/json` of Pandora, the JSON targets of Vegeta, and plain bodies.

{"method": "POST", "uri": "/orders", "headers": {"A": "b"}, "host": "shop.example", "tag": "new", "body": "..."}
{"method": "POST", "url": "http://127.0.0.1:8080/orders", "header": {"A": ["b"]}, "body": "e30="}
{"product_id": "3", "count": "1", "username": "ann"}
"""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from forebay.load.ammo.text import Entry, Text, Unreadable, decoded, with_headers
from forebay.load.shot import Shot

_CHUNK = 65_536
_LONGEST = 64 * 2**20
_JSON = {"Content-Type": "application/json"}
_decoder = JSONDecoder()

Object = Mapping[str, Any]


def http_json(text: Text) -> Iterator[Entry]:
    """Yield the entries of Pandora's `http/json`: objects behind each other, or one array of them."""
    return _entries(text, _pandora)


def vegeta_json(text: Text) -> Iterator[Entry]:
    """Yield the entries of Vegeta's JSON targets."""
    return _entries(text, _vegeta)


def bodies(text: Text) -> Iterator[Entry]:
    """Yield one POST to the target for each line: its JSON value is the body."""
    headers = with_headers(_JSON, text.headers)
    for line in text.lines():
        yield Entry(text.line, "", partial(_body, line, headers))


def _body(line: str, headers: Mapping[str, str]) -> Shot:
    body = line.encode()
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Unreadable(f"{line[:60]!r} is not JSON: {error}", "a whole JSON value on each line") from error
    return Shot(body, headers=dict(headers))


def _entries(text: Text, shot: Callable[[Text, Object], Shot]) -> Iterator[Entry]:
    for line, found in objects(text):
        if not isinstance(found, dict):
            raise Unreadable(f"{str(found)[:60]!r} is not a JSON object", 'write {"uri": "/orders"}')
        yield Entry(line, str(found.get("tag") or ""), partial(shot, text, found))


def _pandora(text: Text, found: Object) -> Shot:
    _expect(
        found, {"tag": str, "uri": str, "method": str, "headers": dict, "host": str, "body": str}, "uri", strict=False
    )
    headers = {name: str(value) for name, value in (found.get("headers") or {}).items() if name.lower() != "host"}
    if found.get("host"):
        headers["Host"] = found["host"]
    return Shot(
        (found.get("body") or "").encode(),
        headers=with_headers(text.headers, headers),
        method=found.get("method") or "GET",
        path=text.origin.path(found["uri"]),
        tag=found.get("tag") or "",
    )


def _vegeta(text: Text, found: Object) -> Shot:
    _expect(found, {"method": str, "url": str, "body": str, "header": dict}, "method", "url")
    try:
        body = base64.b64decode(found.get("body") or "", validate=True)
    except binascii.Error as error:
        raise Unreadable(f"the body is not base64: {error}", "Vegeta's JSON targets hold it so") from error
    headers = {name: ", ".join(map(str, values)) for name, values in (found.get("header") or {}).items()}
    path = text.origin.path(found["url"])
    return Shot(body, headers=with_headers(text.headers, headers), method=found["method"], path=path)


def _expect(found: Object, known: Mapping[str, type], *needed: str, strict: bool = True) -> None:
    """Make sure of the names and types of an object; Pandora passes over names that it does not know."""
    for name in needed:
        if not found.get(name):
            raise Unreadable(f"the object has no {name!r}", f"known: {', '.join(known)}")
    for name, value in found.items():
        if name in known:
            if value is not None and not isinstance(value, known[name]):
                raise Unreadable(f"{name!r} is {type(value).__name__}, not {known[name].__name__}")
        elif strict or difflib.get_close_matches(name, known, cutoff=0.75):
            raise Unreadable(f"{name!r} is not known", f"known: {', '.join(known)}")


def objects(text: Text) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of JSON values behind each other, whatever their line ends; of an array its elements.

    One value on each line is the usual case, and quick; from the first line that is none on, the slow way is taken.
    """
    while raw := text.stream.readline(_LONGEST):
        text.line += 1
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not raw.isspace():
                yield from _Scattered(text, decoded(raw))
                return
        else:
            yield from ((text.line, one) for one in (value if isinstance(value, list) else [value]))


class _Scattered:
    """JSON values over several lines, or several on one.

    Arguments:
        text: read to the end. begin: what was read of it last, from the beginning of `text.line` on.
    """

    def __init__(self, text: Text, begin: str) -> None:
        self._text = text
        self._buffer = begin
        self._position = 0

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        while self._skip():
            try:
                value, end = _decoder.raw_decode(self._buffer, self._position)
            except JSONDecodeError as error:
                if self._whole(error) or not self._more():
                    raise Unreadable(
                        f"it is not JSON: {error.msg}", "objects behind each other, or one array"
                    ) from error
                continue
            yield self._text.line, value
            self._go_to(end)

    def _skip(self) -> bool:
        """Go to the next value; return whether there is one."""
        while True:
            match = _BETWEEN.match(self._buffer, self._position)
            self._go_to(match.end() if match else self._position)
            if self._position < len(self._buffer):
                return True
            if not self._more():
                return False

    def _go_to(self, position: int) -> None:
        self._text.line += self._buffer.count("\n", self._position, position)
        self._position = position

    def _whole(self, error: JSONDecodeError) -> bool:
        """Return whether the error lies within what has been read, and more would not mend it."""
        near_the_end = error.pos >= len(self._buffer) - _LONGEST_WORD
        return not (near_the_end or error.msg.startswith("Unterminated string"))

    def _more(self) -> bool:
        """Read as much again as is not understood yet; return whether there was something."""
        rest = self._buffer[self._position :]
        size = max(_CHUNK, len(rest))
        found = self._text.stream.read(size) + self._text.stream.readline(_LONGEST) if size <= _LONGEST else b""
        self._buffer, self._position = rest + decoded(found), 0
        return bool(found)


_BETWEEN = re.compile(r"[\s,\[\]]+")
_LONGEST_WORD = 16
"""Signs of a number or of `false` that may stand cut off at the end of what was read."""
