"""The address of a PostgreSQL: our own options, and what libpq is told."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from forebay.errors import UsageError
from forebay.quantity import duration
from forebay.stores.postgres.failures import one_line
from forebay.url import URL

OPTIONS: Final = {
    "schema": "the schema of the tables",
    "connections": "how many transactions of `once` at a time",
    "timeout": "how long a statement may take, e.g. 10s",
    "host": "the folder of a Unix socket",
    "sslmode": "as libpq knows it, e.g. verify-full",
    "sslrootcert": "as libpq knows it",
    "sslcert": "as libpq knows it",
    "sslkey": "as libpq knows it",
    "application_name": "as libpq knows it",
    "target_session_attrs": "as libpq knows it, e.g. read-write",
}
_OURS: Final = {"schema", "connections", "timeout"}


def conninfo(url: URL, connect_seconds: float) -> str:
    """Return what libpq is told to connect to the server of an address.

    Raises:
        UsageError: libpq does not take it.
    """
    given: dict[str, str] = {name: value for name, value in url.options.items() if name not in _OURS}
    hosts, ports = _split(url.host)
    if hosts:
        given |= {"host": hosts, "port": ports}
    fixed = {"connect_timeout": f"{connect_seconds:.0f}", "tcp_user_timeout": "15000", "client_encoding": "utf8"}
    account = {"user": url.user, "password": url.password, "dbname": url.path}
    told = {name: value for name, value in account.items() if value}
    try:
        return make_conninfo("", **{"application_name": "forebay", **fixed, **told, **given})
    except psycopg.ProgrammingError as error:
        raise UsageError(f"{url}: {one_line(error)}", "write postgresql://user:password@host:5432/database") from error


def limit_seconds(text: str) -> float:
    """Read the time that a statement may take.

    Raises:
        UsageError: none that can be meant.
    """
    seconds = duration(text)
    if not 0.01 <= seconds <= 86_400:
        raise UsageError("not a time limit", "choose from 10ms to 1d")
    return seconds


def at_least_one(text: str) -> int:
    """Read a number of connections.

    Raises:
        UsageError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise UsageError("not a number of connections", "write 1 or more")
    return int(text)


def _split(hosts: str) -> tuple[str, str]:
    """Return the names and the ports of ``a:1,b:2``, as libpq wants them."""
    names, ports = [], []
    for place in hosts.split(",") if hosts else []:
        name, colon, port = place.rpartition(":")
        if not colon or port.endswith("]"):
            name, port = place, "5432"
        names.append(name.strip("[]"))
        ports.append(port)
    return ",".join(names), ",".join(ports)
