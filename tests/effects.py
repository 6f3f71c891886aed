"""Effects of a handler's own, on any store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay.message import new_id
from forebay.stores.memory import Actions
from forebay.stores.sqlite import Statements
from forebay.stores.store import Store


class Effects:
    """Effects of a handler's own on a store: a table where the store has some, else a list."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.list: list[int] = []

    async def make(self) -> None:
        async with self.store.once(new_id(), "make the table") as connection:
            if not isinstance(connection, Actions):
                await connection.execute(f"CREATE TABLE IF NOT EXISTS {self._table} (n integer)")

    async def add(self, connection: Any, n: int) -> None:
        if isinstance(connection, Actions):
            await connection.execute(self.list.append, n)
        elif isinstance(connection, Statements):
            await connection.execute(f"INSERT INTO {self._table} VALUES (?)", (n,))
        else:
            await connection.execute(f"INSERT INTO {self._table} VALUES (%s)", (n,))

    async def all(self) -> Sequence[int]:
        if hasattr(self.store, "_memory"):
            return sorted(self.list)
        if hasattr(self.store, "_file"):
            read = self.store._file.read
            return sorted(n for (n,) in await read(lambda c: c.execute(f"SELECT n FROM {self._table}").fetchall()))
        async with self.store.once(new_id(), "look") as connection:
            assert connection is not None
            rows = await (await connection.execute(f"SELECT n FROM {self._table}")).fetchall()
        return sorted(n for (n,) in rows)

    @property
    def _table(self) -> str:
        return "effect" if hasattr(self.store, "_file") else f"{self.store._server.schema}.effect"  # type: ignore[attr-defined]
