"""A window in a file: its values in the table `window_value`, by the order in which they were put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import apsw

from forebay.sqlitefile import SQLiteFile
from forebay.stores.storable import check_entries, check_window
from forebay.stores.window import Entry

TABLE: Final = """
CREATE TABLE IF NOT EXISTS window_value (
    name TEXT NOT NULL, position INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name, position)
) WITHOUT ROWID
"""
HOLD: Final = "INSERT INTO inbox (id, topic) VALUES (?, ?) ON CONFLICT DO NOTHING"
LAST: Final = "SELECT ifnull(max(position), 0) FROM window_value WHERE name = ?"
PUT: Final = "INSERT INTO window_value VALUES (?, ?, ?)"
TRIM: Final = "DELETE FROM window_value WHERE name = ? AND position <= ?"
VALUES: Final = "SELECT value FROM window_value WHERE name = ? ORDER BY position DESC LIMIT ?"


class SQLiteWindow:
    """The rows of a name in the table `window_value`; made by :meth:`open`."""

    def __init__(self, file: SQLiteFile, name: str, size: int) -> None:
        self.size = size
        self._file = file
        self._name = name

    @classmethod
    async def open(cls, file: SQLiteFile, name: str, size: int) -> SQLiteWindow:
        """Return the window of a name.

        Raises:
            UsageError: not a name or a size. Unavailable: the file cannot be written.
        """
        check_window(name, size)
        await file.write(lambda connection: connection.execute(TABLE).fetchall())
        return cls(file, name, size)

    async def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """Put values in; see :meth:`forebay.stores.window.Window.put`."""
        check_entries(entries)
        return await self._file.write(self._putting(entries)) if entries else []

    async def values(self) -> Sequence[int]:
        """Return the values that are in the window, the newest first."""
        asked = self._name, self.size
        return await self._file.read(lambda connection: _column(connection.execute(VALUES, asked)))

    def _putting(self, entries: Sequence[Entry]) -> Callable[[apsw.Connection], list[bool]]:
        def put(connection: apsw.Connection) -> list[bool]:
            fresh = []
            for entry in entries:
                connection.execute(HOLD, (entry.id, entry.topic))
                fresh.append(connection.changes() > 0)
            self._push(connection, [entry.value for entry, new in zip(entries, fresh, strict=True) if new])
            return fresh

        return put

    def _push(self, connection: apsw.Connection, values: Sequence[int]) -> None:
        last = connection.execute(LAST, (self._name,)).get + len(values)
        staying = values[-self.size :]
        first = last - len(staying) + 1
        connection.executemany(PUT, [(self._name, first + n, value) for n, value in enumerate(staying)])
        connection.execute(TRIM, (self._name, last - self.size))


def _column(rows: Iterable[Sequence[Any]]) -> list[int]:
    return [row[0] for row in rows]
