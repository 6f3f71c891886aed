"""What an application declares: its intakes and its handlers, as small frozen values."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypedDict

import msgspec

from forebay.errors import UsageError
from forebay.intake.answers import Answers
from forebay.intake.http import Request
from forebay.queue.options import NAME
from forebay.workers.handler import Decode, Handler
from forebay.workers.policies import RetryPolicy

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
"""Paths that need no escapes, so that they are the same in every URL."""

Lifespan = Callable[..., AbstractAsyncContextManager[Any]]
"""Takes nothing, or the :class:`~forebay.running.Running` where it wants queues and store to be open."""

Read = Callable[[Request], bytes]
"""Returns the body of the message that a request stands for; raises `Undecodable` where it stands for none."""


class DeclaredIntake(msgspec.Struct, frozen=True, kw_only=True):
    """A path where requests become messages; `body` is the type that the message must have.

    Arguments:
        topics: one, or several, of which each message goes to one at random.
        parameters: what `read` looks for by name.
    """

    path: str
    topics: tuple[str, ...]
    body: Any
    answers: Answers
    key: Callable[[Any], str | None] | None
    read: Read | None
    parameters: tuple[str, ...]
    decode: Decode | None
    methods: tuple[str, ...]


class DeclaredHandler(msgspec.Struct, frozen=True, kw_only=True):
    """A function that works off a topic; None for what the settings decide."""

    topic: str
    handler: Handler
    workers: int | None
    retry: RetryPolicy | None
    timeout: float | None
    results: bool


class Handling(TypedDict, total=False):
    """How a topic is worked off, as keyword arguments; see :meth:`forebay.app.App.handler`."""

    workers: int | None
    batch: int | None
    retry: RetryPolicy | None
    timeout: float | None
    results: bool
    decode: Decode | None


def check_topic(name: str) -> str:
    """Return the name of a topic.

    Raises:
        UsageError: it is none.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a topic", "letters, digits, - and _, at most 100")
    return name


def wants_running(lifespan: Lifespan) -> bool:
    """Say whether a lifespan is to be given what runs."""
    return bool(inspect.signature(lifespan).parameters)


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Be the lifespan of an application that has none."""
    yield
