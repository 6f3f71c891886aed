"""Vegeta's HTTP targets: a request line, headers, and a body from another file.

# comments
POST http://127.0.0.1:8080/orders
Content-Type: application/json
@order.json

GET http://127.0.0.1:8080/orders?page=1
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from forebay.load.ammo.text import Entry, Text, Unreadable, header, with_headers
from forebay.load.shot import Shot

_TARGET = re.compile(r"([A-Z]+)\s+(\S+)")


def vegeta(text: Text) -> Iterator[Entry]:
    """Yield the entries of a file of targets."""
    begin, lines = 0, list[str]()
    for line in text.lines():
        if _TARGET.fullmatch(line):
            if lines:
                yield Entry(begin, "", partial(_shot, text, lines))
            begin, lines = text.line, [line]
        elif lines:
            if not line.startswith("#"):
                lines.append(line)
        elif not line.startswith("#"):
            raise Unreadable(f"{line[:60]!r} is not a target", "write it as GET http://127.0.0.1:8080/orders")
    if lines:
        yield Entry(begin, "", partial(_shot, text, lines))


def _shot(text: Text, lines: list[str]) -> Shot:
    method, url = lines[0].split()
    body, headers = b"", dict[str, str]()
    for line in lines[1:]:
        if line.startswith("@"):
            body = _body(line[1:].strip(), text.folder)
        else:
            name, value = header(line)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Shot(body, headers=with_headers(text.headers, headers), method=method, path=text.origin.path(url))


@lru_cache(maxsize=1024)
def _body(name: str, folder: Path) -> bytes:
    """Return the body of a file, looked for in the current folder, as Vegeta does, then in that of the targets."""
    for path in (Path(name), folder / name):
        try:
            return path.read_bytes()
        except OSError as error:
            reason = error.strerror
    raise Unreadable(f"the body {name} cannot be read: {reason}", "it is looked for here and beside the targets")
