"""How the bytes of one client become requests, within limits.

The parser is llhttp (by httptools), which is strict about framing; what it leaves open is decided here: sizes, counts,
versions, Host, Expect and Upgrade.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from typing import Protocol

import httptools

from forebay.intake.http import Limits, Refusal, Request, split_target

log = logging.getLogger("forebay.intake")

NEVER = math.inf
SLICE = 16 * 1024  # fed to the parser at once: bounds what one read of a pipelining client can put into hand
WIRE_PER_BYTE = 8  # a chunk of one byte takes six; more than this is padding, not a body

NOT_ESCAPED = "the target holds a character that must be escaped, as %D0%BF for п"
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


class CoarseClock(Protocol):
    """What knows the time as of its last tick; the server."""

    now: float


class Receiver:
    """The receiving half of a connection; the other half takes the requests and sends the answers.

    Arguments:
        clock: tells the time by its attribute `now`.
        limits: what a client may cost.
    """

    def __init__(self, clock: CoarseClock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._deaf = False  # what comes from now on is not regarded
        self._receiving = False
        self._in_head = False
        self._wire = 0  # bytes since the request that is being received began, slices before this one
        self._method = b""
        self._url = b""
        self._pairs: list[tuple[bytes, bytes]] = []
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._keep_alive = True
        self._is_old = False
        self.deadline = NEVER  # to receive the request, or to begin the next one, or to stop lingering

    @abstractmethod
    def take(self, request: Request, keep_alive: bool, is_old: bool) -> None:
        """Take a request that has come in full; `is_old`: by HTTP/1.0."""

    @abstractmethod
    def refuse(self, status: int, detail: str = "") -> None:
        """Answer with an error after all answers before it, and close."""

    @abstractmethod
    def invite(self) -> None:
        """Tell a client that waits for it to go on and send its body."""

    def feed(self, data: bytes) -> None:
        """Parse what came; requests are taken, and errors refused, before this returns."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._refuse_for(error.__context__)
        except httptools.HttpParserError as error:
            if not self._deaf:  # after the last request of a connection it may be anything
                is_target = isinstance(error, httptools.HttpParserInvalidURLError)
                self.refuse(400, NOT_ESCAPED if is_target else "not HTTP/1.1")
        else:
            if self._receiving:
                self._weigh(len(data))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin a request: its deadline runs."""
        self._receiving = self._in_head = True
        self._wire = 0
        self._url = b""
        self._pairs = []
        self._body = b""
        self.deadline = self._clock.now + self._limits.receive_seconds

    def on_url(self, part: bytes) -> None:
        """Gather the request target."""
        self._url += part
        if len(self._url) > self._limits.max_url:
            raise Refusal(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Gather headers; trailers come here too, are counted, and forgotten."""
        self._pairs.append((name, value))
        if len(self._pairs) > self._limits.max_headers:
            raise Refusal(431, "too many header lines")

    def on_headers_complete(self) -> None:
        """Judge the head before any of the body is taken."""
        self._in_head = False
        self._headers = headers = self._merged()
        self._method = self._parser.get_method()
        if self._method == b"CONNECT":
            raise Refusal(501, "this is no proxy")
        self._keep_alive = self._parser.should_keep_alive()
        self._is_old = False
        if not self._keep_alive or b"connection" in headers or b"host" not in headers:
            self._judge_version(headers)  # asked only then, for it costs; 0.9 and 2.0 are never kept alive
        length = headers.get(b"content-length")
        if length is not None and int(length) > self._limits.max_body:
            raise Refusal(413, f"at most {self._limits.max_body} bytes")
        if b"expect" in headers:
            self._judge_expectation(headers[b"expect"])

    def on_body(self, part: bytes) -> None:
        """Gather the body; nearly always it comes in one piece, which is not copied."""
        if self._body:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += part
        else:
            self._body = part
        if len(self._body) > self._limits.max_body:
            raise Refusal(413, f"at most {self._limits.max_body} bytes")

    def on_message_complete(self) -> None:
        """Let the request be taken."""
        if b"upgrade" in self._headers and self._parser.should_upgrade():
            return  # it will come again, without its wish
        self._receiving = False
        self.deadline = NEVER
        if not self._keep_alive:
            self._deaf = True
        method = _METHODS.get(self._method) or self._method.decode("latin-1")
        path, query = split_target(self._url.decode("latin-1"))
        request = Request(method, path, query, self._headers, bytes(self._body))
        self.take(request, self._keep_alive, self._is_old)

    # Judgements

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on as if the client had not asked for another protocol, as RFC 9110 7.8 allows.

        The parser leaves HTTP at the end of such a head, even where a body follows; so a new one reads the head again.
        """
        del self._headers[b"upgrade"]
        version = b"1.0" if self._is_old else b"1.1"
        lines = [
            b"%b %b HTTP/%b" % (self._method, self._url, version),
            *(b"%b: %b" % pair for pair in self._headers.items()),
        ]
        self._parser = httptools.HttpRequestParser(self)
        self.feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _judge_expectation(self, expectation: bytes) -> None:
        if expectation.lower() != b"100-continue":
            raise Refusal(417)
        if not self._is_old:  # RFC 9110 10.1.1: ignored in HTTP/1.0
            self.invite()

    def _refuse_for(self, cause: BaseException | None) -> None:
        if isinstance(cause, Refusal):
            self.refuse(cause.status, cause.detail)
        else:
            log.error("a request could not be taken in", exc_info=cause)
            self.refuse(500)

    def _weigh(self, size: int) -> None:
        """Bound what the parser holds back itself: one endless header, chunks with endless extensions, trailers."""
        self._wire += size
        limits = self._limits
        most_head = limits.max_url + limits.max_header_bytes + 4 * limits.max_headers + SLICE
        if self._in_head and self._wire > most_head:
            self.refuse(431, f"at most {limits.max_header_bytes} bytes of headers")
        elif self._wire > most_head + WIRE_PER_BYTE * limits.max_body:
            self.refuse(413, "more framing than body")

    def _merged(self) -> dict[bytes, bytes]:
        merged: dict[bytes, bytes] = {}
        size = 0
        for name, value in self._pairs:
            size += len(name) + len(value)
            name = name.lower()
            if name not in merged:
                merged[name] = value
            elif name == b"host":
                raise Refusal(400, "two Host headers")
            else:
                merged[name] += b", " + value
        if size > self._limits.max_header_bytes:
            raise Refusal(431, f"at most {self._limits.max_header_bytes} bytes of headers")
        self._pairs = []
        return merged

    def _judge_version(self, headers: dict[bytes, bytes]) -> None:
        version = self._parser.get_http_version()
        self._is_old = version == "1.0"
        if version not in {"1.0", "1.1"}:
            raise Refusal(505, "HTTP/1.1 is spoken here")
        if b"host" not in headers and not self._is_old:
            raise Refusal(400, "no Host header")
