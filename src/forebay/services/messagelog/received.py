"""What a subscriber has received: kept in the store as it comes, and read from there when somebody asks.

Nothing is held in memory, so the list is there again after a restart, and replicas that share a store tell the same.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from forebay import Collection, Document, ForebayError, Request, Response, Running, Work, insist, problem, retry_after
from forebay.services.messagelog.listing import Entry, listing

AT_ONCE = 100
"""Messages that are read from the store in one step: so many of the largest are in memory beside the page."""

LATEST = 253_402_300_800.0
"""Seconds since the epoch at which the year 10000 begins."""

NO_STORE = retry_after(problem(503, "the store cannot be reached; nothing is lost"), 1)

_read = msgspec.json.Decoder(Entry).decode


class Received:
    """The messages of one topic that this application has received.

    Arguments:
        topic: their name.
        most: how many are told, at most.
        most_bytes: how much of them is told, as they lie in the store; one is always told.
    """

    def __init__(self, topic: str, most: int, most_bytes: int) -> None:
        self._topic = topic
        self._most = most
        self._most_bytes = most_bytes
        self._collection: Collection

    @asynccontextmanager
    async def lifespan(self, running: Running) -> AsyncIterator[None]:
        """Open the collection of what is received."""
        self._running = running
        self._collection = await running.store.collection(self._topic)
        yield

    async def keep(self, texts: list[str], works: list[Work]) -> list[Exception | None]:
        """Keep messages in the order of their coming, each once; return for each why it cannot be kept.

        A store that is down is asked again until it is back; meanwhile the messages stay with the broker.

        Raises:
            Unavailable, Unknown: from the store, where there is no broker.
        """
        documents = [_document(text, work) for text, work in zip(texts, works, strict=True)]
        if self._running.settings.places == 0:  # a client waits for this, and shall hear that the store is away
            kept = await self._collection.keep(documents)
        else:
            kept = await insist(lambda: self._collection.keep(documents), partial(self._running.stalled, self._topic))
        return [one if isinstance(one, ForebayError) else None for one in kept]

    async def told(self, request: Request) -> Response:
        """List the latest messages, the newest last: in text, as JSON, or on a page."""
        try:
            documents = await self._latest()
        except ForebayError as error:
            if not error.retryable:
                raise
            return NO_STORE
        return listing(request, [_read(document.value) for document in reversed(documents)])

    async def _latest(self) -> Sequence[Document]:
        """Return the documents that may be told, the newest first."""
        found: list[Document] = []
        room = self._most_bytes
        while len(found) < self._most:
            wanted = min(AT_ONCE, self._most - len(found))
            page = await self._collection.newest(wanted, found[-1].number if found else None)
            for document in page:
                room -= len(document.value)
                if room < 0 and found:
                    return found
                found.append(document)
            if len(page) < wanted:
                break
        return found


def _document(text: str, work: Work) -> Document:
    message, at = work.message, work.message.accepted_at
    if not 0 <= at < LATEST:  # of a stranger among the producers, it may be anything
        at = time.time()
    return Document(message.id, msgspec.json.encode(Entry(message.id, text, at, work.place)))
