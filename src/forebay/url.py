"""Addresses of queues and stores: ``kafka://host/orders?group=workers`` becomes driver, place and options, strictly."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from forebay.errors import UsageError

T = TypeVar("T")

WITH_TOKENS = {"nats"}
"""Schemes that take a user without a password for a token, which is as secret as a password."""

_OF_ACCOUNT = re.compile(r"(://[^\s/?#:@]*):[^\s/?#]*@")
_TOKEN = re.compile(rf"(\b(?:{'|'.join(WITH_TOKENS)})://)[^\s/?#:@]+@")
_OF_OPTION = re.compile(r"([?&][^\s=&]*password[^\s=&]*=)[^\s&]+")


@dataclass(frozen=True, slots=True)
class URL:
    """A parsed address; its text form never shows the password.

    Arguments:
        scheme: names the driver: ``memory``, ``sqlite``, ``kafka``, ``postgresql``.
        host: name and port (several, with commas, for a cluster); the name of a memory queue.
        path: without its first slash: the file of SQLite, the topic of Kafka, the database of PostgreSQL.
        options: what stands behind the question mark.
    """

    scheme: str
    host: str = ""
    path: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        user = "***" if self.user and not self.password and self.scheme in WITH_TOKENS else self.user
        account = f"{user}{':***' if self.password else ''}@" if self.user or self.password else ""
        hidden = {k: "***" if "password" in k else v for k, v in self.options.items()}
        query = "&".join(f"{k}={quote(v, safe='/:,')}" for k, v in hidden.items())
        return f"{self.scheme}://{account}{self.host}{'/' if self.path else ''}{self.path}{'?' if query else ''}{query}"

    def option(self, name: str, read: Callable[[str], T], default: T) -> T:
        """Return the option `name` read by `read`, or `default` where the URL does not have it.

        Raises:
            UsageError: the value cannot be read; names the option.
        """
        if name not in self.options:
            return default
        try:
            return read(self.options[name])
        except (ValueError, UsageError) as error:
            raise UsageError(f"{name}={self.options[name]!r} in {self}: {error}", getattr(error, "hint", "")) from error

    def servers(self, port: int) -> list[tuple[str, int]]:
        """Return name and port of each server of the host; an IPv6 address without its brackets, no name as localhost.

        Arguments:
            port: of a server that is named without one.

        Raises:
            UsageError: what stands behind a colon is no port.
        """
        return [self._server(text, port) for text in self.host.split(",") if text]

    def _server(self, text: str, port: int) -> tuple[str, int]:
        name, colon, number = text.rpartition(":")
        if not colon or text.endswith("]"):
            name, number = text, str(port)
        if not (number.isascii() and number.isdigit() and 0 < int(number) < 65_536):
            raise UsageError(f"{self} has no such port", f"a number up to 65535: {self.scheme}://localhost:{port}")
        return name.removeprefix("[").removesuffix("]") or "localhost", int(number)

    def with_options(self, **changes: str) -> URL:
        """Return a copy with these options set."""
        return URL(self.scheme, self.host, self.path, self.user, self.password, {**self.options, **changes})

    def check_options(self, known: Mapping[str, str] | set[str]) -> None:
        """Refuse every option that is not in `known`.

        Raises:
            UsageError: names the unknown option and the nearest known one.
        """
        for name in self.options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
                raise UsageError(f"unknown option {name!r} in {self}", hint)


def parse(text: str) -> URL:
    """Return the parts of an address.

    Raises:
        UsageError: no scheme, a bracket that is not closed, a fragment, a repeated option, an option without a value.
    """
    if "://" not in text:
        hidden = re.sub(r":.*@", ":***@", text)
        raise UsageError(f"{hidden!r} is not a URL", "write it as sqlite:///orders.db or kafka://localhost:9092/orders")
    try:
        parts = urlsplit(text)
    except ValueError as error:  # what it says may quote the account
        scheme = text.partition("://")[0]
        hint = "an IPv6 address stands in brackets: redis://[::1]:6379/orders; other signs are written as %40"
        raise UsageError(f"the host of this {scheme}:// URL cannot be read", hint) from error
    if parts.fragment:
        raise UsageError("a URL of a queue or store has no #fragment", "write # as %23")
    account, _, host = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    options: dict[str, str] = {}
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise UsageError(f"the options of the URL cannot be read: {error}", "write them as ?a=1&b=2") from error
    for name, value in pairs:
        if name in options:
            raise UsageError(f"option {name!r} stands twice in the URL")
        options[name] = value
    return URL(parts.scheme, host, unquote(parts.path[1:]), unquote(user), unquote(password), options)


def with_port(name: str, port: int) -> str:
    """Return a server as it is written: an IPv6 address in brackets."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def without_passwords(text: str) -> str:
    """Return a text in which the passwords and the tokens of URLs are three stars."""
    return _OF_OPTION.sub(r"\1***", _TOKEN.sub(r"\1***@", _OF_ACCOUNT.sub(r"\1:***@", text)))
