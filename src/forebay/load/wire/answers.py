"""The answers of HTTP/1.1: one whole answer per request, read quickly where it is plain and correctly where it is not.

Nearly every answer comes in one piece with its length, and is known by its head. All else (chunks, 1xx, an end by
the end of the connection, several pieces) goes through the parser of Node.js (httptools).
"""

from __future__ import annotations

import re
from typing import Any

import httptools
import msgspec

KEPT = 65_536
"""Bytes of an answer's body that are kept."""
LARGEST_HEAD = 262_144
"""Bytes of a head, above which it is not believed to end."""

_PLAIN = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_SPECIAL = re.compile(
    rb"\r\n(?:transfer-encoding:|content-length:(?![ \t]*\d{1,18}[ \t]*\r\n)|"
    rb"(?:proxy-)?connection:(?![ \t]*keep-alive[ \t]*\r\n))",
    re.IGNORECASE,
)
_BODILESS = (204, 304)
_REMEMBERED = 256


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One answer.

    Arguments:
        status: of HTTP. head: from the status line to the last header; body: its beginning.
        size: bytes in all.
        keep: whether one more can come: False where the connection ends with it, or where the server said more than it
            was asked for.
    """

    status: int
    head: bytes
    body: bytes
    size: int
    keep: bool


class Garbage(Exception):
    """What came is not an answer of HTTP/1.1."""


_known: dict[bytes, tuple[int, int] | None] = {}
"""Heads read before: status and length of the body, None for one that is not plain. A server repeats its head, but for
the date once a second."""


def plain(data: bytes, bodiless: bool) -> Answer | None:
    """Return the answer that the data are, exactly; None where it takes more than a look at its head to say.

    Arguments:
        bodiless: whether the request was a HEAD, so that the answer has no body whatever its length says.
    """
    end = data.find(b"\r\n\r\n")
    head = data[: end + 2]
    try:
        told = _known[head]
    except KeyError:
        told = _learn(head) if end > 0 else None
    if told is None or bodiless or len(data) != end + 4 + told[1]:
        return None
    return Answer(told[0], head, data[end + 4 : end + 4 + KEPT], len(data), True)


def _learn(head: bytes) -> tuple[int, int] | None:
    """Return what a head says where it is plain, and remember it."""
    begin, lengths = _PLAIN.fullmatch(head), _LENGTH.findall(head)
    lawful = begin is not None and len(lengths) == 1 and not _SPECIAL.search(head)
    told = (int(begin[1]), int(lengths[0])) if begin is not None and lawful else None
    if told is not None and told[0] in _BODILESS:
        told = None
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[head] = told
    return told


class Reader:
    """Reads one answer, in whatever pieces it comes.

    The parser and its reader know each other, so that only `close` frees them: where a run is fired the collector of
    cycles is off.

    Arguments:
        bodiless: as for `plain`.
    """

    def __init__(self, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._parser: Any = httptools.HttpResponseParser(self)
        self._size = 0
        self._whole = False
        self._excess = False
        self._begin()

    def feed(self, data: bytes) -> Answer | None:
        """Take what came; return the answer when it is whole.

        Raises:
            Garbage: it is not an answer.
        """
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise Garbage("the server changes to another protocol") from None
        except httptools.HttpParserError as error:
            if not self._whole:
                raise Garbage(f"the answer is not HTTP: {error}") from None
            self._excess = True  # what follows a whole answer is not ours
        if self._in_head and self._size > LARGEST_HEAD:
            raise Garbage(f"the head of the answer is larger than {LARGEST_HEAD // 1024} KiB")
        return self._answer(self._keep and not self._excess) if self._whole else None

    def end(self) -> Answer | None:
        """Take the end of the connection; return the answer that it completes, None where it cuts one off."""
        return self._answer(False) if self._by_end and not self._in_head else None

    def close(self) -> None:
        """Let go of the parser; nothing can be fed any more."""
        self._parser = None

    def _answer(self, keep: bool) -> Answer:
        return Answer(self._status, b"\r\n".join([self._line, *self._head, b""]), bytes(self._body), self._size, keep)

    def _begin(self) -> None:
        self._reason = self._line = b""
        self._head: list[bytes] = []
        self._body = bytearray()
        self._status = 0
        self._in_head = self._keep = self._by_end = True

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Note that the server says more than one answer."""
        self._excess = self._whole

    def on_status(self, reason: bytes) -> None:
        """Keep the reason phrase, of which this is a piece."""
        self._reason += b"" if self._whole else reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what follows the body is none of the head."""
        if self._whole or not self._in_head:
            return
        self._head.append(name + b": " + value)
        what = name.lower()
        if what == b"content-length" or (what == b"transfer-encoding" and value.lower().endswith(b"chunked")):
            self._by_end = False

    def on_headers_complete(self) -> None:
        """Learn the status; an answer to a HEAD is whole with its head."""
        if self._whole:
            return
        self._in_head = False
        self._status = self._parser.get_status_code()
        version = self._parser.get_http_version().encode()
        self._line = b"HTTP/%s %d %s" % (version, self._status, self._reason)
        if self._bodiless and self._status >= 200:
            self._end_of_answer()

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body."""
        if self._whole:
            self._excess = True
        elif len(self._body) < KEPT:
            self._body += data[: KEPT - len(self._body)]

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it is only an interim one (1xx)."""
        if self._whole:
            return
        if self._status < 200:
            self._begin()
        else:
            self._end_of_answer()

    def _end_of_answer(self) -> None:
        self._whole, self._keep = True, bool(self._parser.should_keep_alive())
