"""A collection in Redis: a hash of documents, and a sorted set of their keys by number."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.errors import ForebayError
from forebay.stores.batching import Batcher
from forebay.stores.collection import Document
from forebay.stores.redis import scripts
from forebay.stores.redis.rows import document_of
from forebay.stores.redis.server import Server
from forebay.stores.redis.steps import in_steps
from forebay.stores.storable import can_be_name, check_collection, refusal_of


class RedisCollection:
    """The hash ``PREFIX:collection:NAME``; made by :meth:`open`."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._key = server.key("collection", name)
        self._kept = Batcher[Document, Document](self._keep_all, _weight)

    @classmethod
    async def open(cls, server: Server, name: str) -> RedisCollection:
        """Return the collection of a name.

        Raises:
            UsageError: not a name, or somebody else uses the keys. Unavailable: it cannot be reached.
        """
        check_collection(name)
        await server.check_kind(server.key("collection", name), "hash")
        await server.check_kind(server.key("numbers", name), "zset")
        return cls(server, name)

    async def keep(self, documents: Sequence[Document]) -> Sequence[Document | ForebayError]:
        """Keep documents; see :meth:`forebay.stores.collection.Collection.keep`."""
        refusals = [refusal_of(document) for document in documents]
        good = [document for document, refused in zip(documents, refusals, strict=True) if refused is None]
        answers = iter(await in_steps(self._kept.submit, good, _weight))
        return [refused or next(answers) for refused in refusals]

    async def get(self, key: str) -> Document | None:
        """Return the document of a key, None while there is none."""
        row = await self._server.ask("HGET", self._key, key) if can_be_name(key) else None
        return None if row is None else document_of(key, row)

    async def numbered(self, number: int) -> Document | None:
        """Return the document of a number, None when there is none."""
        found = await self._page(str(number), str(number), 1)
        return found[0] if found else None

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Document]:
        """Return the documents with the highest numbers, downwards; only numbers below `before`."""
        return await self._page("+inf" if before is None else f"({before}", "-inf", max(0, limit))

    async def count(self) -> int:
        """Return how many documents are kept."""
        return int(await self._server.ask("HLEN", self._key))

    async def drain(self) -> None:
        """Return when nothing is under way."""
        await self._kept.drain()

    async def _page(self, highest: str, lowest: str, limit: int) -> list[Document]:
        keys, rows = await self._server.read(scripts.PAGE, self._name, highest, lowest, limit)
        return [document_of(key.decode(), row) for key, row in zip(keys, rows, strict=True) if row]

    async def _keep_all(self, documents: list[Document]) -> list[Document]:
        words = [word for document in documents for word in (document.key, document.value)]
        answers = await self._server.write(scripts.KEEP, self._name, *words)
        return [
            document_of(document.key, answer) if isinstance(answer, bytes) else _numbered(document, answer)
            for document, answer in zip(documents, answers, strict=True)
        ]


def _numbered(document: Document, number: int) -> Document:
    return Document(document.key, document.value, number)


def _weight(document: Document) -> int:
    return len(document.value) + 200
