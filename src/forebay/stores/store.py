"""The contract of a store: results of work, unique by message id, the keys that clients repeat, and what services keep.

A store module offers ``async def connect(url: URL) -> Store``, which refuses unknown options first.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.stores.collection import Collection
from forebay.stores.window import Window


class Result(msgspec.Struct, frozen=True, gc=False):
    """What the work on one message left.

    Arguments:
        id: of the message; a store keeps one result for it and its topic, whatever is delivered twice.
        topic: where the message came from.
        value: what the handler returned, as JSON that :mod:`~forebay.stores.storable` lets pass; PostgreSQL keeps
            it as JSONB, which may give it back with other spaces and another order of keys.
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

    @property
    def durability(self) -> Durability:
        """What is stored survives; a server that came back with other settings may give another class."""
        ...

    async def save(self, results: Sequence[Result]) -> Sequence[bool | ForebayError]:
        """Keep each result in one transaction with its inbox row; those of one call share a commit where they can.

        Returns for each result, in their order: True when it was kept now; False when one of that id and topic
        was there before (that one stays); `Undecodable` when no store can keep it, however often it is tried.
        A result that is refused does no harm to its neighbours.

        Raises:
            Unavailable: certainly nothing was kept. Unknown: cannot say. After either, saving again is harmless.
        """
        ...

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none; of several topics' the one done last."""
        ...

    async def results(self, topic: str, limit: int = 100, after: str = "") -> Sequence[Result]:
        """Return results of a topic in the order of their ids, those after the id `after` only: page by page."""
        ...

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic are in the inbox: the effects, each counted once."""
        ...

    def once(self, id: str, topic: str) -> AbstractAsyncContextManager[Any | None]:
        """Open a transaction that holds the inbox row of `id`: for effects of the handler's own.

        Yields the connection of the transaction, or None when the effect of `id` had been committed before. An
        exception inside rolls back both. `save` for the same id later adds the result to the row; calling it
        inside would wait for the row that the transaction holds. What the connection is, the store says.

        Raises:
            UsageError: no store can keep such an id or topic.
            Unavailable: certainly nothing was committed. Unknown: cannot say; doing it again is harmless.
        """
        ...

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays, and is returned to all that come later.

        Raises:
            UsageError: no store can keep such a key.
            Unavailable, Unknown: as for `save`.
        """
        ...

    async def confirm(self, key: str, reference: str) -> None:
        """Note that the message of this key was accepted, with its reference; a key that is gone is passed over."""
        ...

    async def forget(self, before: float) -> int:
        """Remove claims older than `before` (seconds since the epoch); return how many."""
        ...

    async def window(self, name: str, size: int) -> Window:
        """Return the window of a name, which is made where it is missing.

        Arguments:
            name: letters, digits, - and _, at most 40.
            size: how many values it holds, 1 or more; what is there beyond it goes with the next put.

        Raises:
            UsageError: not a name or a size. Unavailable: it cannot be reached.
        """
        ...

    async def collection(self, name: str) -> Collection:
        """Return the collection of a name, which is made where it is missing.

        Raises:
            UsageError: not a name of small letters, digits and _, a letter first, at most 40; or the name of something
                else that the store has.
            Unavailable: it cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...
