"""A window in Redis: a list that every put pushes into and trims, in one script with the inbox rows."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.stores.batching import Batcher
from forebay.stores.redis import scripts
from forebay.stores.redis.rows import numbers_among
from forebay.stores.redis.server import Server
from forebay.stores.redis.steps import in_steps
from forebay.stores.storable import check_entries, check_window
from forebay.stores.window import Entry


class RedisWindow:
    """The list ``PREFIX:window:NAME``; made by :meth:`open`."""

    def __init__(self, server: Server, name: str, size: int, keep: str) -> None:
        self.size = size
        self._server = server
        self._name = name
        self._keep = keep
        self._puts = Batcher[Entry, bool](self._put_all, _weight)

    @classmethod
    async def open(cls, server: Server, name: str, size: int, keep: str) -> RedisWindow:
        """Return the window of a name.

        Raises:
            UsageError: not a name or a size, or somebody else uses the key. Unavailable: it cannot be reached.
        """
        check_window(name, size)
        await server.check_kind(server.key("window", name), "list")
        return cls(server, name, size, keep)

    async def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """Put values in; see :meth:`forebay.stores.window.Window.put`."""
        check_entries(entries)
        return await in_steps(self._puts.submit, entries, _weight)

    async def values(self) -> Sequence[int]:
        """Return the values that are in the window, the newest first."""
        values = await self._server.ask("LRANGE", self._server.key("window", self._name), 0, self.size - 1)
        return list(numbers_among(values))

    async def drain(self) -> None:
        """Return when nothing is under way."""
        await self._puts.drain()

    async def _put_all(self, entries: list[Entry]) -> list[bool]:
        words = [word for entry in entries for word in (entry.topic, entry.id, entry.value)]
        answers = await self._server.write(scripts.PUT, self._keep, self._name, self.size, *words)
        return [answer == 1 for answer in answers]


def _weight(entry: Entry) -> int:
    return 200
