"""The contract of a collection: documents of JSON by key, numbered as they come; what is kept first stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from forebay.errors import ForebayError


class Document(msgspec.Struct, frozen=True, gc=False):
    """One document of a collection.

    Arguments:
        key: unique in its collection, at most 1,000 bytes.
        value: JSON that :mod:`~forebay.stores.storable` lets pass; PostgreSQL keeps it as JSONB, which may give it
            back with other spaces and another order of keys.
        number: 1, 2, 3 ... in the order of keeping, given by the collection; gaps are possible. 0: not kept yet.
    """

    key: str
    value: bytes
    number: int = 0


class Collection(Protocol):
    """Documents by key and by number, shared by all who open the collection by its name.

    To keep a document again changes nothing, so a message that is delivered twice has its effect once.
    """

    async def keep(self, documents: Sequence[Document]) -> Sequence[Document | ForebayError]:
        """Keep documents durably; those of one call share a commit where they can.

        Returns for each, in their order: the document that stands under its key, with its number: this one, or what
        was kept before (the first stays); `Undecodable` when no store can keep it, however often it is tried.
        A document that is refused does no harm to its neighbours.

        Raises:
            Unavailable: certainly nothing was kept. Unknown: cannot say. After either, to keep again is harmless.
        """
        ...

    async def get(self, key: str) -> Document | None:
        """Return the document of a key, None while there is none."""
        ...

    async def numbered(self, number: int) -> Document | None:
        """Return the document of a number, None when there is none."""
        ...

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Document]:
        """Return the documents with the highest numbers, downwards; only numbers below `before`: page by page."""
        ...

    async def count(self) -> int:
        """Return how many documents are kept."""
        ...
