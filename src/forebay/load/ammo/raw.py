r"""Whole requests, byte by byte: the formats `raw` (in Yandex.Tank `phantom`) and `stpd`.

    48 first                       raw: the size, the tag; then so many bytes, with CRLF at the end of each line
    GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n

    48 1500 first                  stpd: the size, the milliseconds since the beginning, the tag; then the bytes

A size of 0 ends the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from forebay.load.ammo.files import Source, reading
from forebay.load.ammo.text import Entry, Origin, Text, Unreadable
from forebay.load.shot import Shot

_FIRST = re.compile(rb"[A-Z]+ [^\r\n]+ HTTP/1\.[01](\r?\n)")
_END = re.compile(rb"\r?\n\r?\n")


class Piece(NamedTuple):
    """The bytes of one request, and what the line before it says."""

    line: int
    milliseconds: float
    tag: str
    request: bytes


def raw(text: Text) -> Iterator[Entry]:
    """Yield the entries of a file of requests."""
    for line in text.lines():
        size, _, tag = line.partition(" ")
        begin, count = text.line, _number(size, line)
        if not count:
            return
        yield _entry(text, Piece(begin, 0.0, tag.strip(), text.piece(count)))


def stpd(text: Text) -> Iterator[Entry]:
    """Yield the entries of a file of requests with their instants, without these."""
    for piece in pieces(text):
        yield _entry(text, piece)


def pieces(text: Text) -> Iterator[Piece]:
    """Yield the requests of a stpd file with their instants."""
    for line in text.lines():
        size, _, rest = line.partition(" ")
        milliseconds, _, tag = rest.strip().partition(" ")
        begin, count = text.line, _number(size, line)
        if not count:
            return
        yield Piece(begin, float(_number(milliseconds, line)), tag.strip(), text.piece(count))


def instants(path: Path) -> list[float]:
    """Return the instants of a stpd file, seconds since the beginning.

    Raises:
        UsageError: it cannot be read; names the line.
    """
    with reading(Source.of_path(path), {}, Origin()) as text:
        return [piece.milliseconds / 1000 for piece in pieces(text)]


def _number(digits: str, line: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        raise Unreadable(
            f"{line[:60]!r} does not announce a request", "its size in bytes, in stpd milliseconds, then a tag"
        )
    return int(digits)


def _entry(text: Text, piece: Piece) -> Entry:
    return Entry(piece.line, piece.tag, partial(_shot, piece.request, text.headers, piece.tag))


def _shot(request: bytes, headers: Mapping[str, str], tag: str) -> Shot:
    """Return the shot of a request that is whole: one byte too few, and the next one would be taken for its body."""
    first, end = _FIRST.match(request), _END.search(request)
    if not (first and end):
        raise Unreadable(
            f"{request[:40]!r} is not an HTTP/1.1 request", "a request line, headers, an empty line; CRLF at each end"
        )
    head, body = request[: end.start()], request[end.end() :]
    names = {name.strip().lower(): value.strip() for name, _, value in _fields(head)}
    if b"transfer-encoding" not in names:
        body = _measured(body, names.get(b"content-length", b"0"))
    added = [
        f"{name}: {value}".encode("latin-1") for name, value in headers.items() if name.lower().encode() not in names
    ]
    return Shot(raw=first[1].join([head, *added]) + end[0] + body, tag=tag)


def _fields(head: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    return (line.partition(b":") for line in head.splitlines()[1:])


def _measured(body: bytes, length: bytes) -> bytes:
    """Return the body that Content-Length announces; line ends behind it belong to the file."""
    if not length.isdigit() or int(length) > len(body) or body[int(length) :].strip(b"\r\n"):
        raise Unreadable(
            f"a Content-Length of {length.decode('latin-1')} and a body of {len(body)} bytes", "they have to agree"
        )
    return body[: int(length)]
