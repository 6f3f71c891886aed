"""A window in PostgreSQL: a ring of rows that are written over in place, and one row that all who put something hold.

That row is locked until the commit, so the order of the values is the order of the commits. A new value takes the
place of the oldest one by an update that touches no index (HOT), with room left on every page: what it leaves behind is
cleared away by the next one, without a vacuum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import sql

from forebay.stores.batching import Batcher
from forebay.stores.postgres.columns import big_integers, integers, texts
from forebay.stores.postgres.failures import forbidden
from forebay.stores.postgres.server import Server
from forebay.stores.postgres.tables import Connection, make_missing
from forebay.stores.storable import check_entries, check_window
from forebay.stores.window import Entry

# The value that was put in as the n-th of all lies in the slot n modulo size.
TABLES: Final = """
CREATE TABLE {schema}.window_value (
    name text COLLATE "C", slot bigint, value bigint NOT NULL, PRIMARY KEY (name, slot)
) WITH (fillfactor = 50);
CREATE TABLE {schema}.moving_window (
    name text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, total bigint NOT NULL
) WITH (fillfactor = 10);
"""
# No row comes back when the ring has another size; no place when no message is new. The total is written with ON
# CONFLICT since an UPDATE would begin with the row as it was before the lock.
PUT: Final = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)b, %(topics)b, %(values)b, %(places)b) AS given (id, topic, value, place)
), held AS MATERIALIZED (
    SELECT name, size, total FROM {schema}.moving_window WHERE name = %(name)s AND size = %(size)s FOR UPDATE
), fresh AS (
    INSERT INTO {schema}.inbox (id, topic) SELECT given.id, given.topic FROM held, given
    ON CONFLICT DO NOTHING RETURNING id, topic
), counted AS (
    SELECT place, value, row_number() OVER (ORDER BY place) AS nth, count(*) OVER () AS count
    FROM given JOIN fresh USING (id, topic)
), written AS (
    INSERT INTO {schema}.window_value (name, slot, value)
    SELECT name, mod(total + nth, size), value FROM held, counted WHERE nth > count - size
    ON CONFLICT (name, slot) DO UPDATE SET value = excluded.value
), moved AS (
    INSERT INTO {schema}.moving_window AS old (name, size, total)
    SELECT name, size, max(count) FROM held, counted GROUP BY name, size
    ON CONFLICT (name) DO UPDATE SET total = old.total + excluded.total
)
SELECT place FROM held LEFT JOIN counted ON true
"""
VALUES: Final = """
SELECT value FROM {schema}.moving_window JOIN {schema}.window_value USING (name) WHERE name = %s
ORDER BY mod(mod(total, size) - slot + size, size) LIMIT %s
"""
HOLD: Final = """
INSERT INTO {schema}.moving_window AS old (name, size, total) VALUES (%s, %s, 0)
ON CONFLICT (name) DO UPDATE SET total = old.total
"""
CLEAR: Final = "DELETE FROM {schema}.window_value WHERE name = %s"
REFILL: Final = """
INSERT INTO {schema}.window_value (name, slot, value)
SELECT %s, mod(nth, %s), value FROM unnest(%b) WITH ORDINALITY AS kept (value, nth)
"""
RESIZE: Final = "UPDATE {schema}.moving_window SET size = %s, total = %s WHERE name = %s"


class PostgresWindow:
    """The rows of a name in the tables `moving_window` and `window_value`; made by :meth:`open`."""

    def __init__(self, server: Server, name: str, size: int) -> None:
        self.size = size
        self._server = server
        self._name = name
        schema = sql.Identifier(server.schema)
        statements = PUT, VALUES, HOLD, CLEAR, REFILL, RESIZE
        composed = [sql.SQL(statement).format(schema=schema).as_bytes() for statement in statements]
        self._put, self._values, self._hold, self._clear, self._refill, self._resize = composed
        self._puts = Batcher[Entry, bool](self._put_all, lambda entry: 200)

    @classmethod
    async def open(cls, server: Server, name: str, size: int) -> PostgresWindow:
        """Return the window of a name.

        Raises:
            UsageError: not a name or a size. Unavailable: it cannot be reached.
        """
        check_window(name, size)
        await server.run(lambda connection: _make(connection, server.schema))
        return cls(server, name, size)

    async def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """Put values in; see :meth:`forebay.stores.window.Window.put`."""
        check_entries(entries)
        return await self._puts.submit(entries)

    async def values(self) -> Sequence[int]:
        """Return the values that are in the window, the newest first."""
        return [value for (value,) in await self._server.rows(self._values, (self._name, self.size))]

    async def drain(self) -> None:
        """Return when nothing is under way."""
        await self._puts.drain()

    async def _put_all(self, entries: list[Entry]) -> list[bool]:
        given: dict[tuple[str, str], tuple[int, int]] = {}  # of a message twice in a batch the first counts
        for place, entry in enumerate(entries):
            given.setdefault((entry.id, entry.topic), (place, entry.value))
        rows = sorted(given)  # two processes lock the rows of the inbox in the same order
        parameters = {
            "ids": texts([id for id, _ in rows]),
            "topics": texts([topic for _, topic in rows]),
            "values": big_integers([given[row][1] for row in rows]),
            "places": integers([given[row][0] for row in rows]),
            "name": self._name,
            "size": self.size,
        }
        fresh = await self._server.run(lambda connection: self._put_rows(connection, parameters))
        return [place in fresh for place in range(len(entries))]

    async def _put_rows(self, connection: Connection, parameters: dict[str, object]) -> set[int | None]:
        found = await (await connection.execute(self._put, parameters)).fetchall()
        if not found:  # it is new, or was last used with another size
            async with connection.transaction():
                await self._lay_out(connection)
                found = await (await connection.execute(self._put, parameters)).fetchall()
        return {place for (place,) in found}

    async def _lay_out(self, connection: Connection) -> None:
        """Lay the newest values out as a ring of our size."""
        await connection.execute(self._hold, (self._name, self.size))
        cursor = await connection.execute(self._values, (self._name, self.size))
        values = [value for (value,) in await cursor.fetchall()]
        await connection.execute(self._clear, (self._name,))
        await connection.execute(self._refill, (self._name, self.size, big_integers(values[::-1])))
        await connection.execute(self._resize, (self.size, len(values), self._name))


async def _make(connection: Connection, schema: str) -> None:
    tables, last = sql.SQL(TABLES).format(schema=sql.Identifier(schema)), sql.Identifier(schema, "moving_window")
    try:
        await make_missing(connection, last, tables)
    except psycopg.errors.InsufficientPrivilege as error:
        raise forbidden(error, last.as_string(connection)) from error
