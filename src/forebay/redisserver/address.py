"""Where a Redis server is, and who asks: what the URLs of its topics and of its stores have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from forebay.errors import UsageError
from forebay.quantity import duration
from forebay.url import URL

OPTIONS: Final[Mapping[str, str]] = {
    "timeout": "how long the server may leave a call unanswered, e.g. 5s; then nobody knows what became of it",
    "cafile": "rediss: certificates to trust, as a PEM file, beside those of the system",
}
DEFAULT_PORT: Final = 6379
DEFAULT_TIMEOUT: Final = 5.0


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is, and who asks.

    Arguments:
        host, port: of the server.
        db: the number of the database.
        user, password: empty: none.
        tls: whether the connection is encrypted.
        cafile: certificates to trust; None: those of the system.
        timeout: seconds that a call may take.
    """

    host: str
    port: int
    db: int = 0
    user: str = ""
    password: str = ""
    tls: bool = False
    cafile: str | None = None
    timeout: float = DEFAULT_TIMEOUT

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}/{self.db}"

    @property
    def settings(self) -> dict[str, Any]:
        """What redis-py's connection is made with."""
        settings: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "db": self.db,
            "username": self.user or None,
            "password": self.password or None,
            "socket_connect_timeout": self.timeout,
            "socket_keepalive": True,
        }
        if self.tls:
            settings |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": self.cafile}
        return settings


def read_server(url: URL, db: int) -> Address:
    """Return where the server is whose database `db` is meant.

    Raises:
        UsageError: host, port or one of :data:`OPTIONS` cannot be read.
    """
    if "," in url.host:
        raise UsageError(f"{url} names several servers", "name one; of a cluster the one that has the keys")
    [(host, port)] = url.servers(DEFAULT_PORT) or [("localhost", DEFAULT_PORT)]
    cafile = url.options.get("cafile")
    if cafile and url.scheme != "rediss":
        raise UsageError(f"{url} has no certificates", "write rediss:// for an encrypted connection")
    return Address(
        host=host,
        port=port,
        db=db,
        user=url.user,
        password=url.password,
        tls=url.scheme == "rediss",
        cafile=cafile,
        timeout=url.option("timeout", _timeout, DEFAULT_TIMEOUT),
    )


def read_database(text: str) -> int:
    """Return the number of a database.

    Raises:
        UsageError: it is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise UsageError("not the number of a database", "0 is the first one")
    return int(text)


def _timeout(text: str) -> float:
    seconds = duration(text)
    if not 0 < seconds < math.inf:
        raise UsageError("a call that may take no time, or for ever", "write timeout=5s")
    return seconds
