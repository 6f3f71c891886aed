"""A site of several paths: picks the handler by path and method, answers 404, 405 and OPTIONS itself."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, cast

import msgspec

from forebay.errors import Undecodable, UsageError
from forebay.events import Answered, Listener
from forebay.intake.http import Request, Respond, Response, problem

log = logging.getLogger("forebay.intake")

CallbackHandler = Callable[[Request, Respond], None]
AsyncHandler = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request], Response | Awaitable[Response]]
Methods = dict[str, CallbackHandler | None]
"""The handlers of a path; None where the method is refused."""


class Route(msgspec.Struct, frozen=True):
    """A path that an application answers by itself.

    Arguments:
        method: as in ``GET``.
        path: ``/total``, or ``/orders/{uid}`` for one more segment.
        answer: the function that does.

    Raises:
        UsageError: the method is none, or the path is not of these forms.
    """

    method: str
    path: str
    answer: Answer

    def __post_init__(self) -> None:
        split_path(self.path)
        if not re.fullmatch("[A-Z]+", self.method):
            raise UsageError(f"{self.method!r} of {self.path} is not a method", "write it as GET")


def split_path(path: str) -> tuple[str, str]:
    """Return what all paths of a route begin with, and the name of its open segment: empty where it has none.

    Raises:
        UsageError: it is none.
    """
    stem, brace, name = path.partition("{")
    if not path.startswith("/") or (
        brace and not (stem.endswith("/") and name.endswith("}") and name[:-1].isidentifier())
    ):
        raise UsageError(f"{path!r} is not a path of a route", "write it as /orders or /orders/{id}")
    return stem, name.removesuffix("}")


class Routes:
    """A site that routes by path and method.

    Arguments:
        deadline: seconds that an ``async`` handler may take before its client hears 503.
        listeners: hear of every answer but those of callback handlers, which tell of their own.
    """

    def __init__(self, *, deadline: float = 30.0, listeners: list[Listener] | None = None) -> None:
        self._listeners = listeners if listeners is not None else []
        self._deadline = deadline
        self._exact: dict[str, Methods] = {}
        self._tailed: dict[str, Methods] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, method: str, path: str, handler: CallbackHandler | AsyncHandler) -> None:
        """Answer a method of a path by a handler.

        Arguments:
            method: as in ``GET``, which answers HEAD too.
            path: ``/orders``, or ``/orders/{id}`` for one more segment (not empty), read by `Request.path`.
            handler: ``async def (request) -> Response``, or the callback form of `Site.handle` for hot paths.

        Raises:
            UsageError: the path is not of these forms, or method and path are taken.
        """
        stem, name = split_path(path)
        methods = (self._tailed if name else self._exact).setdefault(stem, {})
        if method in methods:
            raise UsageError(f"{method} {path} has two handlers")
        if inspect.iscoroutinefunction(handler):
            methods[method] = self._as_callback(path, cast(AsyncHandler, handler))
        else:
            methods[method] = cast(CallbackHandler, handler)

    def refuse(self, method: str, path: str) -> None:
        """Answer a method of a path with 405: HEAD, where GET does more than tell."""
        self._exact.setdefault(path, {})[method] = None

    def answer(self, route: Route) -> None:
        """Answer a route by what its function returns: at once, or when it was awaited; 400 if that is `Undecodable`.

        Raises:
            UsageError: method and path are taken.
        """

        def answer(request: Request, respond: Respond) -> None:
            began = perf_counter()
            try:
                made = route.answer(request)
            except Undecodable as error:
                made = problem(400, error.what)
            except Exception as error:
                made = _failed(request, error)
            if isinstance(made, Response):
                if self._listeners:
                    self._tell(route.path, made.status, began)
                respond(made)
            else:
                self._start(self._run(route.path, _or_undecodable(made), request, respond))

        self.add(route.method, route.path, answer)

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a request by its handler; an exception becomes a 500 that tells nothing and a line in the log."""
        methods = self._exact.get(request.path) or self._by_tail(request.path)
        if methods is None:
            self._tell("", 404, perf_counter())
            respond(problem(404))
            return
        handler = methods.get("GET" if request.method == "HEAD" and "HEAD" not in methods else request.method)
        if handler is None:
            response = _not_by_this_method(request.method, methods)
            self._tell("", response.status, perf_counter())
            respond(response)
            return
        try:
            handler(request, respond)
        except Exception as error:
            respond(_failed(request, error))

    def _by_tail(self, path: str) -> Methods | None:
        stem, slash, tail = path.rpartition("/")
        return self._tailed.get(stem + slash) if tail else None

    def _as_callback(self, path: str, handler: AsyncHandler) -> CallbackHandler:
        def start(request: Request, respond: Respond) -> None:
            self._start(self._run(path, handler(request), request, respond))

        return start

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _run(self, path: str, made: Awaitable[Response], request: Request, respond: Respond) -> None:
        began = perf_counter()
        response = problem(503, "it took too long").with_headers((b"retry-after", b"1"))
        try:
            async with asyncio.timeout(self._deadline) as limit:
                response = await made
        except Exception as error:
            if not (isinstance(error, TimeoutError) and limit.expired()):
                response = _failed(request, error)
        finally:
            self._tell(path, response.status, began)
            respond(response)  # a cancelled task (the end of the program) answers too

    def _tell(self, path: str, status: int, began: float) -> None:
        for listener in self._listeners:
            listener(Answered(path, status, perf_counter() - began))


async def _or_undecodable(made: Awaitable[Response]) -> Response:
    try:
        return await made
    except Undecodable as error:
        return problem(400, error.what)


def _failed(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500)


def _not_by_this_method(method: str, methods: Methods) -> Response:
    taken = {name for name, handler in methods.items() if handler is not None}
    allowed = taken | {"OPTIONS"} | ({"HEAD"} if "GET" in taken and "HEAD" not in methods else set())
    allow = (b"allow", ", ".join(sorted(allowed)).encode())
    return (Response(204) if method == "OPTIONS" else problem(405)).with_headers(allow)
