"""Servers for the tests of the cannon: each connection is one call of a function, in a thread, with a bare socket.

And what fires at them: runs that end by what was fired rather than by the time that a busy machine took for it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from forebay.load.firing import Firing
from forebay.load.results.run import Run
from forebay.load.shot import Ammo, Shot, UsedUp

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[socket.socket], None]


class Server:
    """One that listens; `url` is where, `talks` counts its connections."""

    def __init__(self, listening: socket.socket, talk: Talk, url: str, context: ssl.SSLContext | None) -> None:
        self.url = url
        self.talks = 0
        self._listening, self._talk, self._context = listening, talk, context
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listening.accept()[0]
                self.talks += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._talk_over, args=(connection,)))
                self._threads[-1].start()

    def end(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _talk_over(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ConnectionError):
            secure = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with secure:
                self._talk(secure)
        connection.close()


@contextlib.contextmanager
def listening(talk: Talk, context: ssl.SSLContext | None = None, path: Path | None = None) -> Iterator[Server]:
    """Serve on a free port of loopback, or on a unix socket, until the block ends."""
    if path is None:
        door = socket.create_server(("127.0.0.1", 0), backlog=512)
        url = f"http{'s' if context else ''}://localhost:{door.getsockname()[1]}/"
    else:
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(path))
        door.listen(1)
        url = f"http+unix://{quote(str(path), safe='')}/orders"
    server = Server(door, talk, url, context)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join()
        server.end()


def hear(connection: socket.socket) -> bytes:
    """Return one request; raise ConnectionError when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def saying(answer: bytes) -> Talk:
    """Return a server that gives this answer to every request."""

    def talk(connection: socket.socket) -> None:
        while True:
            hear(connection)
            connection.sendall(answer)

    return talk


def numbered(index: int) -> Shot:
    return Shot(body=str(index).encode(), id=f"shot-{index}")


def some(count: int) -> Ammo:
    """Return ammunition of so many shots."""

    def ammo(index: int) -> Shot:
        if index >= count:
            raise UsedUp("no more")
        return numbered(index)

    return ammo


class Clock:
    """The clock of the engines of bare sockets, ahead of the true one by so many seconds as a test says.

    So a test gives what must not be late more time than a machine ever stands still, and waits for none of it: once it
    has seen what it wanted, it puts the clock forward.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        for module in ("book", "closed_loop", "engine", "open_loop"):
            monkeypatch.setattr(f"forebay.load.engines.{module}._clock", self)

    def __call__(self) -> int:
        return time.perf_counter_ns() + round(self.ahead * 1e9)


def fire(url, profile=None, seconds=0.1, ammo=numbered, on_outcome=None, on_rows=None, on_look=None, **options) -> Run:
    """Fire one run in this thread; `on_look` is given the run, ten times a second."""
    firing = Firing(url, ammo, seconds, profile, **options)
    run = firing.run()
    look = None if on_look is None else lambda: on_look(run)
    firing.engine(run, on_outcome=on_outcome, on_rows=on_rows, on_look=look).fire()
    return run


def adds_up(run: Run) -> bool:
    """Whether every count of a run that has ended agrees with every other."""
    series = run.series.values()
    return (
        run.in_flight == 0
        and run.planned == run.answered + run.refused + run.unknown == run.late.count
        and run.planned == sum(second.planned for second in series)
        and run.planned == sum(figures.planned for figures in run.tags.values())
        and run.sent == sum(second.sent for second in series) == run.lag.count == run.answered + run.unknown
        and run.answered == sum(sum(second.answered.values()) for second in series) == run.service.count
        and run.response.count == run.answered + run.unknown
        and (run.refused, run.unknown) == (sum(s.refused for s in series), sum(s.unknown for s in series))
        and run.reasons.total() == run.refused + run.unknown
    )


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError
    return data
