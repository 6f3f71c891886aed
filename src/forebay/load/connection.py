"""One connection of the cannon: a bare socket that does not block, with at most one request on its way."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from forebay.load.answers import Answer, Garbage, Reader, plain
from forebay.load.target import Address, Target

_FIRST = 16_384
"""Bytes asked for at first: what is larger than a small answer costs a page fault each time."""
_CHUNK = 262_144
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Ended(Exception):
    """The connection is of no more use; the text says why."""


class Connection:
    """A connection that is being opened, is idle, or waits for the answer to one request.

    `fired` is for whoever drives it: what it waits for, None while it is idle. It is watched by `epoll` under its `fd`
    until it is closed; `open` and `proceed` are called when epoll says so.

    Arguments:
        target, address: where to. epoll: who watches. now: the instant, nanoseconds.

    Raises:
        OSError: it cannot even be begun.
    """

    __slots__ = (
        "_bodiless",
        "_epoll",
        "_left",
        "_reader",
        "_recv",
        "_send",
        "_socket",
        "fd",
        "fired",
        "opened",
        "ready",
    )

    def __init__(self, target: Target, address: Address, epoll: select.epoll, now: int) -> None:
        self._socket = _begun(target, address)
        self._recv: Callable[[int], bytes] = self._socket.recv
        self._send: Callable[[bytes | memoryview], int] = self._socket.send
        self._epoll = epoll
        self._reader: Reader | None = None
        self._bodiless = False
        self._left: memoryview | None = None
        self.fd = self._socket.fileno()
        self.fired: Any = None
        self.opened = now
        self.ready = False
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
        if isinstance(self._socket, ssl.SSLSocket) and not self._shaken(self._socket):
            return False
        self.ready = True
        self._epoll.modify(self.fd, _READ)
        return True

    def proceed(self, event: int) -> Answer | None:
        """Write and read what is possible; return the answer when it is whole.

        Raises:
            Ended: the connection has ended before the answer did, or what came is not an answer.
        """
        if event != _READ and not self._flushed(event):
            return None
        try:
            data = self._recv(_FIRST)
        except _NOT_YET:
            return None
        except OSError as error:
            raise Ended(_words(error)) from None
        if self._reader is None:
            answer = plain(data, self._bodiless)
            if answer is not None:
                return answer
        return self._read(data)

    def close(self) -> None:
        """End it at once."""
        self._socket.close()  # which takes it out of epoll as well

    def _read(self, data: bytes) -> Answer | None:
        """Read piece by piece what is not plain, as long as there is something."""
        try:
            while data:
                self._reader = self._reader or Reader(self._bodiless)
                answer = self._reader.feed(data)
                if answer is not None:
                    self._reader = None
                    return answer
                data = self._recv(_CHUNK)
        except _NOT_YET:
            return None
        except Garbage as error:
            raise Ended(str(error)) from None
        except OSError as error:
            raise Ended(_words(error)) from None
        reader, self._reader = self._reader, None
        answer = reader.end() if reader is not None else None
        if answer is None:
            raise Ended("connection closed by the server")
        return answer

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

    def _shaken(self, secure: ssl.SSLSocket) -> bool:
        try:
            secure.do_handshake()
        except ssl.SSLWantReadError:
            self._epoll.modify(self.fd, _READ)
            return False
        except ssl.SSLWantWriteError:
            self._epoll.modify(self.fd, _READ | _WRITE)
            return False
        except OSError as error:
            raise Ended(_words(error)) from None
        return True


def _begun(target: Target, address: Address) -> socket.socket:
    """Return a socket that is being connected."""
    made = socket.socket(address.family, socket.SOCK_STREAM)
    made.setblocking(False)
    if address.family != socket.AF_UNIX:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    code = made.connect_ex(address.sockaddr)
    if code not in (0, errno.EINPROGRESS):
        made.close()
        raise OSError(code, os.strerror(code))
    if target.tls is None:
        return made
    return target.tls.wrap_socket(made, server_hostname=target.host, do_handshake_on_connect=False)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return f"connection lost: {error.strerror or error}"
