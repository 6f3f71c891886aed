"""A collection in this process: documents in a dictionary and a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay.errors import ForebayError
from forebay.stores.collection import Document
from forebay.stores.memory.contents import Memory, Numbered
from forebay.stores.storable import check_collection, refusal_of


class MemoryCollection:
    """The documents of a name in a memory.

    Arguments:
        opened: gives the memory; raises `Unavailable` when the store is closed.
        name: of the collection.

    Raises:
        UsageError: not a name.
    """

    def __init__(self, opened: Callable[[], Memory], name: str) -> None:
        check_collection(name)
        self._opened = opened
        self._name = name

    async def keep(self, documents: Sequence[Document]) -> Sequence[Document | ForebayError]:
        """Keep documents; see :meth:`forebay.stores.collection.Collection.keep`."""
        numbered = self._documents()
        return [refusal_of(document) or numbered.keep(document) for document in documents]

    async def get(self, key: str) -> Document | None:
        """Return the document of a key, None while there is none."""
        return self._documents().by_key.get(key)

    async def numbered(self, number: int) -> Document | None:
        """Return the document of a number, None when there is none."""
        documents = self._documents().in_order
        return documents[number - 1] if 0 < number <= len(documents) else None

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Document]:
        """Return the documents with the highest numbers, downwards; only numbers below `before`."""
        documents = self._documents().in_order
        below = len(documents) if before is None else max(0, min(before - 1, len(documents)))
        return documents[max(0, below - max(0, limit)) : below][::-1]

    async def count(self) -> int:
        """Return how many documents are kept."""
        return len(self._documents().in_order)

    def _documents(self) -> Numbered:
        return self._opened().collections.setdefault(self._name, Numbered())
