"""Results, claims and effects in the tables of a schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from forebay.errors import ForebayError, Unavailable, Unknown
from forebay.stores.batching import Batcher
from forebay.stores.opened import Opened
from forebay.stores.postgres.bisecting import bisected
from forebay.stores.postgres.collection import PostgresCollection
from forebay.stores.postgres.columns import floats, integers, jsonbs, texts
from forebay.stores.postgres.failures import explained, lost
from forebay.stores.postgres.server import Server
from forebay.stores.postgres.tables import Connection
from forebay.stores.postgres.window import PostgresWindow
from forebay.stores.storable import can_be_name, check_claims, check_names, refusal
from forebay.stores.store import Claim, Result
from forebay.url import URL

T = TypeVar("T")

FORGET_AT_ONCE = 10_000  # claims removed by one statement, so that it stays far from the time limit

# The rows come sorted by their keys: two processes that save the same ids lock them in the same order.
SAVE = """
INSERT INTO {schema}.inbox AS old (id, topic, value, accepted_at, started_at, done_at, attempts)
SELECT * FROM unnest(%b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (id, topic) DO UPDATE SET value = excluded.value, accepted_at = excluded.accepted_at,
    started_at = excluded.started_at, done_at = excluded.done_at, attempts = excluded.attempts
WHERE old.value IS NULL
RETURNING id, topic
"""
GET = """
SELECT id, topic, value::text, accepted_at, started_at, done_at, attempts FROM {schema}.inbox
WHERE id = %s AND value IS NOT NULL ORDER BY done_at DESC LIMIT 1
"""
RESULTS = """
SELECT id, topic, value::text, accepted_at, started_at, done_at, attempts FROM {schema}.inbox
WHERE topic = %s AND id > %s AND value IS NOT NULL ORDER BY id LIMIT %s
"""
COUNT = "SELECT count(*) FROM {schema}.inbox WHERE topic = %s"
HOLD = "INSERT INTO {schema}.inbox (id, topic) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id"
# DO NOTHING would not give back a row that another transaction has just committed; to write the same value does.
CLAIM = """
INSERT INTO {schema}.claim AS old (key, fingerprint, id, claimed_at, reference)
SELECT * FROM unnest(%b, %b, %b, %b, %b)
ON CONFLICT (key) DO UPDATE SET reference = old.reference
RETURNING key, fingerprint, id, claimed_at, reference
"""
CONFIRM = """
UPDATE {schema}.claim SET reference = given.reference
FROM unnest(%b, %b) AS given (key, reference) WHERE claim.key = given.key
"""
FORGET = """
DELETE FROM {schema}.claim WHERE key IN (SELECT key FROM {schema}.claim WHERE claimed_at < %s LIMIT %s)
"""


async def connect(url: URL) -> PostgresStore:
    """Open the store in a database; its tables are made where they are missing.

    Raises:
        UsageError: a wrong option, password or database; tables of a newer forebay.
        Unavailable: the server cannot be reached.
    """
    return PostgresStore(await Server.open(url))


class PostgresStore:
    """Results and claims in the tables of a schema.

    Arguments:
        server: open, with the tables in it; the store closes it.
    """

    def __init__(self, server: Server) -> None:
        self.durability = server.durability
        self._server = server
        schema = sql.Identifier(server.schema)
        statements = SAVE, GET, RESULTS, COUNT, HOLD, CLAIM, CONFIRM, FORGET
        composed = [sql.SQL(statement).format(schema=schema).as_bytes() for statement in statements]
        (
            self._save,
            self._get,
            self._page,
            self._count,
            self._hold,
            self._claim,
            self._confirm,
            self._forget,
        ) = composed
        self._results = Batcher[Result, bool | ForebayError](self._save_all, lambda r: len(r.value) + 200)
        self._claims = Batcher[Claim, Claim](self._claim_all, lambda claim: 500)
        self._confirmed = Batcher[tuple[str, str], None](self._confirm_all, lambda pair: 500)
        self._windows = Opened[tuple[str, int], PostgresWindow]()
        self._collections = Opened[str, PostgresCollection]()

    async def save(self, results: Sequence[Result]) -> Sequence[bool | ForebayError]:
        """Keep results; see :meth:`forebay.stores.store.Store.save`."""
        refusals = [refusal(result) for result in results]
        good = [result for result, refused in zip(results, refusals, strict=True) if refused is None]
        answers = iter(await self._results.submit(good))
        return [refused or next(answers) for refused in refusals]

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none."""
        rows = await self._server.rows(self._get, (id,)) if can_be_name(id) else []
        return _result(rows[0]) if rows else None

    async def results(self, topic: str, limit: int = 100, after: str = "") -> Sequence[Result]:
        """Return results of a topic in the order of their ids, those after the id `after` only."""
        rows = await self._server.rows(self._page, (topic, after, limit)) if can_be_name(topic) else []
        return [_result(row) for row in rows]

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic are in the inbox."""
        return int((await self._server.rows(self._count, (topic,)))[0][0]) if can_be_name(topic) else 0

    @asynccontextmanager
    async def once(self, id: str, topic: str) -> AsyncIterator[Connection | None]:
        """Open a transaction that holds the inbox row of `id`; yields its psycopg connection, or None.

        The second of two that come for one id waits, here or in another process, until the first has ended. Errors of
        the handler's own statements go through as they are, unless the connection is lost.
        """
        check_names(id, topic)
        committing = False
        async with self._server.lend() as connection:
            try:
                async with asyncio.timeout(self._server.patience) as limit, connection.transaction():
                    held = await self._held(connection, id, topic)
                    limit.reschedule(None)  # the handler's time is its own
                    yield connection if held else None
                    limit.reschedule(asyncio.get_running_loop().time() + self._server.patience)
                    committing = True
            except (psycopg.Error, TimeoutError) as error:
                # the handler may time out, or lose another database, by itself
                if not (limit.expired() if isinstance(error, TimeoutError) else lost(error) and connection.closed):
                    raise
                kind = Unknown if committing else Unavailable
                raise kind(f"{self._server.name}: the connection was lost", "is PostgreSQL up?") from error

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays."""
        check_claims(claims)
        return await self._claims.submit(claims)

    async def confirm(self, key: str, reference: str) -> None:
        """Note the reference of an accepted message with its key."""
        check_names(key, reference)
        await self._confirmed.submit([(key, reference)])

    async def forget(self, before: float) -> int:
        """Remove claims older than `before`; return how many."""
        forgotten, last = 0, FORGET_AT_ONCE
        while last == FORGET_AT_ONCE:
            last = await self._server.run(self._forgetting(before))
            forgotten += last
        return forgotten

    async def window(self, name: str, size: int) -> PostgresWindow:
        """Return the window of a name: its rows in the tables `moving_window` and `window_value`."""
        return await self._windows.get((name, size), lambda: PostgresWindow.open(self._server, name, size))

    async def collection(self, name: str) -> PostgresCollection:
        """Return the collection of a name: the table of this name."""
        return await self._collections.get(name, lambda: PostgresCollection.open(self._server, name))

    async def close(self) -> None:
        """Finish what is under way and close the connections."""
        for batcher in (self._results, self._claims, self._confirmed):
            await batcher.drain()
        await self._windows.drain()
        await self._collections.drain()
        await self._server.close()

    async def _save_all(self, results: list[Result]) -> list[bool | ForebayError]:
        return await bisected(self._save_together, results, lambda result: f"the result of message {result.id!r}")

    async def _save_together(self, results: list[Result]) -> list[bool]:
        # one statement may not touch a row twice; the first of a batch stays, as the first of all calls does
        first = {(result.id, result.topic): result for result in reversed(results)}
        kept = set(await self._server.rows(self._save, _columns([first[row] for row in sorted(first)])))
        answers = []
        for result in results:
            row = (result.id, result.topic)
            answers.append(row in kept)
            kept.discard(row)
        return answers

    async def _held(self, connection: Connection, id: str, topic: str) -> bool:
        try:
            return await (await connection.execute(self._hold, (id, topic))).fetchone() is not None
        except psycopg.Error as error:
            raise Unavailable(
                explained(error, self._server.name).what, "nothing was changed; is PostgreSQL up?"
            ) from error

    async def _claim_all(self, claims: list[Claim]) -> list[Claim]:
        first = {claim.key: claim for claim in reversed(claims)}
        given = [first[key] for key in sorted(first)]
        names = [texts([getattr(claim, name) for claim in given]) for name in ("key", "fingerprint", "id")]
        times, references = floats([claim.claimed_at for claim in given]), texts([c.reference for c in given])
        standing = {row[0]: Claim(*row) for row in await self._server.rows(self._claim, (*names, times, references))}
        return [standing[claim.key] for claim in claims]

    async def _confirm_all(self, pairs: list[tuple[str, str]]) -> list[None]:
        last = sorted(dict(pairs).items())
        columns = texts([key for key, _ in last]), texts([reference for _, reference in last])
        await self._server.run(lambda connection: connection.execute(self._confirm, columns))
        return [None] * len(pairs)

    def _forgetting(self, before: float) -> Callable[[Connection], Awaitable[int]]:
        async def forget(connection: Connection) -> int:
            return (await connection.execute(self._forget, (before, FORGET_AT_ONCE))).rowcount

        return forget


def _columns(results: Sequence[Result]) -> tuple[Any, ...]:
    ids, topics = texts([result.id for result in results]), texts([result.topic for result in results])
    times = [[r.accepted_at for r in results], [r.started_at for r in results], [r.done_at for r in results]]
    values, attempts = jsonbs([r.value for r in results]), integers([r.attempts for r in results])
    return (ids, topics, values, *map(floats, times), attempts)


def _result(row: Sequence[Any]) -> Result:
    return Result(row[0], row[1], row[2].encode(), *row[3:])
