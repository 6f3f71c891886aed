"""One PostgreSQL as a store sees it: its connections, its outages told apart, and the tables in it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, Undecodable, Unknown, UsageError
from forebay.quantity import duration
from forebay.stores import postgres_columns
from forebay.url import URL

T = TypeVar("T")
Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

OPTIONS: Final = {
    "schema": "the schema of the tables",
    "connections": "how many transactions of `once` at a time",
    "timeout": "how long a statement may take, e.g. 10s",
    "host": "the folder of a Unix socket",
    "sslmode": "as libpq knows it, e.g. verify-full",
    "sslrootcert": "as libpq knows it",
    "sslcert": "as libpq knows it",
    "sslkey": "as libpq knows it",
    "application_name": "as libpq knows it",
    "target_session_attrs": "as libpq knows it, e.g. read-write",
}
VERSION: Final = 1
LOCK: Final = 0x666F7265626179  # "forebay": the advisory lock of all who make the tables
CONNECT_SECONDS: Final = 5.0
OWN_CONNECTIONS: Final = 3

# libpq gives no code for a connection that was refused, only the server's words
MISTAKES: Final = {
    r"invalid [\w ]*(value|number)": "write postgresql://user:password@host:5432/database",
    r"password authentication failed|no password supplied|role \".*\" does not exist|no pg_hba.conf entry": (
        "write the account as postgresql://user:password@host/database"
    ),
    r"database \".*\" does not exist": "make it with createdb, or name another one",
}

SCHEMA: Final = """
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


class Server:
    """A PostgreSQL with our tables in it; made by :meth:`open`.

    Two pools: transactions of handlers, which may take long, must not keep results from being saved.
    """

    durability: Durability

    def __init__(self, url: URL) -> None:
        self.name = str(url)
        self.schema = url.option("schema", str, "forebay")
        self._seconds = url.option("timeout", _limit_seconds, 10.0)
        # for a server that says nothing at all; the limit that it keeps itself is shorter
        self.patience = max(self._seconds, CONNECT_SECONDS) + 2
        self._conninfo = _conninfo(url)
        self._own = self._pool(OWN_CONNECTIONS)
        self._lent = self._pool(
            url.option("connections", _at_least_one, 10), check=AsyncConnectionPool.check_connection
        )

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

    def explained(self, error: psycopg.Error) -> ForebayError:
        """Return what an error means: the data is refused, or the connection lost, or nothing was changed."""
        what = f"{self.name}: {_one_line(error)}"
        if _refused(error):
            return Undecodable(what, "trying again will not help")
        if lost(error):
            return Unknown(what, "it is not known whether it was done; is PostgreSQL up?")
        return Unavailable(what, "nothing was changed; look at the log of PostgreSQL")

    async def _attempt(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await self._take(self._own)
        try:
            async with asyncio.timeout(self.patience):
                return await operation(connection)
        except psycopg.Error as error:
            raise self.explained(error) from error
        finally:
            await self._own.putconn(connection)

    async def _take(self, pool: AsyncConnectionPool[Connection]) -> Connection:
        try:
            async with asyncio.timeout(self.patience):  # a pool asks a connection whether it lives, without a limit
                return await pool.getconn(timeout=CONNECT_SECONDS)
        except (PoolTimeout, TimeoutError) as error:
            what = f"{self.name}: no connection within {CONNECT_SECONDS:g}s"
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
                await self._make_tables(connection)
                self.durability = await _durability(connection)
        except psycopg.Error as error:
            raise self._unreachable(error) from error
        except TimeoutError as error:
            raise Unavailable(f"{self.name} did not answer within {self.patience:g}s", "is PostgreSQL up?") from error

    def _unreachable(self, error: psycopg.Error) -> ForebayError:
        text = _one_line(error)
        for pattern, hint in MISTAKES.items():
            if re.search(pattern, text):
                return UsageError(f"{self.name}: {text}", hint)
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return UsageError(f"{self.name}: {text}", f"let the account use, or create, the schema {self.schema}")
        return Unavailable(f"cannot reach {self.name}: {text}", "is PostgreSQL up?")

    async def _make_tables(self, connection: Connection) -> None:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            table = sql.Identifier(self.schema, "store_version")
            row = await (await connection.execute("SELECT to_regclass(%s)", (table.as_string(connection),))).fetchone()
            if row == (None,):
                names = {"schema": sql.Identifier(self.schema), "version": sql.Literal(VERSION)}
                await connection.execute(sql.SQL(SCHEMA).format(**names))
            version = await (await connection.execute(sql.SQL("SELECT version FROM {}").format(table))).fetchone()
        if version is None or version[0] > VERSION:
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
            kwargs={"autocommit": True},
            configure=self._configure,
            min_size=0,
            max_size=size,
            open=False,
            reconnect_timeout=1.0,  # give up soon: who asks next begins anew, without a pause that has grown
            **options,
        )

    async def _configure(self, connection: Connection) -> None:
        postgres_columns.register(connection.adapters)
        await self._limit(connection)


def _refused(error: psycopg.Error) -> bool:
    """Say whether the server refuses the data itself, so that no repetition will help."""
    return isinstance(error, psycopg.DataError) or (error.sqlstate or "").startswith("54")


def lost(error: psycopg.Error) -> bool:
    """Say whether the connection broke, so that the fate of what ran on it is not known."""
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return False
    return error.sqlstate is None or error.diag.severity_nonlocalized in {"FATAL", "PANIC"}


async def _durability(connection: Connection) -> Durability:
    cursor = await connection.execute("SELECT current_setting('fsync'), current_setting('synchronous_standby_names')")
    fsync, standbys = await cursor.fetchone() or ("off", "")
    if fsync != "on":
        return Durability.OS
    return Durability.REPLICATED if standbys else Durability.FSYNC


def _conninfo(url: URL) -> str:
    ours = {"schema", "connections", "timeout"}
    given: dict[str, str] = {name: value for name, value in url.options.items() if name not in ours}
    hosts, ports = _split(url.host)
    if hosts:
        given |= {"host": hosts, "port": ports}
    fixed = {"connect_timeout": f"{CONNECT_SECONDS:.0f}", "tcp_user_timeout": "15000", "client_encoding": "utf8"}
    account = {"user": url.user, "password": url.password, "dbname": url.path}
    told = {name: value for name, value in account.items() if value}
    try:
        return make_conninfo("", **{"application_name": "forebay", **fixed, **told, **given})
    except psycopg.ProgrammingError as error:
        raise UsageError(f"{url}: {_one_line(error)}", "write postgresql://user:password@host:5432/database") from error


def _limit_seconds(text: str) -> float:
    seconds = duration(text)
    if not 0.01 <= seconds <= 86_400:
        raise UsageError("not a time limit", "choose from 10ms to 1d")
    return seconds


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError("not a number of connections", "write 1 or more")
    return int(text)


def _split(hosts: str) -> tuple[str, str]:
    """Return the names and the ports of ``a:1,b:2``, as libpq wants them."""
    names, ports = [], []
    for place in hosts.split(",") if hosts else []:
        name, colon, port = place.rpartition(":")
        if not colon or port.endswith("]"):
            name, port = place, "5432"
        names.append(name.strip("[]"))
        ports.append(port)
    return ",".join(names), ",".join(ports)


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
