"""The one frozen value that everything carries: a message."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from forebay.errors import UsageError


class Message(msgspec.Struct, frozen=True, gc=False):
    """What a request has become: bytes with an identity, on their way to a handler.

    Arguments:
        id: the identity for the whole life of the message; the inbox of a store keeps its effect unique by it.
        body: the payload, as it came.
        key: messages of one key belong together (a Kafka partition); None: no such wish.
        headers: text by text; names that start with ``forebay-`` are ours.
        priority: larger goes first under the discipline PRIORITY; elsewhere without meaning.
        accepted_at: when the message was accepted, in seconds since the epoch.
        not_before: no delivery before this time, in seconds since the epoch; 0: at once.
    """

    id: str
    body: bytes
    key: str | None = None
    headers: dict[str, str] = {}
    priority: int = 0
    accepted_at: float = 0.0
    not_before: float = 0.0

    def replace(self, **changes: object) -> Message:
        """Return a copy with the given fields changed."""
        return msgspec.structs.replace(self, **changes)


def payload_of(body: Any) -> bytes:
    """Return a body as bytes: bytes as they are, text as UTF-8, anything else as JSON.

    Raises:
        UsageError: JSON cannot say it.
    """
    if isinstance(body, bytes):
        return body
    try:
        return body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    except Exception as error:  # whatever an object says when it is looked at
        raise UsageError(f"a {type(body).__name__} cannot be written as JSON: {error}") from error


_IDS_DRAWN = 1_024


def _id_source() -> Callable[[], str]:
    pool: list[str] = []  # taking from a list is one step of the interpreter: no two threads get the same

    def new_id() -> str:
        """Return a new message id: 12 hex digits of milliseconds, 20 of randomness; ids sort by time of birth."""
        try:
            chance = pool.pop()
        except IndexError:
            drawn = os.urandom(10 * _IDS_DRAWN).hex()  # one system call for a thousand ids
            chance, *rest = (drawn[i : i + 20] for i in range(0, len(drawn), 20))
            pool.extend(rest)
        return f"{time.time_ns() // 1_000_000:012x}{chance}"

    os.register_at_fork(after_in_child=pool.clear)  # two processes must not draw from one pool
    return new_id


new_id = _id_source()
