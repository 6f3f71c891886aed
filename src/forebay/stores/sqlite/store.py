"""Results, claims and effects in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import apsw

from forebay.durability import Durability
from forebay.errors import ForebayError, UsageError
from forebay.sqlitefile import SQLiteFile
from forebay.stores.sqlite.collection import SQLiteCollection
from forebay.stores.sqlite.tables import SCHEMA, VERSION
from forebay.stores.sqlite.window import SQLiteWindow
from forebay.stores.storable import can_be_name, check_claims, check_names, refusal
from forebay.stores.store import Claim, Result
from forebay.stores.turns import Turns
from forebay.url import URL

FORGET_AT_ONCE = 1_000  # claims removed in one operation, so that the commits of others do not wait long

SAVE = """
INSERT INTO inbox (id, topic, value, accepted_at, started_at, done_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, accepted_at = excluded.accepted_at,
    started_at = excluded.started_at, done_at = excluded.done_at, attempts = excluded.attempts
WHERE value IS NULL
"""
GET = """
SELECT id, topic, value, accepted_at, started_at, done_at, attempts FROM inbox
WHERE id = ? AND value IS NOT NULL ORDER BY done_at DESC LIMIT 1
"""
RESULTS = """
SELECT id, topic, value, accepted_at, started_at, done_at, attempts FROM inbox
WHERE topic = ? AND id > ? AND value IS NOT NULL ORDER BY id LIMIT ?
"""
COUNT = "SELECT count(*) FROM inbox WHERE topic = ?"
HOLD = "INSERT INTO inbox (id, topic) VALUES (?, ?) ON CONFLICT DO NOTHING"
SEEN = "SELECT 1 FROM inbox WHERE id = ? AND topic = ?"
CLAIM = """
INSERT INTO claim (key, fingerprint, id, claimed_at, reference) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
STANDING = "SELECT key, fingerprint, id, claimed_at, reference FROM claim WHERE key = ?"
CONFIRM = "UPDATE claim SET reference = ? WHERE key = ?"
FORGET = "DELETE FROM claim WHERE key IN (SELECT key FROM claim WHERE claimed_at < ? LIMIT ?)"


async def connect(url: URL) -> SQLiteStore:
    """Open the store in a file, which is made where it is missing.

    Raises:
        UsageError: an unknown option, no path, or a file of a newer forebay.
        Unavailable: the file cannot be opened.
    """
    url.check_options(set())
    if url.host or not url.path:
        raise UsageError(f"{url} names no file", "write sqlite:///results.db, or sqlite:////var/lib/results.db")
    file = await SQLiteFile.open(url.path, SCHEMA)
    try:
        version = await file.read(lambda connection: _one(connection, "SELECT version FROM store_version"))
        if version > VERSION:
            raise UsageError(f"{url} was written by a newer forebay (store version {version})", "upgrade forebay")
    except BaseException:
        await file.close()
        raise
    return SQLiteStore(file)


class Statements:
    """What :meth:`SQLiteStore.once` yields: statements that are run together when it is left without an exception."""

    def __init__(self) -> None:
        self._statements: list[tuple[str, Sequence[Any]]] = []

    async def execute(self, statement: str, arguments: Sequence[Any] = ()) -> None:
        """Have a statement run in the transaction; `arguments` take the places of its question marks."""
        self._statements.append((statement, arguments))

    def run(self, connection: apsw.Connection) -> None:
        """Run all of them."""
        for statement, arguments in self._statements:
            connection.execute(statement, arguments).fetchall()


class SQLiteStore:
    """Results and claims in the tables `inbox` and `claim` of a file.

    Arguments:
        file: open, with the tables in it; the store closes it.
    """

    durability = Durability.FSYNC

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._turns = Turns()
        self._closed = False

    async def save(self, results: Sequence[Result]) -> Sequence[bool | ForebayError]:
        """Keep results; see :meth:`forebay.stores.store.Store.save`."""
        refusals = [refusal(result) for result in results]
        rows = [_row(result) for result, refused in zip(results, refusals, strict=True) if refused is None]
        kept = iter(await self._file.write(_saving(rows)) if rows else [])
        return [refused or next(kept) for refused in refusals]

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none."""
        if not can_be_name(id):
            return None
        row = await self._file.read(lambda connection: connection.execute(GET, (id,)).fetchone())
        return None if row is None else _result(row)

    async def results(self, topic: str, limit: int = 100, after: str = "") -> Sequence[Result]:
        """Return results of a topic in the order of their ids, those after the id `after` only."""
        if not can_be_name(topic):
            return []
        asked = (topic, after, limit)
        return [
            _result(row)
            for row in await self._file.read(lambda connection: connection.execute(RESULTS, asked).fetchall())
        ]

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic are in the inbox."""
        return (
            int(await self._file.read(lambda connection: _one(connection, COUNT, topic))) if can_be_name(topic) else 0
        )

    @asynccontextmanager
    async def once(self, id: str, topic: str) -> AsyncIterator[Statements | None]:
        """Run statements in one transaction with the inbox row of `id`; yields :class:`Statements`, or None.

        The statements are gathered, and run at the end: a transaction held open while a handler waits for the
        network would keep everybody else from the file. So they give no rows back; what depends on what is in the
        file is said in SQL (``UPDATE ... SET n = n + 1``). The second of two that come for one id waits for the
        first; in another process it does not wait, and its statements are dropped if it ends later.
        """
        check_names(id, topic)
        async with self._turns.of((id, topic)):
            if await self._file.read(lambda connection: _one(connection, SEEN, id, topic)):
                yield None
                return
            statements = Statements()
            yield statements
            await self._file.write(_holding(id, topic, statements))

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays."""
        check_claims(claims)
        return await self._file.write(_claiming(claims))

    async def confirm(self, key: str, reference: str) -> None:
        """Note the reference of an accepted message with its key."""
        check_names(key, reference)
        await self._file.write(lambda connection: connection.execute(CONFIRM, (reference, key)).fetchall())

    async def forget(self, before: float) -> int:
        """Remove claims older than `before`; return how many."""
        forgotten, last = 0, FORGET_AT_ONCE
        while last == FORGET_AT_ONCE:
            last = await self._file.write(_forgetting(before))
            forgotten += last
        return forgotten

    async def window(self, name: str, size: int) -> SQLiteWindow:
        """Return the window of a name: its rows in the table `window_value`."""
        return await SQLiteWindow.open(self._file, name, size)

    async def collection(self, name: str) -> SQLiteCollection:
        """Return the collection of a name: the table of this name."""
        return await SQLiteCollection.open(self._file, name)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        if not self._closed:
            self._closed = True
            await self._file.close()


def _row(result: Result) -> tuple[Any, ...]:
    times = result.accepted_at, result.started_at, result.done_at
    return (result.id, result.topic, result.value.decode(), *times, result.attempts)


def _result(row: Sequence[Any]) -> Result:
    return Result(row[0], row[1], row[2].encode(), *row[3:])


def _one(connection: apsw.Connection, statement: str, *arguments: Any) -> Any:
    return connection.execute(statement, arguments).get


def _saving(rows: Sequence[tuple[Any, ...]]) -> Callable[[apsw.Connection], list[bool]]:
    def save(connection: apsw.Connection) -> list[bool]:
        kept = []
        for row in rows:
            connection.execute(SAVE, row)
            kept.append(connection.changes() > 0)
        return kept

    return save


def _holding(id: str, topic: str, statements: Statements) -> Callable[[apsw.Connection], None]:
    def hold(connection: apsw.Connection) -> None:
        connection.execute(HOLD, (id, topic))
        if connection.changes():
            statements.run(connection)

    return hold


def _claiming(claims: Sequence[Claim]) -> Callable[[apsw.Connection], list[Claim]]:
    def claim(connection: apsw.Connection) -> list[Claim]:
        standing = []
        for one in claims:
            connection.execute(CLAIM, (one.key, one.fingerprint, one.id, one.claimed_at, one.reference))
            standing.append(one if connection.changes() else Claim(*connection.execute(STANDING, (one.key,)).get))
        return standing

    return claim


def _forgetting(before: float) -> Callable[[apsw.Connection], int]:
    def forget(connection: apsw.Connection) -> int:
        connection.execute(FORGET, (before, FORGET_AT_ONCE))
        return int(connection.changes())

    return forget
