"""The tables in a schema of PostgreSQL, made by whoever comes first."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

VERSION: Final = 1
LOCK: Final = 0x666F7265626179  # "forebay": the advisory lock of all who make the tables

_SCHEMA: Final = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE {schema}.inbox (
    id text COLLATE "C", topic text COLLATE "C",
    value jsonb, accepted_at float8, started_at float8, done_at float8, attempts integer,
    PRIMARY KEY (id, topic)
);
CREATE VIEW {schema}.result AS
    SELECT id, topic, value, to_timestamp(accepted_at) AS accepted_at, to_timestamp(started_at) AS started_at,
        to_timestamp(done_at) AS done_at, attempts
    FROM {schema}.inbox WHERE value IS NOT NULL;
CREATE TABLE {schema}.claim (
    key text COLLATE "C" PRIMARY KEY, fingerprint text NOT NULL, id text NOT NULL,
    claimed_at float8 NOT NULL, reference text NOT NULL
);
CREATE INDEX claim_age ON {schema}.claim (claimed_at);
CREATE TABLE {schema}.store_version AS SELECT {version} AS version;
"""


async def make_tables(connection: Connection, schema: str) -> int | None:
    """Make the tables of a store where they are missing; return the version of those that are there."""
    table = sql.Identifier(schema, "store_version")
    async with connection.transaction():
        await make_missing(
            connection, table, sql.SQL(_SCHEMA).format(schema=sql.Identifier(schema), version=sql.Literal(VERSION))
        )
        row = await (await connection.execute(sql.SQL("SELECT version FROM {}").format(table))).fetchone()
    return None if row is None else int(row[0])


async def make_missing(connection: Connection, table: sql.Identifier, statements: sql.Composed) -> None:
    """Run statements that make a table when it is not there; of all who do so at once, one does."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not await _exists(connection, table):
            await connection.execute(statements)


async def _exists(connection: Connection, table: sql.Identifier) -> bool:
    cursor = await connection.execute("SELECT to_regclass(%s)", (table.as_string(connection),))
    return await cursor.fetchone() != (None,)
