"""One connection of the HTTP server: requests go to the site, answers go out in the order of their requests.

How bytes become requests is told in :mod:`~forebay.intake.receiving`; here are deadlines, pipelining, back pressure,
and how a connection ends without its last answer being lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from forebay.intake.http import Request, Response, problem
from forebay.intake.receiving import NEVER, SLICE, Receiver

if TYPE_CHECKING:
    from forebay.intake.server import Server

log = logging.getLogger("forebay.intake")

LINGER_SECONDS = 2.0


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


class Connection(Receiver, asyncio.Protocol):
    """The protocol of one client.

    Arguments:
        server: that it belongs to; tells the time, the limits and the site.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server, server.limits)
        self._server = server
        self._transport: Any = None
        self._in_hand: deque[Exchange] = deque()
        self._lingers = False
        self._continue_due = False
        self._unread = b""
        self._holds = False  # reading is paused: too many requests in hand, or too many answers unread
        self._parked: deque[tuple[Request, Exchange]] = deque()  # have come, and wait for the site to get them
        self.send_deadline = NEVER

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it politely when there are too many."""
        self._transport = transport
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        self.deadline = self._server.now + self._limits.idle_seconds
        if not self._server.admit(self):
            self.refuse(503, "too many connections")

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
            self.feed(data)
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

    # The receiver's side

    def take(self, request: Request, keep_alive: bool, is_old: bool) -> None:
        """Hand a request to the site, or keep it while the site has enough of this client."""
        self._continue_due = False
        exchange = Exchange(self, request.method == "HEAD", not keep_alive, is_old and keep_alive, False)
        self._in_hand.append(exchange)
        if len(self._in_hand) > self._limits.max_pipelined or self.send_deadline is not NEVER:
            self._parked.append((request, exchange))
            self._hold()
        else:
            self._hand_over(request, exchange)

    def refuse(self, status: int, detail: str = "") -> None:
        """Answer with an error after all answers before it, and close."""
        self._server.refused[status] += 1
        self._deaf = True
        self._receiving = False
        self._unread = b""
        self.deadline = NEVER
        refused = Exchange(self, bodiless=False, last=True, greets_old=False, lingers=True)
        self._in_hand.append(refused)
        response = problem(status, detail)
        refused.respond(response.with_headers((b"retry-after", b"1")) if status == 503 else response)

    def invite(self) -> None:
        """Say 100 Continue, but not before the answers before it."""
        if self._in_hand:
            self._continue_due = True
        else:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

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
        elif self._receiving and self._holds:
            self.deadline = NEVER  # it is we who do not read; once we do again, the client has its time anew
        elif self._receiving:
            self.refuse(408, f"not received within {self._limits.receive_seconds:g} seconds")
        else:
            self._end(lingers=False)

    def _hand_over(self, request: Request, exchange: Exchange) -> None:
        try:
            self._server.site.handle(request, exchange.respond)
        except Exception:  # a site promises not to raise; its client must not pay for a broken promise
            log.exception("the site failed to take a request")
            exchange.respond(problem(500))

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
                self.feed(piece)
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
