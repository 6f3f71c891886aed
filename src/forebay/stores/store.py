"""The contract of a store: results of work, unique by message id, and the keys that clients repeat.

A store module offers ``async def connect(url: URL) -> Store``, which refuses unknown options first.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from forebay.durability import Durability


class Result(msgspec.Struct, frozen=True, gc=False):
    """What the work on one message left.

    Arguments:
        id: of the message; a store keeps one result for it, whatever is delivered twice.
        topic: where the message came from.
        value: what the handler returned, as JSON; PostgreSQL keeps it as JSONB.
        accepted_at, started_at, done_at: seconds since the epoch.
        attempts: how often it was delivered until it was done.
    """

    id: str
    topic: str
    value: bytes
    accepted_at: float
    started_at: float
    done_at: float
    attempts: int = 1


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of an idempotency key.

    Arguments:
        key: as the client sent it, unquoted, with the name of its intake before it.
        fingerprint: of the body; the same key with another one is a conflict.
        id: of the message that the first request became; repetitions get the same.
        claimed_at: seconds since the epoch.
        reference: of the message in its queue, once it was accepted durably; empty before.
    """

    key: str
    fingerprint: str
    id: str
    claimed_at: float
    reference: str = ""


class Store(Protocol):
    """Where results live. Calls may come concurrently from one event loop; a store groups them into commits."""

    durability: Durability

    async def save(self, results: Sequence[Result]) -> Sequence[bool]:
        """Keep results in one transaction each with its inbox row; False for each id that was there before.

        Raises:
            Unavailable: certainly nothing was kept. Unknown: cannot say; saving again is harmless.
        """
        ...

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none."""
        ...

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic are in the inbox: the effects, each counted once."""
        ...

    def once(self, id: str, topic: str) -> AbstractAsyncContextManager[Any | None]:
        """Open a transaction that holds the inbox row of `id`: for effects of the handler's own.

        Yields the connection of the transaction, or None when the effect of `id` had been committed before. An
        exception inside rolls back both. `save` for the same id later adds the result to the row.
        """
        ...

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays, and is returned to all that come later."""
        ...

    async def confirm(self, key: str, reference: str) -> None:
        """Note that the message of this key was accepted, with its reference."""
        ...

    async def forget(self, before: float) -> int:
        """Remove claims older than `before` (seconds since the epoch); return how many."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...
