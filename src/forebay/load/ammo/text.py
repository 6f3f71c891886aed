"""A file of ammunition while it is read: its lines and sized pieces, and the words that formats have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from forebay.load.shot import Shot

_LONGEST = 64 * 2**20
"""Bytes of one line or piece; more is a file of another format."""
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)", re.DOTALL)
_MARK = "\ufeff".encode()
_SCHEMES = ("http://", "https://")
_PORTS = {"http": 80, "https": 443}


class Unreadable(ValueError):
    """What is wrong with an entry; who knows the file adds its name and the line."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class Entry(NamedTuple):
    """One shot of a file before it is made, so that a process makes only its own.

    Arguments:
        line: where it begins. tag: its own. make: returns it; raises Unreadable.
    """

    line: int
    tag: str
    make: Callable[[], Shot]


class Origin:
    """The server that the URLs of a file name: one and the same for all of a run.

    Arguments:
        url: of the target; empty: the first URL decides.
    """

    def __init__(self, url: str = "") -> None:
        self.url = _origin(url) if url.startswith(_SCHEMES) else ""
        """Scheme, host and port; empty: no URL has been seen."""
        self._of_socket = url.startswith("http+unix:")

    def path(self, url: str) -> str:
        """Return the path and query of a URL, or of what is a path already.

        Raises:
            Unreadable: it is neither, or names another server.
        """
        if not (url.isascii() and url.isprintable()) or " " in url:
            raise Unreadable(f"{url!r} has a character that no URL may have", "percent-encode it: %20 is a space")
        if url.startswith("/"):
            return url
        if not url.startswith(_SCHEMES):
            raise Unreadable(f"{url!r} is neither a path nor a URL", "a path begins with /")
        origin, parts = _origin(url), urlsplit(url)
        self.url = self.url or origin
        if origin != self.url and not self._of_socket:
            raise Unreadable(f"{origin} is not the target", f"a run fires at one server, here {self.url}")
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise Unreadable(f"{url!r} is not a URL: {error}") from error
    if not parts.netloc:
        raise Unreadable(f"{url!r} has no host")
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port != _PORTS.get(parts.scheme) else "")


class Text:
    """A file that is read from its beginning.

    Arguments:
        stream: its bytes.
        headers: for every shot, below those of the file.
        origin: the server that it has to name.
        folder: beside which files that it names are.
    """

    def __init__(self, stream: BinaryIO, headers: Mapping[str, str], origin: Origin, folder: Path) -> None:
        self.stream = stream
        self.headers = dict(headers)
        self.origin = origin
        self.folder = folder
        self.line = 0
        """Of what was read last, from 1."""
        self.passed_over = 0
        """Lines that hold no shot of ours, where the format allows that."""

    def lines(self) -> Iterator[str]:
        """Yield the lines that are not blank, without their ends; between two of them `piece` may be read."""
        readline = self.stream.readline
        while raw := readline(_LONGEST):
            self.line += 1
            if line := decoded(raw).strip():
                yield line

    def piece(self, size: int) -> bytes:
        """Return the next bytes, exactly so many.

        Raises:
            Unreadable: the file is shorter, or the size impossible.
        """
        if not 0 <= size <= _LONGEST:
            raise Unreadable(f"{size} bytes are not possible", "the number counts the bytes that follow")
        found = self.stream.read(size)
        if len(found) < size:
            raise Unreadable(f"{size} bytes are announced and {len(found)} are there", "count the CRs of CRLF as well")
        self.line += found.count(b"\n")
        return found


def decoded(raw: bytes) -> str:
    """Return a line as text.

    Raises:
        Unreadable: it is not UTF-8.
    """
    try:
        return str(raw.removeprefix(_MARK), "utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("it is not text in UTF-8", "is a size before it wrong, or is it another format?") from error


def header(line: str) -> tuple[str, str]:
    """Return the name and the value of ``Name: value``, or of ``[Name: value]``.

    Raises:
        Unreadable: it is not a header.
    """
    inside = line[1:-1] if line.startswith("[") and line.endswith("]") else line
    match = _HEADER.fullmatch(inside.strip())
    if match is None:
        raise Unreadable(f"{line!r} is not a header", "write it as [Name: value]" if "[" in line else "Name: value")
    return match[1], match[2]


def with_headers(below: Mapping[str, str], above: Mapping[str, str]) -> dict[str, str]:
    """Return both; where a name stands in both, in whatever case, the one above counts."""
    names = {name.lower() for name in above}
    return {**{name: value for name, value in below.items() if name.lower() not in names}, **above}
