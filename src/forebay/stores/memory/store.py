"""Results, claims and effects in dictionaries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, UsageError
from forebay.stores.memory.collection import MemoryCollection
from forebay.stores.memory.contents import Memory, enter, leave
from forebay.stores.memory.window import MemoryWindow
from forebay.stores.storable import check_claims, check_names, refusal
from forebay.stores.store import Claim, Result
from forebay.url import URL


async def connect(url: URL) -> MemoryStore:
    """Open the store of this name; all who open the same name share it until the last has closed it.

    Raises:
        UsageError: an unknown option, or a path.
    """
    url.check_options(set())
    if url.path:
        raise UsageError(f"{url} has a path", "write it as memory://name")
    return MemoryStore(url.host)


class Actions:
    """What :meth:`MemoryStore.once` yields: calls that are made when it is left without an exception."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    async def execute(self, action: Callable[..., object], *arguments: Any) -> None:
        """Have `action(*arguments)` called at the commit."""
        self.calls.append((action, arguments))


class MemoryStore:
    """Results and claims in dictionaries.

    Arguments:
        name: of the memory that is shared.
    """

    durability = Durability.MEMORY

    def __init__(self, name: str) -> None:
        self._name = name
        self._memory: Memory | None = enter(name)

    async def save(self, results: Sequence[Result]) -> Sequence[bool | ForebayError]:
        """Keep results; see :meth:`forebay.stores.store.Store.save`."""
        memory = self._opened()
        return [refusal(result) or memory.keep(result) for result in results]

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none."""
        return self._opened().latest.get(id)

    async def results(self, topic: str, limit: int = 100, after: str = "") -> Sequence[Result]:
        """Return results of a topic in the order of their ids, those after the id `after` only."""
        kept = self._opened().inbox.values()
        found = [result for result in kept if result is not None and result.topic == topic and result.id > after]
        return sorted(found, key=lambda result: result.id)[:limit]

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic are in the inbox."""
        return sum(one == topic for _, one in self._opened().inbox)

    @asynccontextmanager
    async def once(self, id: str, topic: str) -> AsyncIterator[Actions | None]:
        """Hold the inbox row of `id`; yields :class:`Actions`, or None when it was there before.

        The second of two that come for one id waits for the first. An action that raises undoes the row, not the
        actions before it.
        """
        check_names(id, topic)
        memory, row = self._opened(), (id, topic)
        async with memory.turns.of(row):
            if row in memory.inbox:
                yield None
                return
            actions = Actions()
            yield actions
            for action, arguments in actions.calls:
                action(*arguments)
            memory.inbox.setdefault(row, None)

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays."""
        check_claims(claims)
        standing = self._opened().claims
        return [standing.setdefault(claim.key, claim) for claim in claims]

    async def confirm(self, key: str, reference: str) -> None:
        """Note the reference of an accepted message with its key."""
        check_names(key, reference)
        claims = self._opened().claims
        if (claim := claims.get(key)) is not None:
            claims[key] = Claim(claim.key, claim.fingerprint, claim.id, claim.claimed_at, reference)

    async def forget(self, before: float) -> int:
        """Remove claims older than `before`; return how many."""
        claims = self._opened().claims
        old = [key for key, claim in claims.items() if claim.claimed_at < before]
        for key in old:
            del claims[key]
        return len(old)

    async def window(self, name: str, size: int) -> MemoryWindow:
        """Return the window of a name."""
        return MemoryWindow(self._opened, name, size)

    async def collection(self, name: str) -> MemoryCollection:
        """Return the collection of a name."""
        return MemoryCollection(self._opened, name)

    async def close(self) -> None:
        """Let go of the memory; with the last one who has it open, it is forgotten."""
        if self._memory is not None:
            leave(self._name)
            self._memory = None

    def _opened(self) -> Memory:
        if self._memory is None:
            raise Unavailable("the store is closed")
        return self._memory
