"""An application: its intakes and its handlers, declared together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from forebay.declared import (
    PATH,
    DeclaredHandler,
    DeclaredIntake,
    Handling,
    Lifespan,
    Read,
    check_topic,
    nothing,
)
from forebay.errors import UsageError
from forebay.intake.answers import Answers
from forebay.intake.routes import Answer, Route
from forebay.workers.handler import Decode, Handler

if TYPE_CHECKING:
    from forebay.mounting import MountedApp
    from forebay.running import Running

F = TypeVar("F", bound=Callable[..., Any])
A = TypeVar("A", bound=Answer)


class App:
    """An application.

    Arguments:
        name: for its people and its metrics.
        lifespan: opens what handlers need (a pool of connections, a client) and closes it in the end. One that takes an
            argument is given the :class:`~forebay.running.Running` when store and queues are open, before the first
            message is worked off.

    Example::

        app = App("shop")

        @app.post("/orders")
        async def work_off(order: Order) -> None:
            ...
    """

    def __init__(self, name: str = "app", *, lifespan: Lifespan | None = None) -> None:
        self.name = name
        self.intakes: list[DeclaredIntake] = []
        self.handlers: dict[str, DeclaredHandler] = {}
        self.routes: list[Route] = []
        self.lifespan: Lifespan = lifespan or nothing

    def post(
        self,
        path: str,
        *,
        topic: str | Sequence[str] | None = None,
        answers: Answers | None = None,
        key: Callable[[Any], str | None] | None = None,
        read: Read | None = None,
        parameters: Sequence[str] = (),
        methods: Sequence[str] = ("POST",),
        **handling: Unpack[Handling],
    ) -> Callable[[F], F]:
        """Declare a path and, with the function below, how what is posted there is worked off.

        Arguments:
            path, topic, answers, key, read, parameters, methods: as for `intake`; the body is what the function's
                annotation says.
            handling: as for `handler`: workers, batch, retry, timeout, results, decode.
        """
        topics = _topics(topic, path)

        def declare(function: F) -> F:
            self._check_path(path)  # before the handler is there: a refused declaration leaves nothing behind
            declared = [self._add_handler(name, function, **handling) for name in topics]
            body = declared[0].handler.body_type
            self.intake(
                path,
                body,
                topic=topics,
                answers=answers,
                key=key,
                read=read,
                parameters=parameters,
                decode=handling.get("decode"),
                methods=methods,
            )
            return function

        return declare

    def intake(
        self,
        path: str,
        body: Any = Any,
        *,
        topic: str | Sequence[str] | None = None,
        answers: Answers | None = None,
        key: Callable[[Any], str | None] | None = None,
        read: Read | None = None,
        parameters: Sequence[str] = (),
        decode: Decode | None = None,
        methods: Sequence[str] = ("POST",),
    ) -> None:
        """Declare a path whose requests become messages; who works them off is declared elsewhere.

        Arguments:
            path: as in ``/orders``.
            body: the type that a body must have, any that msgspec decodes; `bytes`: anything.
            topic: where the messages wait; default: the last part of the path. Several: each goes to one at random.
            answers: what a client hears; default: 202 with the id.
            key: from a body to its key: messages of one key belong together (a partition of Kafka).
            read: from a request to the body of its message (from a form or a query); default: the request's body.
            parameters: the names that `read` looks for, told by /openapi.json.
            decode: from that body to what its handler takes; raises `Undecodable`; default: strict JSON of the type.
            methods: which requests are taken.

        Raises:
            UsageError: the path is taken or does not begin with a slash, or the topic has no proper name.
        """
        self._check_path(path)
        topics = tuple(check_topic(name) for name in _topics(topic, path))
        if not methods or not set(methods) <= {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            raise UsageError(f"the intake {path} cannot take {', '.join(methods) or 'nothing'}", "methods=('POST',)")
        if parameters and read is None:
            raise UsageError(f"the intake {path} has parameters that nobody reads", "give it a function: read=")
        self.intakes.append(
            DeclaredIntake(
                path=path,
                topics=topics,
                body=body,
                answers=answers or Answers(),
                key=key,
                read=read,
                parameters=tuple(parameters),
                decode=decode,
                methods=tuple(methods),
            )
        )

    def get(self, path: str) -> Callable[[A], A]:
        """Declare that the function below answers GET and HEAD of a path; see `route`."""
        return self.route("GET", path)

    def route(self, method: str, path: str) -> Callable[[A], A]:
        """Declare that the function below answers requests to a path.

        Arguments:
            method: as in ``GET``, which answers HEAD too.
            path: ``/``, ``/total``, or ``/orders/{uid}`` for one more segment, which `Request.tail` tells.

        The function takes the :class:`~forebay.intake.http.Request`. An async one becomes a task; a plain one answers
        on the event loop at once, or returns something to be awaited where it has to ask elsewhere. `Undecodable`
        becomes a 400 with its reason. The first line of its docstring is its summary in /openapi.json.

        Raises:
            UsageError: the method is none, or the path is not of these forms.
        """

        def declare(function: A) -> A:
            self.routes.append(Route(method, path, function))
            return function

        return declare

    def handler(self, topic: str, **handling: Unpack[Handling]) -> Callable[[F], F]:
        """Declare that the function below works off a topic.

        Arguments:
            topic: whose messages it takes.
            workers: messages in work at once; default: the setting `workers`.
            batch: give it lists of up to so many messages instead of one.
            retry: what a failure means; default: by the settings `attempts` and `backoff`.
            timeout: seconds it may take; default: the setting `timeout`.
            results: False: what it returns is not kept; it has kept its own effect, and may be given a message again.
            decode: from bytes to what it takes; raises `Undecodable` for what ends as a dead letter at once.

        Raises:
            UsageError: the topic has a handler already, or the function does not take what a handler is given.
        """

        def declare(function: F) -> F:
            self._add_handler(topic, function, **handling)
            return function

        return declare

    def running(self, **settings: Any) -> AbstractAsyncContextManager[Running]:
        """Run the intakes and workers inside an ``async with``; keyword arguments are settings, as text or value.

        Example::

            async with app.running(queue="memory://orders", workers=2) as running:
                await running.publish("orders", order)
                await running.drained()
        """
        from forebay.running import run, settings_of  # what an app declares must not cost the machinery that runs it

        return run(self, settings_of(settings))

    def asgi(self, **settings: Any) -> MountedApp:
        """Return the application as ASGI, to be served by any server or mounted into a program of one's own.

        It starts by the lifespan of the server, or of the program that mounts it (``FastAPI(lifespan=x.lifespan)``),
        or else with its first request.
        """
        from forebay.mounting import MountedApp

        return MountedApp(self, settings)

    @property
    def topics(self) -> list[str]:
        """The names of all topics, in the order of their declaration."""
        return list(dict.fromkeys([*(topic for i in self.intakes for topic in i.topics), *self.handlers]))

    def _check_path(self, path: str) -> None:
        if not PATH.fullmatch(path):
            raise UsageError(f"{path!r} is not a path of an intake", "write it as /orders")
        if any(declared.path == path for declared in self.intakes):
            raise UsageError(f"the path {path} is declared twice")

    def _add_handler(self, topic: str, function: Callable[..., Any], **handling: Unpack[Handling]) -> DeclaredHandler:
        workers, timeout = handling.get("workers"), handling.get("timeout")
        if topic in self.handlers:
            raise UsageError(f"the topic {topic} has two handlers", "give one of them a topic of its own")
        if (workers is not None and workers < 1) or (timeout is not None and timeout <= 0):
            raise UsageError(f"the handler of {topic} needs 1 or more workers, and a timeout above 0")
        declared = DeclaredHandler(
            topic=check_topic(topic),
            handler=Handler(function, batch=handling.get("batch"), decode=handling.get("decode")),
            workers=workers,
            retry=handling.get("retry"),
            timeout=timeout,
            results=handling.get("results", True),
        )
        self.handlers[topic] = declared
        return declared


def _topics(given: str | Sequence[str] | None, path: str) -> tuple[str, ...]:
    if given is None:
        given = path.rstrip("/").rpartition("/")[2]
    topics = (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
    if not topics:
        raise UsageError(f"the intake {path} has no topic", "name one, or leave it out")
    return topics
