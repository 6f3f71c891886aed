"""One connection of the HTTP server: bytes become requests, answers go out in the order of their requests.

The parser is llhttp (by httptools), which is strict about framing; what it leaves open is decided here: limits,
deadlines, versions, Host, Expect, pipelining, and how a connection ends without its last answer being lost.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from forebay.intake.http import Request, Response, problem, split_target

if TYPE_CHECKING:
    from forebay.intake.server import Server

log = logging.getLogger("forebay.intake")

NEVER = math.inf
LINGER_SECONDS = 2.0
SLICE = 16 * 1024  # fed to the parser at once: bounds what one read of a pipelining client can put into hand
WIRE_PER_BYTE = 8  # a chunk of one byte takes six; more than this is padding, not a body

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


class Refusal(Exception):
    """Raised inside a callback of the parser: stop parsing, answer with this status, close."""

    def __init__(self, status: int, detail: str = "") -> None:
        self.status = status
        self.detail = detail


class Exchange:
    """One request in hand and the place of its answer."""

    __slots__ = ("bodiless", "connection", "greets_old", "last", "lingers", "response")

    def __init__(self, connection: Connection, bodiless: bool, last: bool, greets_old: bool, lingers: bool) -> None:
        self.connection = connection
        self.bodiless = bodiless
        self.last = last
        self.greets_old = greets_old
        self.lingers = lingers
        self.response: Response | None = None

    def respond(self, response: Response) -> None:
        """Take the answer; a second one is ignored, and so is one for a client that has gone."""
        if self.response is None:
            self.response = response
            self.connection.send_answers()


class Connection(asyncio.Protocol):
    """The protocol of one client.

    Arguments:
        server: that it belongs to; tells the time, the limits and the site.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._limits = server.limits
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._in_hand: deque[Exchange] = deque()
        self._deaf = False  # what comes from now on is not regarded
        self._lingers = False
        self._receiving = False
        self._in_head = False
        self._wire = 0  # bytes since the request that is being received began, slices before this one
        self._url = b""
        self._pairs: list[tuple[bytes, bytes]] = []
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._keep_alive = True
        self._is_old = False
        self._continue_due = False
        self._unread = b""
        self._holds = False  # reading is paused: too many requests in hand, or too many answers unread
        self._parked: deque[tuple[Request, Exchange]] = deque()  # have come, and wait for the site to get them
        self.deadline = NEVER  # to receive the request, or to begin the next one, or to stop lingering
        self.send_deadline = NEVER

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it politely when there are too many."""
        self._transport = transport
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        self.deadline = self._server.now + self._limits.idle_seconds
        if not self._server.admit(self):
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; answers still to come go nowhere."""
        self._deaf = True
        self._in_hand.clear()
        self._parked.clear()
        self._unread = b""
        self._server.dismiss(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came; a large piece in slices, so that reading can pause between them."""
        if self._deaf:
            return
        if self._holds or len(data) > SLICE:
            self._unread += data
            self._read_on()
        else:
            self._feed(data)
            if len(self._in_hand) >= self._limits.max_pipelined:
                self._hold()

    def eof_received(self) -> bool:
        """Half-closed: what is in hand is still answered, then the connection closes."""
        self._deaf = True
        self._receiving = False
        if not self._in_hand or self._lingers:
            return False
        self._in_hand[-1].last = True
        return True

    def pause_writing(self) -> None:
        """Let a client that does not read its answers send no more requests."""
        self.send_deadline = self._server.now + self._limits.send_seconds
        self._hold()

    def resume_writing(self) -> None:
        """Go on reading."""
        self.send_deadline = NEVER
        self._plan_to_read_on()

    # The parser's side

    def on_message_begin(self) -> None:
        """Begin a request: its deadline runs."""
        self._receiving = self._in_head = True
        self._wire = 0
        self._url = b""
        self._pairs = []
        self._body = b""
        self.deadline = self._server.now + self._limits.receive_seconds

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
        self._keep_alive = self._parser.should_keep_alive()
        self._is_old = False
        if not self._keep_alive or b"connection" in headers or b"host" not in headers:
            self._judge_version(headers)  # asked only then, for it costs; 0.9 and 2.0 are never kept alive
        length = headers.get(b"content-length")
        if length is not None and int(length) > self._limits.max_body:
            raise Refusal(413, f"at most {self._limits.max_body} bytes")
        if b"expect" in headers:
            self._promise_to_read(headers[b"expect"])

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
        """Hand the request to the site."""
        self._receiving = False
        self._continue_due = False
        self.deadline = NEVER
        name = self._parser.get_method()
        method = _METHODS.get(name) or name.decode("latin-1")
        if method == "CONNECT":
            raise Refusal(501, "this is no proxy")
        exchange = Exchange(self, method == "HEAD", not self._keep_alive, self._is_old and self._keep_alive, False)
        self._in_hand.append(exchange)
        if not self._keep_alive:
            self._deaf = True
        path, query = split_target(self._url.decode("latin-1"))
        request = Request(method, path, query, self._headers, bytes(self._body))
        if len(self._in_hand) > self._limits.max_pipelined or self.send_deadline is not NEVER:
            self._parked.append((request, exchange))
            self._hold()
        else:
            self._hand_over(request, exchange)

    # Between the two

    def send_answers(self) -> None:
        """Write every answer whose turn has come."""
        in_hand = self._in_hand
        while in_hand and (response := in_hand[0].response) is not None:
            exchange = in_hand.popleft()
            last = exchange.last or (self._server.draining and not in_hand and not self._receiving)
            self._transport.write(self._server.encode(response, exchange.bodiless, last, exchange.greets_old))
            if last:
                self._end(exchange.lingers)
                return
        if self._transport.is_closing():
            return
        if not in_hand:
            self._all_answered()
        self._plan_to_read_on()

    def drain(self) -> None:
        """Take part in an orderly stop: an idle connection closes now, a busy one after its last answer."""
        if not self._in_hand and not self._receiving:
            self._end(lingers=False)

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def overdue(self) -> None:
        """Act on a deadline that has passed: 408 for a slow request, a quiet end for an idle connection."""
        if self._lingers:
            self._transport.abort()
        elif self._receiving:
            self._refuse(408, f"not received within {self._limits.receive_seconds:g} seconds")
        else:
            self._end(lingers=False)

    def _hand_over(self, request: Request, exchange: Exchange) -> None:
        try:
            self._server.site.handle(request, exchange.respond)
        except Exception:  # a site promises not to raise; its client must not pay for a broken promise
            log.exception("the site failed to take a request")
            exchange.respond(problem(500))

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # no protocol of ours; RFC 9110 7.8 lets us go on as we were
            self._parser = httptools.HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self._feed(rest)
        except httptools.HttpParserCallbackError as error:
            self._refuse_for(error.__context__)
        except httptools.HttpParserError:
            if not self._deaf:  # after the last request of a connection it may be anything
                self._refuse(400, "not HTTP/1.1")
        else:
            if self._receiving:
                self._weigh(len(data))

    def _weigh(self, size: int) -> None:
        """Bound what the parser holds back itself: one endless header, chunks with endless extensions, trailers."""
        self._wire += size
        limits = self._limits
        most_head = limits.max_url + limits.max_header_bytes + 4 * limits.max_headers + SLICE
        if self._in_head and self._wire > most_head:
            self._refuse(431, f"at most {limits.max_header_bytes} bytes of headers")
        elif self._wire > most_head + WIRE_PER_BYTE * limits.max_body:
            self._refuse(413, "more framing than body")

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

    def _promise_to_read(self, expectation: bytes) -> None:
        if expectation.lower() != b"100-continue":
            raise Refusal(417)
        if self._is_old:
            return  # RFC 9110 10.1.1: ignored in HTTP/1.0
        if self._in_hand:
            self._continue_due = True  # it must not overtake the answers before it
        else:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse_for(self, cause: BaseException | None) -> None:
        if isinstance(cause, Refusal):
            self._refuse(cause.status, cause.detail)
        else:
            log.error("a request could not be taken in", exc_info=cause)
            self._refuse(500)

    def _refuse(self, status: int, detail: str = "") -> None:
        self._server.refused[status] += 1
        self._deaf = True
        self._receiving = False
        self._unread = b""
        self.deadline = NEVER
        refused = Exchange(self, bodiless=False, last=True, greets_old=False, lingers=True)
        self._in_hand.append(refused)
        response = problem(status, detail)
        refused.respond(response.with_headers((b"retry-after", b"1")) if status == 503 else response)

    def _end(self, lingers: bool) -> None:
        """Close once all is written; where the client may still be sending, read on for a while without regarding it.

        Closing with unread bytes would reset the connection, and the client might never see the answer.
        """
        self._deaf = True
        if lingers and self._transport.can_write_eof() and not self._transport.is_closing():
            self._lingers = True
            self.deadline = self._server.now + LINGER_SECONDS
            self._transport.write_eof()
            if self._holds:
                self._holds = False
                self._transport.resume_reading()
        else:
            self._transport.close()

    def _all_answered(self) -> None:
        if self._receiving:
            if self._continue_due:
                self._continue_due = False
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            self.deadline = self._server.now + self._limits.idle_seconds

    def _hold(self) -> None:
        if not self._holds:
            self._holds = True
            self._transport.pause_reading()

    def _plan_to_read_on(self) -> None:
        if self._holds:
            self._server.loop.call_soon(self._read_on)  # not from within the site's answer

    def _read_on(self) -> None:
        """Take what has come and had to wait, as far as there is room; read from the socket only after that."""
        while len(self._in_hand) - len(self._parked) < self._limits.max_pipelined and self.send_deadline is NEVER:
            if self._parked:
                self._hand_over(*self._parked.popleft())
            elif self._unread and not self._deaf:
                piece, self._unread = self._unread[:SLICE], self._unread[SLICE:]
                self._feed(piece)
            else:
                self._resume()
                return
        self._hold()

    def _resume(self) -> None:
        if self._holds and not self._transport.is_closing():
            self._holds = False
            if self._receiving:  # the time that we did not read is not the client's
                self.deadline = self._server.now + self._limits.receive_seconds
            self._transport.resume_reading()
