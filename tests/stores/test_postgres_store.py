"""PostgreSQL alone: outages, accounts, tables, values that only the server refuses."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from forebay.durability import Durability
from forebay.errors import Unavailable, Undecodable, Unknown, UsageError
from forebay.lab.servers import PostgreSQL, Server
from forebay.message import new_id
from forebay.stores.opening import open_store
from forebay.stores.postgres import PostgresStore
from forebay.stores.store import Result
from forebay.url import parse
from insistent import insist, until_refused

TOPIC = "orders"


def a_result(id: str | None = None, value: bytes = b'{"count": 3}') -> Result:
    return Result(id or new_id(), TOPIC, value, 1.0, 2.0, 3.0)


def an_address(server: PostgreSQL, **options: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in ({"schema": f"test_{uuid.uuid4().hex}"} | options).items())
    return f"{server.url}?{query}"


@pytest.fixture
async def store(postgres: PostgreSQL) -> AsyncIterator[PostgresStore]:
    opened = await open_store(an_address(postgres))
    assert isinstance(opened, PostgresStore)
    yield opened
    await opened.close()


async def execute(server: PostgreSQL, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def test_a_number_beyond_numeric_harms_no_neighbour(store: PostgresStore) -> None:
    results = [a_result(f"id{n:03}", b"1e200000" if n in {0, 77, 78, 299} else b"%d" % n) for n in range(300)]
    answers = await store.save(results)
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, Undecodable)]
    assert refused == [0, 77, 78, 299]
    assert sum(answer is True for answer in answers) == 296 == await store.count(TOPIC)


async def test_a_refused_value_harms_no_other_caller(store: PostgresStore) -> None:
    calls = [store.save([a_result(value=b"1e200000" if n == 5 else b"1")]) for n in range(10)]
    answers = [answer for (answer,) in await asyncio.gather(*calls)]
    assert isinstance(answers.pop(5), Undecodable)
    assert answers == [True] * 9


async def test_concurrent_saves_share_commits(store: PostgresStore, postgres: PostgreSQL) -> None:
    before = await execute(postgres, "SELECT pg_current_xact_id()::text::bigint")
    await asyncio.gather(*(store.save([a_result()]) for _ in range(500)))
    after = await execute(postgres, "SELECT pg_current_xact_id()::text::bigint")
    assert int(str(after[0][0])) - int(str(before[0][0])) < 50


async def test_the_view_shows_results_with_readable_times(store: PostgresStore, postgres: PostgreSQL) -> None:
    await store.save([a_result("a")])
    async with store.once("b", TOPIC):
        pass  # in the inbox, without a result
    rows = await execute(
        postgres, f"SELECT id, value->>'count', extract(epoch FROM done_at)::int FROM {store._server.schema}.result"
    )
    assert rows == [("a", "3", 3)]


async def test_a_commit_is_synchronous_whatever_the_role_says(own_server: Callable[[type[Server]], Server]) -> None:
    server = own_server(PostgreSQL)
    assert isinstance(server, PostgreSQL)
    await execute(server, "ALTER ROLE forebay SET synchronous_commit = off")
    store = await open_store(server.url)
    async with store.once("a", TOPIC) as connection:
        assert connection is not None
        row = await (await connection.execute("SHOW synchronous_commit")).fetchone()
    assert row == ("on",)
    assert store.durability is Durability.FSYNC
    await store.close()


async def test_errors_of_own_statements_come_through_as_they_are(store: PostgresStore) -> None:
    async def divide() -> None:
        async with store.once("a", TOPIC) as connection:
            assert connection is not None
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await divide()
    assert await store.count(TOPIC) == 0


async def test_a_handler_whose_connection_is_cut_has_certainly_done_nothing(store: PostgresStore) -> None:
    async def cut() -> None:
        async with store.once("a", TOPIC) as connection:
            assert connection is not None
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await cut()
    assert await store.count(TOPIC) == 0


async def test_another_database_that_a_handler_loses_is_its_own_affair(store: PostgresStore) -> None:
    with pytest.raises(psycopg.OperationalError):
        async with store.once("a", TOPIC):
            await psycopg.AsyncConnection.connect("host=127.0.0.1 port=1")
    async with store.once("a", TOPIC) as connection:
        assert connection is not None


async def test_transactions_of_handlers_do_not_keep_results_from_being_saved(postgres: PostgreSQL) -> None:
    store = await open_store(an_address(postgres, connections="1"))
    async with store.once("a", TOPIC):
        assert await store.save([a_result("b")]) == [True]
        assert await store.get("b") is not None
    await store.close()


async def test_a_row_that_is_held_too_long_is_unavailable(postgres: PostgreSQL) -> None:
    address = an_address(postgres)
    holding = await open_store(address)
    hurried = await insist(lambda: open_store(f"{address}&timeout=1s"))

    async def enter() -> None:
        async with hurried.once("a", TOPIC):
            pass

    async with holding.once("a", TOPIC):
        for told in await asyncio.gather(hurried.save([a_result("a")]), enter(), return_exceptions=True):
            assert isinstance(told, Unavailable)
            assert "lock timeout" in str(told)
    await hurried.close()
    await holding.close()


async def test_many_that_start_at_once_make_the_tables_once(postgres: PostgreSQL) -> None:
    address = an_address(postgres)
    stores = await asyncio.gather(*(open_store(address) for _ in range(8)))
    assert sorted([bool(answer) for store in stores for answer in await store.save([a_result("a")])])[-2:] == [
        False,
        True,
    ]
    for store in stores:
        await store.close()


async def test_tables_of_a_newer_forebay_are_left_alone(postgres: PostgreSQL) -> None:
    address = an_address(postgres)
    await (await open_store(address)).close()
    schema = parse(address).options["schema"]
    await execute(postgres, f"UPDATE {schema}.store_version SET version = version + 1")
    with pytest.raises(UsageError, match="newer forebay"):
        await open_store(address)


async def test_a_wrong_database_is_named(postgres: PostgreSQL) -> None:
    address = postgres.url.rpartition("/")[0] + "/nowhere"
    with pytest.raises(UsageError, match='database "nowhere" does not exist') as caught:
        await open_store(address)
    assert "createdb" in caught.value.hint


async def opened_and_closed(address: str) -> None:
    store = await open_store(address)
    await store.close()


async def test_a_wrong_password_is_told_and_not_shown(own_server: Callable[[type[Server]], Server]) -> None:
    server = own_server(PostgreSQL)
    assert isinstance(server, PostgreSQL)
    await execute(server, "ALTER ROLE forebay PASSWORD 'right'")
    (server.folder / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    os.kill(server.pid, signal.SIGHUP)
    address = server.url.replace("forebay@", "forebay:{}@")
    # a server that was told to reads its rules again in its own time
    error = await until_refused(lambda: opened_and_closed(address.format("secret-word")), "password authentication")
    assert isinstance(error, UsageError)
    assert "secret-word" not in f"{error.what} {error.hint} {error.__cause__}"
    store = await open_store(address.format("right"))
    assert await store.save([a_result()]) == [True]
    await store.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot reach"):
        await open_store("postgresql://forebay:secret-word@127.0.0.1:1/postgres")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://127.0.0.1:port/db",
        "postgresql://127.0.0.1/db?connections=0",
        "postgresql://127.0.0.1/db?timeout=inf",
        "postgresql://127.0.0.1/db?sslmode=perhaps",
        "postgresql://127.0.0.1/db?target_session_attrs=perhaps",
        "postgresql://127.0.0.1/db?timeuot=1s",
    ],
)
async def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        await open_store(address)


async def test_a_restart_that_nobody_was_waiting_through_is_not_noticed(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(PostgreSQL)
    store = await open_store(server.url)
    await asyncio.gather(store.save([a_result()]), store.get("a"), store.count(TOPIC))
    async with store.once("effect", TOPIC):
        pass
    await asyncio.to_thread(server.restart)
    assert await store.save([a_result("a")]) == [True]
    assert await store.get("a") is not None
    async with store.once("another effect", TOPIC) as connection:
        assert connection is not None
    await store.close()


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    own_server: Callable[[type[Server]], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server(PostgreSQL)
    store = await open_store(server.url)
    acknowledged: set[str] = set()
    asked: set[str] = set()
    stop, some, trouble = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def save_for_ever() -> None:
        while not stop.is_set():
            result = a_result()
            asked.add(result.id)
            while True:  # as the pool does: a result is saved again until it is answered
                try:
                    await store.save([result])
                except (Unavailable, Unknown):
                    trouble.set()
                    await asyncio.sleep(0.05)
                else:
                    break
            acknowledged.add(result.id)
            some.set()

    savers = [asyncio.create_task(save_for_ever()) for _ in range(16)]
    for _ in range(2):
        some.clear()
        await some.wait()
        trouble.clear()
        await asyncio.to_thread(server.kill)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr("forebay.stores.postgres.server.CONNECT_SECONDS", 1.0)
            await trouble.wait()
        await asyncio.to_thread(server.start)
    some.clear()
    await some.wait()
    stop.set()
    await asyncio.gather(*savers)
    assert acknowledged == asked
    assert await store.count(TOPIC) == len(asked)
    assert {result.id for result in await store.results(TOPIC, len(asked) + 1)} == asked
    await store.close()


async def test_an_effect_whose_server_dies_is_unavailable_and_can_be_repeated(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(PostgreSQL)
    store = await open_store(server.url)
    with pytest.raises((Unavailable, Unknown)):
        async with store.once("a", TOPIC):
            await asyncio.to_thread(server.kill)
    with pytest.raises(Unavailable):
        async with store.once("b", TOPIC):
            pass
    await asyncio.to_thread(server.start)
    async with store.once("a", TOPIC) as connection:
        assert connection is not None
    assert await store.count(TOPIC) == 1
    await store.close()


async def test_why_there_is_no_connection_any_more_is_told(
    own_server: Callable[[type[Server]], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server(PostgreSQL)
    await execute(server, "CREATE ROLE guest LOGIN PASSWORD 'secret-word' SUPERUSER")
    store = await open_store(server.url.replace("forebay@", "guest:secret-word@"))
    await execute(server, "ALTER ROLE guest RENAME TO gone")
    monkeypatch.setattr("forebay.stores.postgres.server.CONNECT_SECONDS", 1.0)
    refused = await until_refused(lambda: store.count(TOPIC), 'role "guest" does not exist')
    assert isinstance(refused, Unavailable)
    assert "secret-word" not in str(refused)
    await execute(server, "ALTER ROLE gone RENAME TO guest")
    assert await insist(lambda: store.count(TOPIC)) == 0
    await store.close()


async def test_a_server_that_stands_still_does_not_hang_its_clients(
    own_server: Callable[[type[Server]], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server(PostgreSQL)
    monkeypatch.setattr("forebay.stores.postgres.server.CONNECT_SECONDS", 1.0)
    store = await insist(lambda: open_store(f"{server.url}?timeout=1s"))
    await insist(lambda: store.save([a_result("a")]))
    server.pause()
    try:
        with pytest.raises((Unavailable, Unknown)):
            await store.save([a_result("b")])
        with pytest.raises((Unavailable, Unknown)):
            async with store.once("c", TOPIC):
                pass
    finally:
        server.resume()
    await insist(lambda: store.save([a_result("b")]))
    assert await insist(lambda: store.count(TOPIC)) == 2
    await store.close()
