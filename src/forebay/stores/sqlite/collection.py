"""A collection in a file: a table of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw

from forebay.errors import ForebayError, UsageError
from forebay.sqlitefile import SQLiteFile
from forebay.stores.collection import Document
from forebay.stores.storable import LARGEST, can_be_name, check_collection, refusal_of

TABLE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL,
    kept_at REAL NOT NULL DEFAULT (unixepoch('subsec'))
)
"""
COLUMNS: Final = "SELECT group_concat(name || ' ' || type) FROM pragma_table_info('{table}')"
OURS: Final = "number INTEGER,key TEXT,value TEXT,kept_at REAL"
KEEP: Final = "INSERT INTO {table} (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
GET: Final = "SELECT key, CAST(value AS BLOB), number FROM {table} WHERE key = ?"
NUMBERED: Final = "SELECT key, CAST(value AS BLOB), number FROM {table} WHERE number = ?"
NEWEST: Final = """
SELECT key, CAST(value AS BLOB), number FROM {table} WHERE number < ? ORDER BY number DESC LIMIT ?
"""
COUNT: Final = "SELECT count(*) FROM {table}"


class SQLiteCollection:
    """The table of a collection; made by :meth:`open`."""

    def __init__(self, file: SQLiteFile, name: str) -> None:
        self._file = file
        statements = KEEP, GET, NUMBERED, NEWEST, COUNT
        self._keep, self._get, self._numbered, self._newest, self._count = [
            statement.format(table=f'"{name}"') for statement in statements
        ]

    @classmethod
    async def open(cls, file: SQLiteFile, name: str) -> SQLiteCollection:
        """Return the collection of a name.

        Raises:
            UsageError: not a name, or the name of another table. Unavailable: the file cannot be written.
        """
        check_collection(name)
        try:
            columns = await file.write(_making(name))
        except apsw.SQLError:
            columns = ""
        if columns != OURS:
            raise UsageError(f"{name} is there in {file.path} and no collection", "name another file")
        return cls(file, name)

    async def keep(self, documents: Sequence[Document]) -> Sequence[Document | ForebayError]:
        """Keep documents; see :meth:`forebay.stores.collection.Collection.keep`."""
        refusals = [refusal_of(document) for document in documents]
        good = [document for document, refused in zip(documents, refusals, strict=True) if refused is None]
        answers = iter(await self._file.write(self._keeping(good)) if good else [])
        return [refused or next(answers) for refused in refusals]

    async def get(self, key: str) -> Document | None:
        """Return the document of a key, None while there is none."""
        return await self._one(self._get, key) if can_be_name(key) else None

    async def numbered(self, number: int) -> Document | None:
        """Return the document of a number, None when there is none."""
        return await self._one(self._numbered, number) if 0 < number < LARGEST else None

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Document]:
        """Return the documents with the highest numbers, downwards; only numbers below `before`."""
        below = LARGEST - 1 if before is None else max(0, min(before, LARGEST - 1))
        asked = below, max(0, limit)
        rows = await self._file.read(lambda connection: connection.execute(self._newest, asked).fetchall())
        return [_document(row) for row in rows]

    async def count(self) -> int:
        """Return how many documents are kept."""
        return int(await self._file.read(lambda connection: connection.execute(self._count).get))

    async def _one(self, statement: str, argument: Any) -> Document | None:
        row = await self._file.read(lambda connection: connection.execute(statement, (argument,)).fetchone())
        return None if row is None else _document(row)

    def _keeping(self, documents: Sequence[Document]) -> Callable[[apsw.Connection], list[Document]]:
        rows = [(document, document.value.decode()) for document in documents]

        def keep(connection: apsw.Connection) -> list[Document]:
            return [self._keep_one(connection, document, text) for document, text in rows]

        return keep

    def _keep_one(self, connection: apsw.Connection, document: Document, text: str) -> Document:
        connection.execute(self._keep, (document.key, text))
        if connection.changes():
            return Document(document.key, document.value, connection.last_insert_rowid())
        return _document(connection.execute(self._get, (document.key,)).get)


def _making(name: str) -> Callable[[apsw.Connection], str]:
    def make(connection: apsw.Connection) -> str:
        connection.execute(TABLE.format(table=f'"{name}"')).fetchall()
        return str(connection.execute(COLUMNS.format(table=name)).get)

    return make


def _document(row: Sequence[Any]) -> Document:
    return Document(*row)
