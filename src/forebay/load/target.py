"""Where shots go: the URL read once, the addresses found once, requests encoded for it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from forebay.errors import Unavailable, UsageError
from forebay.load.shot import Shot

_HINT = "write it as http://127.0.0.1:8080/orders, https://host/path or http+unix://%2Frun%2Fshop.sock/orders"
_PORTS = {"http": 80, "https": 443, "http+unix": 0}
_BREAKS = frozenset("\r\n\0")


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
        if not self.host:
            raise UsageError(f"{url!r} has no host", _HINT)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.tls = _context(verify) if parts.scheme == "https" else None
        self._authority = "localhost" if self.socket else parts.netloc
        self._headers = dict(headers or {})

    def addresses(self) -> list[Address]:
        """Return the addresses of the host, in the order in which they are to be tried.

        Raises:
            Unavailable: the name is not known.
        """
        if self.socket:
            return [Address(socket.AF_UNIX, self.socket)]
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unavailable(f"{self.host} has no address: {error.strerror}", "is the name right?") from error
        return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]  # type: ignore[arg-type]

    def encode(self, shot: Shot) -> bytes:
        """Return the request as it goes over the wire.

        Raises:
            UsageError: a method, path or header would break it.
        """
        if shot.raw:
            return shot.raw
        fields = {"Host": self._authority, **self._headers, **shot.headers}
        fields = {_host(name): value for name, value in fields.items()}
        if shot.body or shot.method not in ("GET", "HEAD"):
            fields["Content-Length"] = str(len(shot.body))
        path = shot.path or self.path
        lines = [f"{shot.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if not shot.method.isalpha() or not _printable(path) or any(_BREAKS & set(line) for line in lines):
            raise UsageError(f"shot {shot.id!r} has a method, path or header that would break the request")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + shot.body


def _host(name: str) -> str:
    return "Host" if name.lower() == "host" else name


def _printable(url: str) -> bool:
    return url.isascii() and all(32 < ord(sign) < 127 for sign in url)


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
