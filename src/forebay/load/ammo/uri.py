"""Lists of URLs and paths: the formats `uri` and `uripost` of Yandex.Tank and Pandora, and the log of a web server.

[Host: shop.example]           a header of all lines below it
/orders?page=1 first           uri: a path or URL, then its tag

27 /orders new                 uripost: the size of the body, a path or URL, the tag; then the body
{"product_id":"3","n":"1"}

10.0.0.1 - - [21/Nov/2026:12:00:00 +0000] "GET /orders HTTP/1.1" 200 12 "-" "curl"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from forebay.load.ammo.text import Entry, Origin, Text, Unreadable, header, with_headers
from forebay.load.shot import Shot

_REQUEST = re.compile(r'"([A-Z]+) ([^"]*?) HTTP/[0-9.]+"')


def uri(text: Text) -> Iterator[Entry]:
    """Yield the entries of a list: one GET for each line; lines that begin with # are comments."""
    headers = text.headers
    for line in text.lines():
        if line.startswith("["):
            headers = with_headers(headers, dict([header(line)]))
        elif not line.startswith("#"):
            url, _, tag = line.partition(" ")
            yield Entry(text.line, tag.strip(), partial(_shot, text.origin, "GET", url, headers, tag.strip(), b""))


def uripost(text: Text) -> Iterator[Entry]:
    """Yield the entries of a list with bodies: one POST for each."""
    headers = text.headers
    for line in text.lines():
        if line.startswith("["):
            headers = with_headers(headers, dict([header(line)]))
            continue
        begin, (size, _, rest) = text.line, line.partition(" ")
        url, _, tag = rest.strip().partition(" ")
        if not (size.isascii() and size.isdigit() and url):
            raise Unreadable(f"{line[:60]!r} is not the size of a body and a path", "write it as 27 /orders tag")
        body = text.piece(int(size))
        yield Entry(begin, tag.strip(), partial(_shot, text.origin, "POST", url, headers, tag.strip(), body))


def access(text: Text) -> Iterator[Entry]:
    """Yield what the log of nginx or Apache says was asked for by GET or HEAD; of others the body is not known."""
    for line in text.lines():
        match = _REQUEST.search(line)
        if match is None or match[1] not in ("GET", "HEAD"):
            text.passed_over += 1
        else:
            yield Entry(text.line, "", partial(_shot, text.origin, match[1], match[2], text.headers, "", b""))


def _shot(origin: Origin, method: str, url: str, headers: Mapping[str, str], tag: str, body: bytes) -> Shot:
    return Shot(body, headers=dict(headers), method=method, path=origin.path(url), tag=tag)
