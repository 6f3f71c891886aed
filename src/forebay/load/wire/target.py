"""Where shots go: the URL read once, the addresses found once, requests encoded for it."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from forebay.errors import Unavailable, UsageError
from forebay.load.shot import Shot

_HINT = "write it as http://127.0.0.1:8080/orders, https://host/path or http+unix://%2Frun%2Fshop.sock/orders"
_PORTS = {"http": 80, "https": 443, "http+unix": 0}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n\0]|[^\x00-\xff]")
_LONGEST_SOCKET = 107
"""Bytes of the path of a unix socket."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a socket is opened to."""

    family: int
    sockaddr: str | tuple[str, int] | tuple[str, int, int, int]


class Target:
    """One server and a path of it.

    Arguments:
        url: ``http://host:port/path?query``, ``https://...``, or ``http+unix://`` with the path of the socket
            in the place of the host, percent-encoded.
        headers: for every request, below those of a shot.
        verify: whether the certificate has to be that of the host.

    Raises:
        UsageError: another scheme, no host, an account in the URL, a header that would break the request.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None, *, verify: bool = True) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} is not a URL: {error}", _HINT) from error
        if parts.scheme not in _PORTS or not parts.netloc or "@" in parts.netloc or not _printable(url):
            raise UsageError(f"{url!r} is not something that can be fired at", _HINT)
        self.url = url
        self.socket = unquote(parts.netloc) if parts.scheme == "http+unix" else ""
        self.host = "localhost" if self.socket else parts.hostname or ""
        self.port = port or _PORTS[parts.scheme]
        if not self.host or len(self.socket.encode()) > _LONGEST_SOCKET:
            raise UsageError(f"{url!r} has no host, or its socket has too long a path", _HINT)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.tls = _context(verify) if parts.scheme == "https" else None
        self._authority = "localhost" if self.socket else parts.netloc
        self._headers = dict(headers or {})
        self._addresses: list[Address] = []
        self.encode(Shot())

    def addresses(self) -> list[Address]:
        """Return the addresses of the host, in the order in which they are to be tried; looked up once.

        Raises:
            Unavailable: the name is not known.
        """
        if not self._addresses:
            self._addresses = [Address(socket.AF_UNIX, self.socket)] if self.socket else self._looked_up()
        return self._addresses

    def encode(self, shot: Shot) -> bytes:
        """Return the request as it goes over the wire.

        Raises:
            UsageError: a method, path or header would break it.
        """
        if shot.raw:
            return shot.raw
        fields = {"host": ("Host", self._authority)}
        for name, value in (*self._headers.items(), *shot.headers.items()):
            fields[name.lower()] = (name, value)
        if (shot.body or shot.method not in ("GET", "HEAD")) and "transfer-encoding" not in fields:
            fields["content-length"] = ("Content-Length", str(len(shot.body)))
        path = shot.path or self.path
        if not (
            _TOKEN.fullmatch(shot.method) and _printable(path) and all(_lawful(*field) for field in fields.values())
        ):
            raise UsageError(
                f"shot {shot.id!r} has a method, path or header that would break the request",
                "a method is letters, a path has no blanks, and a header no line breaks",
            )
        lines = [f"{shot.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.values())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + shot.body

    def _looked_up(self) -> list[Address]:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise Unavailable(f"{self.host} has no address: {why}", "is the name right?") from error
        return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]  # type: ignore[arg-type]


def _lawful(name: str, value: str) -> bool:
    return bool(_TOKEN.fullmatch(name)) and not _BREAKS.search(value)


def _printable(url: str) -> bool:
    return url.isascii() and all(32 < ord(sign) < 127 for sign in url)


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
