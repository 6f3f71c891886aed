"""What the intake knows of HTTP: a request, a response, the limits, and what a site is."""

from __future__ import annotations

import http
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from forebay.intake.negotiation import preferred
from forebay.intake.parameters import in_form, in_query

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)
PROBLEM: Headers = ((b"content-type", b"application/problem+json"),)
TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)


class Request(msgspec.Struct, gc=False):
    """A request that has arrived in full.

    Arguments:
        method: as in ``POST``.
        path: percent-decoded, without the query.
        query: what stands behind the question mark, as it came.
        headers: by their names in lower case; repeated ones joined with a comma.
        body: as it came, chunks joined.
    """

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return one header by its name in lower case, None when it was not sent."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter, of the form in the body before the query; None when it was not sent.

        A form is ``application/x-www-form-urlencoded`` or ``multipart/form-data``.

        Raises:
            Undecodable: its value is not UTF-8.
        """
        if self.body:
            value = in_form(self.headers.get(b"content-type", b""), self.body, name)
            if value is not None:
                return value
        return in_query(self.query, name) if self.query else None

    @property
    def tail(self) -> str:
        """The last segment of the path: what stood for ``{uid}`` in ``/orders/{uid}``."""
        return self.path.rpartition("/")[2]

    def prefers(self, *kinds: str) -> str:
        """Return which of these media types the client would rather have; the first where it does not care.

        Arguments:
            kinds: as in ``text/plain``, in the order of the service's own preference.
        """
        accept = self.headers.get(b"accept")
        return preferred(accept.decode("latin-1"), kinds) if accept else kinds[0]


class Response(msgspec.Struct, frozen=True, gc=False):
    """An answer; `Date`, `Content-Length` and `Connection` are the server's to say.

    Arguments:
        status: as in 200.
        body: nothing is sent of it on HEAD.
        headers: pairs of name (lower case) and value; a value with a line break becomes a 500.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()

    def with_headers(self, *more: tuple[bytes, bytes]) -> Response:
        """Return a copy with further headers."""
        return Response(self.status, self.body, self.headers + more)


Respond = Callable[[Response], None]


class Site(Protocol):
    """Whatever answers requests."""

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer by one call of `respond`, now or later on the loop; never raises.

        A callback and no coroutine: the hot path needs neither a task nor a future for each request.
        """
        ...


class Refusal(Exception):
    """Raised while a request is received: take no more of it, and answer with this status."""

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may cost.

    Arguments:
        max_body: bytes of a body, chunks joined.
        max_header_bytes: of all names and values.
        max_headers: how many lines.
        max_url: bytes of the request target.
        receive_seconds: from the first byte of a request to its last.
        idle_seconds: between two requests of one connection.
        send_seconds: how long a client may leave answers unread before it is cut off.
        max_connections: open at once; those beyond are answered 503.
        max_pipelined: unanswered requests of one connection after which reading from it pauses.
        write_buffer: bytes of unread answers after which reading from the connection pauses.
    """

    max_body: int = 256 * 1024
    max_header_bytes: int = 16 * 1024
    max_headers: int = 100
    max_url: int = 8 * 1024
    receive_seconds: float = 10.0
    idle_seconds: float = 75.0
    send_seconds: float = 30.0
    max_connections: int = 10_000
    max_pipelined: int = 64
    write_buffer: int = 64 * 1024


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """Return an answer with `value` as JSON."""
    return Response(status, msgspec.json.encode(value), JSON + headers)


def text_response(text: str, status: int = 200) -> Response:
    """Return an answer in plain text."""
    return Response(status, text.encode(), TEXT)


def problem(status: int, detail: str = "", **more: Any) -> Response:
    """Return an error in the form of RFC 9457: type, title, status, detail, and what the caller adds."""
    said = {"type": "about:blank", "title": reason_phrase(status), "status": status}
    if detail:
        said["detail"] = detail
    return Response(status, msgspec.json.encode({**said, **more}), PROBLEM)


def reason_phrase(status: int) -> str:
    """Return the standard phrase of a status, as in ``Not Found``."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def split_target(target: str) -> tuple[str, str]:
    """Return path (percent-decoded) and query of a request target: ``/a?b``, ``http://host/a?b`` or ``*``."""
    if target[:1] != "/" and "://" in target:
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return (unquote(path) if "%" in path else path), query
