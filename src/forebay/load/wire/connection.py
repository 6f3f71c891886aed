"""One connection of the cannon: a bare socket that does not block, with at most one request on its way."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

import msgspec

from forebay.load.wire.answers import Answer, Garbage, Reader, plain
from forebay.load.wire.target import Address, Target

_FIRST = 16_384
"""Bytes asked for at first: what is larger than a small answer costs a page fault each time."""
_CHUNK = 262_144
_TURNS = 4
"""Chunks read at most before other connections get their turn."""
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_CLOSED = "connection closed by the server"


class Ended(Exception):
    """The connection is of no more use; the text says why."""


class Connection:
    """A connection that is being opened, is idle, or waits for the answer to one request.

    `fired` and `served` are for whoever drives it: what it waits for, None while it is idle; and whether it has ever
    brought an answer. It is watched by `epoll` under its `fd` until it is closed; `open` and `proceed` are called when
    epoll says so.

    Arguments:
        target: where to. place: which of its addresses. tried: how many addresses have been tried with this one.
        epoll: who watches. now: the instant, nanoseconds.

    Raises:
        BlockingIOError: the server of a unix socket is behind with accepting. OSError: it cannot even be begun.
    """

    __slots__ = (
        "_bodiless",
        "_epoll",
        "_left",
        "_reader",
        "_recv",
        "_send",
        "_socket",
        "_target",
        "fd",
        "fired",
        "opened",
        "place",
        "ready",
        "served",
        "tried",
    )

    def __init__(self, target: Target, place: int, tried: int, epoll: select.epoll, now: int) -> None:
        self._target = target
        self._socket = _begun(target.addresses()[place])
        self._recv: Callable[[int], bytes] = self._socket.recv
        self._send: Callable[[bytes | memoryview], int] = self._socket.send
        self._epoll = epoll
        self._reader: Reader | None = None
        self._bodiless = False
        self._left: memoryview | None = None
        self.fd = self._socket.fileno()
        self.fired: Any = None
        self.opened = now
        self.ready = self.served = False
        self.place, self.tried = place, tried
        epoll.register(self.fd, _READ | _WRITE)

    def send(self, request: bytes, bodiless: bool) -> None:
        """Send a request; the connection is ready and idle. What does not fit now follows when epoll says so.

        Arguments:
            bodiless: whether the answer has no body whatever its length says (HEAD).

        Raises:
            Ended: it was found dead; nothing of the request was sent.
        """
        self._bodiless = bodiless
        try:
            sent = self._send(request)
        except _NOT_YET:
            sent = 0
        except OSError as error:
            raise Ended(_words(error)) from None
        if sent != len(request):
            self._left = memoryview(request)[sent:]
            self._epoll.modify(self.fd, _READ | _WRITE)

    def open(self) -> bool:
        """Go on with the opening; return whether the connection is ready now.

        Raises:
            Ended: it cannot be opened.
        """
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise Ended(os.strerror(code))
        if self._target.tls is not None and not self._shaken(self._target.tls):
            return False
        self.ready = True
        self._epoll.modify(self.fd, _READ)
        return True

    def proceed(self, event: int) -> Answer | None:
        """Write and read what is possible; return the answer when it is whole.

        Raises:
            Ended: the connection has ended before the answer did, or what came is not an answer, or nothing was asked.
        """
        if event != _READ and not self._flushed(event):
            return None
        try:
            data = self._recv(_FIRST)
        except _NOT_YET:
            return None
        except OSError as error:
            raise Ended(_words(error)) from None
        if self.fired is None:
            raise Ended("the server spoke without being asked" if data else _CLOSED)
        if self._reader is None:
            answer = plain(data, self._bodiless)
            if answer is not None:
                return answer if self._left is None else _early(answer)
        return self._read(data)

    def close(self) -> None:
        """End it at once."""
        if self._reader is not None:
            self._reader.close()
        self._socket.close()  # which takes it out of epoll as well

    def _read(self, data: bytes) -> Answer | None:
        """Read piece by piece what is not plain, as long as there is something and it is not too much at once.

        What TLS has taken in is read whole each time, since none of its records is larger than what is asked for:
        epoll would not tell of it.
        """
        reader = self._reader = self._reader or Reader(self._bodiless)
        try:
            for turn in range(_TURNS):
                if turn:
                    data = self._recv(_CHUNK)
                answer = reader.feed(data) if data else reader.end()
                if answer is not None:
                    reader.close()
                    self._reader = None
                    return answer if self._left is None else _early(answer)
                if not data:
                    raise Ended(_CLOSED)
        except _NOT_YET:
            pass
        except Garbage as error:
            raise Ended(str(error)) from None
        except OSError as error:
            raise Ended(_words(error)) from None
        return None

    def _flushed(self, event: int) -> bool:
        """Send more of the request; return whether there is something to be read."""
        if self._left is not None and event & _WRITE:
            try:
                self._left = self._left[self._send(self._left) :] or None
            except _NOT_YET:
                pass
            except OSError:
                return True  # the answer may have come before the end of the request: reading will tell
        if self._left is None:
            self._epoll.modify(self.fd, _READ)
        return event != _WRITE

    def _shaken(self, context: ssl.SSLContext) -> bool:
        """Go on with the handshake of TLS, which begins when the connection stands; return whether it is done."""
        try:
            if not isinstance(self._socket, ssl.SSLSocket):
                self._socket = context.wrap_socket(
                    self._socket, server_hostname=self._target.host, do_handshake_on_connect=False
                )
                self._recv, self._send = self._socket.recv, self._socket.send
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._epoll.modify(self.fd, _READ)
            return False
        except ssl.SSLWantWriteError:
            self._epoll.modify(self.fd, _READ | _WRITE)
            return False
        except OSError as error:
            raise Ended(_words(error)) from None
        return True


def _begun(address: Address) -> socket.socket:
    """Return a socket that is being connected."""
    made = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if address.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect(address.sockaddr)
    except BlockingIOError as error:
        if error.errno != errno.EINPROGRESS:
            made.close()
            raise
    except OSError:
        made.close()
        raise
    return made


def _early(answer: Answer) -> Answer:
    """Return an answer that came before its request was sent whole: nothing can follow it."""
    return msgspec.structs.replace(answer, keep=False)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return f"connection lost: {error.strerror or error}"
