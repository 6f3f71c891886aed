"""An application: its intakes and its handlers, declared together."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from forebay.errors import UsageError
from forebay.intake.answers import Answers
from forebay.queue.options import NAME
from forebay.workers.handler import Handler
from forebay.workers.policies import RetryPolicy

if TYPE_CHECKING:
    from forebay.mounting import MountedApp
    from forebay.running import Running

F = TypeVar("F", bound=Callable[..., Any])
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
"""Paths that need no escapes, so that they are the same in every URL."""

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]


class DeclaredIntake(msgspec.Struct, frozen=True):
    """A path where requests become messages of a topic; `body` is the type that a request must have."""

    path: str
    topic: str
    body: Any
    answers: Answers
    key: Callable[[Any], str | None] | None


class DeclaredHandler(msgspec.Struct, frozen=True):
    """A function that works off a topic; None for what the settings decide."""

    topic: str
    handler: Handler
    workers: int | None
    retry: RetryPolicy | None
    timeout: float | None


class App:
    """An application.

    Arguments:
        name: for its people and its metrics.
        lifespan: opens what handlers need (a pool of connections, a client) and closes it in the end.

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
        self.lifespan = lifespan or _nothing

    def post(
        self,
        path: str,
        *,
        topic: str | None = None,
        answers: Answers | None = None,
        key: Callable[[Any], str | None] | None = None,
        workers: int | None = None,
        batch: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Declare a path and, with the function below, how what is posted there is worked off.

        Arguments:
            path: as in ``/orders``.
            topic: where the messages wait; default: the last part of the path.
            answers: what a client hears; default: 202 with the id.
            key: from a body to its key: messages of one key belong together (a partition of Kafka).
            workers, batch, retry, timeout: as for `handler`.
        """
        name = topic or path.rstrip("/").rpartition("/")[2]

        def declare(function: F) -> F:
            self._check_path(path)  # before the handler is there: a refused declaration leaves nothing behind
            declared = self._add_handler(name, function, workers, batch, retry, timeout)
            self.intake(path, declared.handler.body_type, topic=name, answers=answers, key=key)
            return function

        return declare

    def intake(
        self,
        path: str,
        body: Any = Any,
        *,
        topic: str | None = None,
        answers: Answers | None = None,
        key: Callable[[Any], str | None] | None = None,
    ) -> None:
        """Declare a path whose requests become messages; who works them off is declared elsewhere.

        Raises:
            UsageError: the path is taken or does not begin with a slash, or the topic has no proper name.
        """
        name = topic or path.rstrip("/").rpartition("/")[2]
        self._check_path(path)
        self.intakes.append(DeclaredIntake(path, _topic_name(name), body, answers or Answers(), key))

    def handler(
        self,
        topic: str,
        *,
        workers: int | None = None,
        batch: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Declare that the function below works off a topic.

        Arguments:
            topic: whose messages it takes.
            workers: messages in work at once; default: the setting `workers`.
            batch: give it lists of up to so many messages instead of one.
            retry: what a failure means; default: by the settings `attempts` and `backoff`.
            timeout: seconds it may take; default: the setting `timeout`.

        Raises:
            UsageError: the topic has a handler already, or the function does not take what a handler is given.
        """

        def declare(function: F) -> F:
            self._add_handler(topic, function, workers, batch, retry, timeout)
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
        return list(dict.fromkeys([*(i.topic for i in self.intakes), *self.handlers]))

    def _check_path(self, path: str) -> None:
        if not PATH.fullmatch(path):
            raise UsageError(f"{path!r} is not a path of an intake", "write it as /orders")
        if any(declared.path == path for declared in self.intakes):
            raise UsageError(f"the path {path} is declared twice")

    def _add_handler(
        self,
        topic: str,
        function: Callable[..., Any],
        workers: int | None,
        batch: int | None,
        retry: RetryPolicy | None,
        timeout: float | None,
    ) -> DeclaredHandler:
        if topic in self.handlers:
            raise UsageError(f"the topic {topic} has two handlers", "give one of them a topic of its own")
        if (workers is not None and workers < 1) or (timeout is not None and timeout <= 0):
            raise UsageError(f"the handler of {topic} needs 1 or more workers, and a timeout above 0")
        handler = Handler(function, batch=batch)
        self.handlers[_topic_name(topic)] = declared = DeclaredHandler(topic, handler, workers, retry, timeout)
        return declared


def _topic_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a topic", "letters, digits, - and _, at most 100")
    return name


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
