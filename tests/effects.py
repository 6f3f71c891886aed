"""Effects of a handler's own, on any store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay.message import new_id
from forebay.stores.memory import Actions
from forebay.stores.redis.commands import Commands
from forebay.stores.redis.store import RedisStore
from forebay.stores.sqlite import Statements
from forebay.stores.store import Store


class Effects:
    """Effects of a handler's own on a store: a table where the store has some, else a list."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.list: list[int] = []

    async def make(self) -> None:
        async with self.store.once(new_id(), "make the table") as connection:
            if not isinstance(connection, Actions | Commands):
                await connection.execute(f"CREATE TABLE IF NOT EXISTS {self._table} (n integer)")

    async def add(self, connection: Any, n: int) -> None:
        if isinstance(connection, Actions):
            await connection.execute(self.list.append, n)
        elif isinstance(connection, Commands):
            await connection.execute("RPUSH", self._list, n)
        elif isinstance(connection, Statements):
            await connection.execute(f"INSERT INTO {self._table} VALUES (?)", (n,))
        else:
            await connection.execute(f"INSERT INTO {self._table} VALUES (%s)", (n,))

    async def all(self) -> Sequence[int]:
        if hasattr(self.store, "_memory"):
            return sorted(self.list)
        if isinstance(self.store, RedisStore):
            return sorted(map(int, await self.store._server.ask("LRANGE", self._list, 0, -1)))
        if hasattr(self.store, "_file"):
            read = self.store._file.read
            return sorted(n for (n,) in await read(lambda c: c.execute(f"SELECT n FROM {self._table}").fetchall()))
        async with self.store.once(new_id(), "look") as connection:
            assert connection is not None
            rows = await (await connection.execute(f"SELECT n FROM {self._table}")).fetchall()
        return sorted(n for (n,) in rows)

    @property
    def _list(self) -> str:
        return f"{self.store._server.place.prefix}:effect"  # type: ignore[attr-defined]

    @property
    def _table(self) -> str:
        return "effect" if hasattr(self.store, "_file") else f"{self.store._server.schema}.effect"  # type: ignore[attr-defined]
