"""The HTTP server: listens, tells its connections the time and the limits, and stops in good order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from email.utils import formatdate

from forebay.intake.connection import Connection
from forebay.intake.http import Headers, Limits, Response, Site, problem, reason_phrase

LONGEST_TICK = 0.25
MOST_LINES = 100


class Server:
    """A listening server; made by `serve`.

    Arguments:
        site: answers the requests.
        limits: what a client may cost.

    Attributes:
        loop: that all of it runs on.
        now: the loop's time in seconds, coarse: as of the last tick. One timer serves all deadlines.
        draining: a stop has begun.
        port: that is listened on: the one asked for, or the one found when 0 was.
        refused: requests answered by the server itself, by status: 400, 408, 413, 414, 431, 503, ...
    """

    def __init__(self, site: Site, limits: Limits) -> None:
        self.site = site
        self.limits = limits
        self.draining = False
        self.port = 0
        self.refused: Counter[int] = Counter()
        self.loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._prefixes: dict[int, bytes] = {}
        self._lines: dict[Headers, bytes] = {}
        self._date_second = 0
        self._date = b""
        self._tick = min(LONGEST_TICK, limits.receive_seconds / 4, limits.idle_seconds / 4, limits.send_seconds / 4)
        self._sweep()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def listen(self, host: str, port: int, reuse_port: bool) -> None:
        """Begin to accept connections.

        Raises:
            OSError: the address is taken or is not ours.
        """
        self._listener = await self.loop.create_server(
            lambda: Connection(self), host, port, reuse_port=reuse_port or None, backlog=4096
        )
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def close(self, budget: float = 10.0) -> None:
        """Stop: no new connections, what is in hand is answered with ``Connection: close``, then all is closed.

        Arguments:
            budget: seconds for the requests in hand; connections still busy after it are cut.
        """
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.drain()
        await self._emptied(budget)
        for connection in list(self._connections):
            connection.abort()
        await self._emptied(1.0)
        self._timer.cancel()

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False: there are too many, and it has to be told so."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.max_connections

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def encode(self, response: Response, bodiless: bool, last: bool, greets_old: bool) -> bytes:
        """Return the bytes of an answer.

        Arguments:
            bodiless: to HEAD: the length is told, the body is not sent.
            last: the connection closes after it.
            greets_old: to HTTP/1.0 that asked for the connection to be kept.
        """
        status, body, headers = response.status, response.body, response.headers
        lines = self._lines.get(headers)
        if lines is None:
            lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
            if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
                return self.encode(problem(500), bodiless, last, greets_old)  # nobody's text may become a header
            if len(headers) == 1 and len(self._lines) < MOST_LINES:  # the type of a body and no more: comes again
                self._lines[headers] = lines
        if last:
            lines += b"connection: close\r\n"
        elif greets_old:
            lines += b"connection: keep-alive\r\n"
        prefix = self._prefixes.get(status) or self._prefix(status)
        if status == 204 or status == 304:
            return b"%b%b\r\n" % (prefix, lines)
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (prefix, lines, len(body), b"" if bodiless else body)

    def _prefix(self, status: int) -> bytes:
        prefix = b"HTTP/1.1 %d %b\r\ndate: %b\r\n" % (status, reason_phrase(status).encode(), self._date)
        self._prefixes[status] = prefix
        return prefix

    def _sweep(self) -> None:
        self.now = now = self.loop.time()
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(second, usegmt=True).encode()
            self._prefixes.clear()
        for connection in [c for c in self._connections if c.deadline <= now or c.send_deadline <= now]:
            if connection.send_deadline <= now:
                connection.abort()
            else:
                connection.overdue()
        self._timer = self.loop.call_later(self._tick, self._sweep)

    async def _emptied(self, seconds: float) -> None:
        self._empty.clear()
        if self._connections:
            try:
                await asyncio.wait_for(self._empty.wait(), seconds)
            except TimeoutError:
                return


async def serve(
    site: Site,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    limits: Limits | None = None,
    reuse_port: bool = False,
) -> Server:
    """Serve a site over HTTP/1.1 until `Server.close`.

    Arguments:
        site: answers the requests.
        host, port: where to listen; port 0: a free one, told by `Server.port`.
        limits: what a client may cost.
        reuse_port: several processes may listen on the port, and the kernel spreads the connections.

    Raises:
        OSError: the address is taken or is not ours.
    """
    server = Server(site, limits or Limits())
    try:
        await server.listen(host, port, reuse_port)
    except BaseException:
        await server.close(0)
        raise
    return server
