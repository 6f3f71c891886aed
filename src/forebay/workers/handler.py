"""A user's function as the pool sees it: what it takes, whether it is async, whether it takes many at once."""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import msgspec

from forebay.errors import Undecodable, UsageError
from forebay.message import Message

Decode = Callable[[bytes], Any]


class Work(msgspec.Struct, frozen=True):
    """What a handler may ask for beside the body: put a parameter of this type behind it.

    Arguments:
        message: as it was accepted.
        topic: where it waited.
        attempt: 1 for the first.
        place: where the broker keeps it, see :func:`forebay.queue.place.position_of`; empty: the broker tells no place.
    """

    message: Message
    topic: str
    attempt: int
    place: str = ""


class Handler:
    """A handler with its calling convention found out once, when it is declared.

    Arguments:
        function: takes the body (as `bytes`, as `Message`, or decoded from JSON to the annotated type) and perhaps a
            `Work`; with `batch` a list of bodies (and a list of `Work`).
        batch: the largest list to be given at once; None: one body a call.
        decode: from bytes to the annotated type; default: strict JSON by msgspec.

    Raises:
        UsageError: the function does not take what a handler is given.
    """

    def __init__(self, function: Callable[..., Any], *, batch: int | None = None, decode: Decode | None = None) -> None:
        if batch is not None and batch < 1:
            raise UsageError(f"a batch of {batch} is none", "write batch=500, or leave it out")
        self.function = function
        self.batch = batch
        self.name = getattr(function, "__name__", type(function).__name__)
        self._told = function if inspect.isroutine(function) else type(function).__call__
        self.is_async = inspect.iscoroutinefunction(inspect.unwrap(self._told))
        self.body_type, self.takes_work = self._signature()
        self._decode = decode or decoder(self.body_type)

    def body_of(self, message: Message) -> Any:
        """Return what the function takes for this message.

        Raises:
            Undecodable: the body is not of the annotated type; trying again cannot help.
        """
        if self.body_type is Message:
            return message
        if self.body_type is bytes:
            return message.body
        try:
            return self._decode(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise Undecodable(f"not a {type_name(self.body_type)}: {error}") from error

    def calling(self, executor: Executor | None) -> Callable[..., Awaitable[Any]]:
        """Return the function as an async one; a sync function runs in the threads of `executor`."""
        if self.is_async:
            return self.function

        async def in_thread(*arguments: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(executor, self.function, *arguments)

        return in_thread

    def _signature(self) -> tuple[Any, bool]:
        try:
            hints = typing.get_type_hints(self._told, include_extras=True)
        except Exception as error:
            raise UsageError(
                f"the annotations of {self.name} cannot be read: {error}", "define its types at the top of the module"
            ) from error
        parameters = [p for p in inspect.signature(self.function).parameters.values() if p.default is p.empty]
        if not 1 <= len(parameters) <= 2 or any(p.kind is p.KEYWORD_ONLY for p in parameters):
            raise UsageError(
                f"the handler {self.name} must take the body, and perhaps a Work",
                "def handler(order: Order) or def handler(order: Order, work: Work)",
            )
        body = hints.get(parameters[0].name, Any)
        return self._one_of(body) if self.batch else body, len(parameters) == 2

    def _one_of(self, annotation: Any) -> Any:
        if annotation is Any:
            return Any
        if typing.get_origin(annotation) not in (list, Sequence):
            raise UsageError(f"a batch handler takes a list; {self.name} takes {annotation!r}")
        return typing.get_args(annotation)[0]


def decoder(body_type: Any) -> Decode:
    """Return the function that reads a body of this type from JSON."""
    if body_type in (bytes, Message):
        return bytes
    try:
        return msgspec.json.Decoder(body_type).decode
    except TypeError as error:
        raise UsageError(f"a body cannot be read as {body_type!r}: {error}") from error


def type_name(body_type: Any) -> str:
    """Return how a type is called in messages to people."""
    return getattr(body_type, "__name__", None) or str(body_type)
