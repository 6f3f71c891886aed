"""One PostgreSQL as a store sees it: its connections, its outages told apart, and the tables in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from forebay.durability import Durability
from forebay.errors import Unavailable, Unknown, UsageError
from forebay.stores.postgres import columns
from forebay.stores.postgres.address import OPTIONS, at_least_one, conninfo, limit_seconds
from forebay.stores.postgres.connecting import Attempts, connections
from forebay.stores.postgres.failures import explained, unreachable
from forebay.stores.postgres.tables import VERSION, Connection, make_tables
from forebay.url import URL

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
OWN_CONNECTIONS: Final = 5  # results, claims, confirmations; two batches of documents


class Server:
    """A PostgreSQL with our tables in it; made by :meth:`open`.

    Two pools: transactions of handlers, which may take long, must not keep results from being saved.
    """

    durability: Durability

    def __init__(self, url: URL) -> None:
        self.name = str(url)
        self.schema = url.option("schema", str, "forebay")
        self._seconds = url.option("timeout", limit_seconds, 10.0)
        # for a server that says nothing at all; the limit that it keeps itself is shorter
        self.patience = max(self._seconds, CONNECT_SECONDS) + 2
        self._conninfo = conninfo(url, CONNECT_SECONDS)
        self._attempts = Attempts()
        self._own = self._pool(OWN_CONNECTIONS)
        self._lent = self._pool(url.option("connections", at_least_one, 10), check=AsyncConnectionPool.check_connection)

    @classmethod
    async def open(cls, url: URL) -> Server:
        """Connect, and make the tables where they are missing.

        Raises:
            UsageError: a wrong option, password or database; tables of a newer forebay.
            Unavailable: the server cannot be reached.
        """
        url.check_options(OPTIONS)
        server = cls(url)
        await server._prepare()
        for pool in (server._own, server._lent):
            await pool.open()
        return server

    async def run(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        """Run an operation that may be repeated without harm; again when its connection turns out to be dead.

        A restarted server leaves dead connections behind in the pool; that alone is no outage.

        Raises:
            Undecodable: the server refuses the data.
            Unavailable: certainly nothing was done. Unknown: cannot say.
        """
        unsure: Unknown | None = None
        for _ in range(OWN_CONNECTIONS + 1):
            try:
                return await self._attempt(operation)
            except TimeoutError as error:
                raise Unknown(f"{self.name} did not answer within {self.patience:g}s", "is PostgreSQL up?") from error
            except Unknown as error:
                unsure = error
            except Unavailable as error:
                raise unsure or error from error
        assert unsure is not None
        raise unsure

    async def rows(
        self, statement: bytes, arguments: Sequence[Any] = (), binary: bool = False, prepare: bool | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement as `run` does, and return its rows.

        Arguments:
            statement: may be repeated without harm.
            arguments: for its placeholders.
            binary: the rows come in their binary form, which takes fewer steps.
            prepare: False: the server plans it anew each time, for a table that grows quickly; None: psycopg decides.
        """

        async def fetch(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement, arguments, prepare=prepare, binary=binary)).fetchall()

        return await self.run(fetch)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Take a live connection for a transaction of a handler; those beyond the limit wait.

        Raises:
            Unavailable: none came free in time.
        """
        connection = await self._take(self._lent)
        try:
            yield connection
        finally:
            await self._lent.putconn(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._own.close()
        await self._lent.close()

    async def _attempt(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await self._take(self._own)
        try:
            async with asyncio.timeout(self.patience):
                return await operation(connection)
        except psycopg.Error as error:
            raise explained(error, self.name) from error
        finally:
            await self._own.putconn(connection)

    async def _take(self, pool: AsyncConnectionPool[Connection]) -> Connection:
        try:
            async with asyncio.timeout(self.patience):  # a pool asks a connection whether it lives, without a limit
                return await pool.getconn(timeout=CONNECT_SECONDS)
        except (PoolTimeout, TimeoutError) as error:
            reason = f": {self._attempts.reason}" if self._attempts.reason else ""
            what = f"{self.name}: no connection within {CONNECT_SECONDS:g}s{reason}"
            raise Unavailable(what, "is PostgreSQL up, and are there enough connections=?") from error
        except PoolClosed as error:
            raise Unavailable("the store is closed") from error

    async def _prepare(self) -> None:
        try:
            async with (
                asyncio.timeout(self.patience),
                await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection,
            ):
                await self._limit(connection)
                version = await make_tables(connection, self.schema)
                self.durability = await _durability(connection)
        except psycopg.Error as error:
            raise unreachable(error, self.name, self.schema) from error
        except TimeoutError as error:
            raise Unavailable(f"{self.name} did not answer within {self.patience:g}s", "is PostgreSQL up?") from error
        if version is None or version > VERSION:
            raise UsageError(f"the tables in {self.name} were made by a newer forebay", "upgrade forebay")

    async def _limit(self, connection: Connection) -> None:
        # a role or database may have it otherwise, and what we call saved must have been saved
        settings = {
            "synchronous_commit": "on",
            "statement_timeout": f"{round(self._seconds * 1000)}ms",
            "lock_timeout": f"{round(self._seconds * 500)}ms",
        }
        for name, value in settings.items():
            await connection.execute("SELECT set_config(%s, %s, false)", (name, value))

    def _pool(self, size: int, **options: Any) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self._conninfo,
            connection_class=connections(self._attempts.note),
            kwargs={"autocommit": True},
            configure=self._configure,
            min_size=0,
            max_size=size,
            open=False,
            reconnect_timeout=1.0,  # give up soon: who asks next begins anew, without a pause that has grown
            **options,
        )

    async def _configure(self, connection: Connection) -> None:
        columns.register(connection.adapters)
        await self._limit(connection)


async def _durability(connection: Connection) -> Durability:
    cursor = await connection.execute("SELECT current_setting('fsync'), current_setting('synchronous_standby_names')")
    fsync, standbys = await cursor.fetchone() or ("off", "")
    if fsync != "on":
        return Durability.OS
    return Durability.REPLICATED if standbys else Durability.FSYNC
