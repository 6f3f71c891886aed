"""PostgreSQL alone: windows that do not grow, tables of collections, values that only the server refuses, its death."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import psycopg
import pytest

from forebay.errors import Unavailable, Undecodable, Unknown, UsageError
from forebay.lab.servers import PostgreSQL, Server
from forebay.stores.collection import Document
from forebay.stores.opening import open_store
from forebay.stores.postgres import PostgresStore
from forebay.stores.window import Entry


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
async def store(postgres: PostgreSQL, schema: str) -> AsyncIterator[PostgresStore]:
    opened = await open_store(f"{postgres.url}?schema={schema}")
    assert isinstance(opened, PostgresStore)
    yield opened
    await opened.close()


async def execute(server: PostgreSQL, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def size_of(server: PostgreSQL, table: str) -> int:
    return int(str((await execute(server, f"SELECT pg_table_size('{table}')"))[0][0]))


@pytest.fixture
async def no_autovacuum(postgres: PostgreSQL) -> AsyncIterator[None]:
    """Let nobody look at the tables of a server meanwhile: as long as one does, no row that is dead is reused."""
    for statement in ("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"):
        await execute(postgres, statement)
    async with asyncio.timeout(60):
        while await execute(postgres, "SELECT FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'"):
            await asyncio.sleep(0.01)
    yield
    for statement in ("ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()"):
        await execute(postgres, statement)


@pytest.mark.usefixtures("no_autovacuum")
@pytest.mark.parametrize(("size", "batch", "puts"), [(10, 3, 150), (300, 500, 20)])
async def test_a_window_does_not_grow_with_what_has_gone_through_it(
    store: PostgresStore, postgres: PostgreSQL, schema: str, size: int, batch: int, puts: int
) -> None:
    window = await store.window("rates", size)
    sizes = []
    for lap in range(3):
        for n in range(puts):
            await window.put([Entry(f"{lap}-{n}-{one}", "ratings", one) for one in range(batch)])
        sizes.append([await size_of(postgres, f"{schema}.{table}") for table in ("window_value", "moving_window")])
    assert sizes[1] == sizes[2]
    assert max(sizes[2]) < 200_000
    assert len(await window.values()) == size


async def test_a_number_beyond_numeric_harms_no_neighbour(store: PostgresStore) -> None:
    orders = await store.collection("orders")
    bad = {0, 77, 78, 299}
    answers = await orders.keep([Document(f"k{n}", b"1e200000" if n in bad else b"%d" % n) for n in range(300)])
    assert {n for n, answer in enumerate(answers) if isinstance(answer, Undecodable)} == bad
    assert "'k77'" in str(answers[77])
    numbers = [answer.number for answer in answers if isinstance(answer, Document)]
    assert sorted(numbers) == list(range(1, 297))
    assert await orders.count() == 296


async def test_a_call_that_no_statement_could_take_in_time_goes_in_several(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, postgres: PostgreSQL
) -> None:
    monkeypatch.setattr("forebay.stores.postgres.collection.HEAVIEST_STATEMENT", 100)
    orders = await store.collection("orders")
    before = await execute(postgres, "SELECT pg_current_xact_id()::text::bigint")
    documents = [Document(f"k{n % 50}", b'{"text": "1234567890"}') for n in range(75)]
    answers = await orders.keep(documents)
    after = await execute(postgres, "SELECT pg_current_xact_id()::text::bigint")
    assert [answer.number for answer in answers if isinstance(answer, Document)] == [n % 50 + 1 for n in range(75)]
    assert int(str(after[0][0])) - int(str(before[0][0])) >= 10


async def test_a_refused_document_harms_no_other_caller(store: PostgresStore) -> None:
    orders = await store.collection("orders")
    calls = [orders.keep([Document(f"k{n}", b"1e200000" if n == 5 else b"1")]) for n in range(10)]
    answers = [answer for (answer,) in await asyncio.gather(*calls)]
    assert isinstance(answers.pop(5), Undecodable)
    assert sorted(answer.number for answer in answers if isinstance(answer, Document)) == list(range(1, 10))


async def test_a_document_that_was_removed_may_be_kept_again(
    store: PostgresStore, postgres: PostgreSQL, schema: str
) -> None:
    orders = await store.collection("orders")
    await orders.keep([Document("a", b"1"), Document("b", b"2")])
    await execute(postgres, f"DELETE FROM {schema}.orders WHERE key = 'b'")
    assert (await orders.get("b"), await orders.numbered(2)) == (None, None)
    assert list(await orders.keep([Document("b", b"3")])) == [Document("b", b"3", 3)]


async def test_a_collection_is_a_table_that_others_can_read(
    store: PostgresStore, postgres: PostgreSQL, schema: str
) -> None:
    orders = await store.collection("orders")
    await orders.keep([Document(key, b'{"count": 3}') for key in ("a", "b")])
    rows = await execute(
        postgres, f"SELECT number, key, value->'count', now() - kept_at < '1 h' FROM {schema}.orders ORDER BY number"
    )
    assert rows == [(1, "a", 3, True), (2, "b", 3, True)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {}.orders (number bigint PRIMARY KEY, what text)",
        "CREATE TABLE {}.orders (number bigint, key text, value jsonb, kept_at timestamptz)",
        "CREATE TABLE {}.orders (number bigint, key text, value text, kept_at timestamptz)",
        "CREATE INDEX orders ON {}.inbox (topic)",
        "CREATE SEQUENCE {}.orders",
        "CREATE VIEW {}.orders AS SELECT 1 AS number",
    ],
)
async def test_what_others_have_made_is_no_collection(
    store: PostgresStore, postgres: PostgreSQL, schema: str, statement: str
) -> None:
    await execute(postgres, statement.format(schema))
    with pytest.raises(UsageError, match="is there and no collection") as caught:
        await store.collection("orders")
    assert "schema" in caught.value.hint


async def test_an_account_that_may_make_no_tables_is_told_and_uses_those_that_are_there(
    store: PostgresStore, postgres: PostgreSQL, schema: str
) -> None:
    await store.collection("orders")
    await execute(postgres, f"CREATE ROLE {schema} LOGIN")
    await execute(postgres, f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
    await execute(postgres, f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {schema}")
    await execute(postgres, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {schema}")
    poor = await open_store(f"{postgres.url.replace('forebay@', f'{schema}@')}?schema={schema}")
    kept = await (await poor.collection("orders")).keep([Document("a", b"1")])
    assert list(kept) == [Document("a", b"1", 1)]
    for asked in (poor.collection("others"), poor.window("rates", 3)):
        with pytest.raises(UsageError, match="permission denied") as caught:
            await asked
        assert "make" in caught.value.hint
    await poor.close()


async def test_many_that_ask_at_once_make_the_tables_once(postgres: PostgreSQL, schema: str) -> None:
    stores = [await open_store(f"{postgres.url}?schema={schema}") for _ in range(4)]
    collections = await asyncio.gather(*(one.collection("orders") for one in stores for _ in range(3)))
    windows = await asyncio.gather(*(one.window("rates", 3) for one in stores for _ in range(3)))
    await asyncio.gather(*(one.keep([Document("a", b"1")]) for one in collections))
    await asyncio.gather(*(one.put([Entry("a", "ratings", 5)]) for one in windows))
    assert (await collections[0].count(), await windows[0].values()) == (1, [5])
    for one in stores:
        await one.close()


async def insist(attempt: Callable[[], Awaitable[object]], trouble: asyncio.Event) -> None:
    """Try again and again until there is an answer, as a service does."""
    while True:
        try:
            await attempt()
        except (Unavailable, Unknown):
            trouble.set()
            await asyncio.sleep(0.05)
        else:
            return


async def test_nothing_is_lost_or_counted_twice_when_the_server_is_killed(
    own_server: Callable[[type[Server]], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server(PostgreSQL)
    store = await open_store(server.url)
    orders, window = await store.collection("orders"), await store.window("rates", 10**9)
    some, trouble, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def work() -> None:
        while not stop.is_set():
            keys = [uuid.uuid4().hex for _ in range(20)]
            asked.extend(keys)
            await insist(partial(orders.keep, [Document(key, b'{"a": 1}') for key in keys]), trouble)
            await insist(partial(window.put, [Entry(key, "ratings", 5) for key in keys]), trouble)
            some.set()

    workers = [asyncio.create_task(work()) for _ in range(4)]
    await some.wait()
    await asyncio.to_thread(server.kill)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("forebay.stores.postgres.server.CONNECT_SECONDS", 1.0)
        await trouble.wait()
    await asyncio.to_thread(server.start)
    some.clear()
    await some.wait()
    stop.set()
    await asyncio.gather(*workers)
    assert sorted(document.key for document in await orders.newest(1_000_000)) == sorted(asked)
    assert len(await window.values()) == len(asked) == await store.count("ratings")
    await store.close()
