"""One HTTP/1.1 connection of the cannon: a request at a time, and an honest word on how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import httptools

from forebay.errors import UsageError
from forebay.load.run import Shot

_KEPT = 65_536
"""Bytes of an answer's body that are kept."""

Answered = Callable[["Connection", int, dict[str, str], bytes], None]
Lost = Callable[["Connection", str], None]


class Target:
    """Where shots go: parses the URL once and encodes requests for it.

    Arguments:
        url: ``http://host:port/path?query``.

    Raises:
        UsageError: another scheme, no host, or an account in the URL.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError as error:
            raise UsageError(f"{url!r} is not a URL: {error}", _HINT) from error
        if parts.scheme != "http" or not parts.hostname or "@" in parts.netloc or not _printable(url):
            raise UsageError(f"{url!r} is not something that can be fired at", _HINT)
        self.host, self.port = parts.hostname, port
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._line_end = f" {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode("ascii")

    def encode(self, shot: Shot) -> bytes:
        """Return the request as it goes over the wire."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in shot.headers.items())
        if not shot.method.isalpha() or headers.count("\n") + headers.count("\r") != 2 * len(shot.headers):
            raise UsageError(f"shot {shot.id!r} has a method or header that would break the request")
        length = f"Content-Length: {len(shot.body)}\r\n\r\n"
        return b"".join((shot.method.encode(), self._line_end, (headers + length).encode("latin-1"), shot.body))


_HINT = "write it as http://127.0.0.1:8080/orders"


def _printable(url: str) -> bool:
    return url.isascii() and all(32 < ord(sign) < 127 for sign in url)


class Connection(asyncio.Protocol):
    """A connection that is idle, or waits for the answer to one request.

    Arguments:
        answered: called with status, headers and body of the whole answer; `usable` then says whether it can go on.
        lost: called once when the connection has ended, with the reason; after an `abort` it is not called.
    """

    def __init__(self, answered: Answered, lost: Lost) -> None:
        self._answered = answered
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._whole = 0
        self._over = False
        self._waiting = False
        self._begin()

    @property
    def usable(self) -> bool:
        """Whether the next request can be sent over it."""
        return self._transport is not None and not self._over

    def send(self, request: bytes) -> None:
        """Send a request; the connection must be idle."""
        assert self._transport is not None
        self._waiting = True
        self._transport.write(request)

    def abort(self) -> None:
        """End it at once; nothing is called any more."""
        self._over, self._waiting, self._lost = True, False, _nobody
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, unless the connection was given up while it was being opened."""
        self._transport = transport  # type: ignore[assignment]
        if self._over:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand over an answer that the end of the connection completes; otherwise report the loss."""
        if self._waiting and error is None and self._ends_with_connection:
            self._over = True
            self._finish()
        self._over = True
        lost, self._lost = self._lost, _nobody
        lost(self, f"connection lost: {error}" if error else "connection closed by the server")

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(f"the answer is not HTTP: {error}")
            return
        if self._whole and self._waiting:
            # more than one answer to one request: whose would the next be?
            self._over = self._over or self._whole > 1
            self._finish()
        elif not self._waiting:
            self._break("the server spoke without being asked")

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        if not self._whole:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Learn how the answer will end."""
        if self._whole:
            return
        self._status = self._parser.get_status_code()
        self._ends_with_connection = not self._headers.keys() & {"content-length", "transfer-encoding"}

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body."""
        if not self._whole and len(self._body) < _KEPT:
            self._body += data[: _KEPT - len(self._body)]

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it is only an interim one (1xx)."""
        if not self._whole and self._status < 200:
            self._begin()
            return
        self._whole += 1
        if not self._parser.should_keep_alive():
            self._over = True

    def _begin(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""
        self._ends_with_connection = False

    def _finish(self) -> None:
        status, headers, body = self._status, self._headers, self._body
        self._whole, self._waiting = 0, False
        self._begin()
        if self._over and self._transport is not None:
            self._transport.close()
        self._answered(self, status, headers, body)

    def _break(self, reason: str) -> None:
        lost = self._lost
        self.abort()
        lost(self, reason)


def _nobody(connection: Connection, reason: str) -> None:
    """Stand in for a listener that is no longer interested."""
