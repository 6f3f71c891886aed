"""The same site under any ASGI server, or mounted into a program of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeVar

from forebay.intake.http import Headers, Limits, Refusal, Request, Response, Site, problem

T = TypeVar("T")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gone(Exception):
    """The client left before its request had come in full."""


class Deadline:
    """One deadline for many tasks, by one timer: `asyncio.timeout` for each would cost a sixth of the throughput.

    Arguments:
        seconds: that each task has.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}  # in the order of their time, for all have the same
        self._overdue: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def keep(self, work: Awaitable[T]) -> T:
        """Return what `work` returns.

        Raises:
            TimeoutError: it did not within the time; it was cancelled.
        """
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        self._due[task] = loop.time() + self._seconds
        if self._timer is None or self._loop is not loop:  # a server may run us on one loop after another
            self._loop = loop
            self._timer = loop.call_later(self._seconds, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._overdue and task.uncancel() == 0:
                raise TimeoutError from None
            raise  # somebody else wants the task to end
        finally:
            self._due.pop(task, None)
            self._overdue.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for task, due in list(self._due.items()):
            if due > loop.time():
                self._timer = loop.call_at(due, self._look, loop)
                return
            del self._due[task]
            self._overdue.add(task)
            task.cancel()


class ASGISite:
    """A site as an ASGI 3 application.

    The limits hold here as they do in our own server, as far as ASGI lets them: connections are its server's.

    Arguments:
        site: answers the requests.
        limits: what a client may cost.
    """

    def __init__(self, site: Site, limits: Limits | None = None) -> None:
        self._site = site
        self._limits = limits or Limits()
        self._deadline = Deadline(self._limits.receive_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; take part in the lifespan; refuse web sockets."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = root_of(scope)
        try:
            request = await self._request(scope, root, receive)
        except Gone:
            return
        except Refusal as refused:
            close = ((b"connection", b"close"),) if scope.get("http_version", "").startswith("1") else ()
            response = problem(refused.status, refused.detail).with_headers(*close)
        else:
            response = await self._response(request)
        await _send(response, scope["method"] == "HEAD", root, send)

    async def _request(self, scope: Scope, root: str, receive: Receive) -> Request:
        query = scope.get("query_string", b"")
        if len(scope["path"]) + len(query) > self._limits.max_url:
            raise Refusal(414)
        headers = self._headers(scope["headers"])
        if int(headers.get(b"content-length", b"0")) > self._limits.max_body:
            raise Refusal(413, f"at most {self._limits.max_body} bytes")
        try:
            body = await self._deadline.keep(self._body(receive))
        except TimeoutError:
            raise Refusal(408, f"not received within {self._limits.receive_seconds:g} seconds") from None
        return Request(scope["method"], scope["path"][len(root) :], query.decode("latin-1"), headers, body)

    def _headers(self, pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        count = size = 0
        for name, value in pairs:
            count += 1
            size += len(name) + len(value)
            headers[name] = value if name not in headers else headers[name] + b", " + value
        if count > self._limits.max_headers or size > self._limits.max_header_bytes:
            raise Refusal(431)
        if not headers.get(b"content-length", b"0").isdigit():
            raise Refusal(400, "Content-Length is not a number")
        return headers

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        body = bytearray(message.get("body", b""))  # bytes would be copied with each of its pieces
        while message["type"] == "http.request" and message.get("more_body") and len(body) <= self._limits.max_body:
            message = await receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise Gone
        if len(body) > self._limits.max_body:
            raise Refusal(413, f"at most {self._limits.max_body} bytes")
        return bytes(body)

    async def _response(self, request: Request) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def respond(response: Response) -> None:
            if not answer.done():
                answer.set_result(response)

        self._site.handle(request, respond)
        return await answer


def root_of(scope: Scope) -> str:
    """Return the prefix under which we are mounted, as far as the path really begins with it."""
    root: str = scope.get("root_path", "").rstrip("/")
    return root if root and scope["path"].startswith(root + "/") else ""


def _placed(headers: Headers, root: str) -> Headers:
    """Return headers in which a Location of ours stands below the prefix."""
    prefix = root.encode()
    return tuple((n, prefix + v if n == b"location" and v.startswith(b"/") else v) for n, v in headers)


async def _send(response: Response, bodiless: bool, root: str, send: Send) -> None:
    headers = _placed(response.headers, root) if root else response.headers
    if response.status not in {204, 304}:
        headers = (*headers, (b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b"" if bodiless else response.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
