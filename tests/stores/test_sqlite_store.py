"""SQLite alone: several processes on one file, the file's version, the view."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import apsw
import pytest

from forebay.errors import UsageError
from forebay.stores.collection import Document
from forebay.stores.opening import open_store
from forebay.stores.store import Result

WORKER = """
import asyncio, sys
from forebay.stores.opening import open_store
from forebay.stores.store import Result

async def main():
    store = await open_store(sys.argv[1])
    results = [Result(f"id{n}", "t", b"1", 0.0, 0.0, 0.0) for n in range(300)]
    answers = await asyncio.gather(*(store.save([result]) for result in results))
    for n in range(20):
        async with store.once(f"effect{n}", "effects") as statements:
            if statements is not None:
                await statements.execute("INSERT INTO effect VALUES (?)", (n,))
    print(sum(answer[0] is True for answer in answers))
    await store.close()

asyncio.run(main())
"""


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


async def test_several_processes_keep_one_result_and_one_effect_of_an_id(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    query(path, "CREATE TABLE effect (n)")
    command = [sys.executable, "-c", WORKER, f"sqlite:///{path}"]
    workers = [await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(3)]
    told = [(await worker.communicate())[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert sum(map(int, told)) == 300
    assert query(path, "SELECT count(*) FROM inbox WHERE topic = 't'") == [(300,)]
    assert query(path, "SELECT count(*), count(DISTINCT n) FROM effect") == [(20, 20)]


async def test_a_file_of_a_newer_forebay_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    await (await open_store(f"sqlite:///{path}")).close()
    query(path, "UPDATE store_version SET version = version + 1")
    with pytest.raises(UsageError, match="newer forebay"):
        await open_store(f"sqlite:///{path}")


async def test_the_view_shows_results_with_readable_times(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    store = await open_store(f"sqlite:///{path}")
    await store.save([Result("a", "t", b'{"count": 3}', 0.0, 1.5, 2.0)])
    async with store.once("b", "t"):
        pass  # in the inbox, without a result
    await store.close()
    rows = query(path, "SELECT id, value ->> 'count', started_at FROM result")
    assert rows == [("a", 3, "1970-01-01T00:00:01.500Z")]


async def test_a_statement_that_fails_undoes_the_inbox_row_and_all_before_it(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    store = await open_store(f"sqlite:///{path}")

    async def fail() -> None:
        async with store.once("a", "t") as statements:
            await statements.execute("CREATE TABLE effect (n)")
            await statements.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(apsw.SQLError):
        await fail()
    assert await store.count("t") == 0
    assert query(path, "SELECT count(*) FROM sqlite_master WHERE name = 'effect'") == [(0,)]
    await store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE orders (number INTEGER PRIMARY KEY, what TEXT)",
        "CREATE TABLE t (number); CREATE INDEX orders ON t (number)",
        "CREATE VIEW orders AS SELECT 1 AS number",
    ],
)
async def test_what_others_have_made_is_no_collection(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "results.db"
    query(path, statement)
    before = query(path, "SELECT sql FROM sqlite_master WHERE name = 'orders'")
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(UsageError, match="orders is there"):
        await store.collection("orders")
    assert query(path, "SELECT sql FROM sqlite_master WHERE name = 'orders'") == before
    await store.close()


async def test_a_collection_is_a_table_that_others_can_read(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/results.db")
    orders = await store.collection("orders")
    await orders.keep([Document(key, b'{"count": 3}') for key in ("a", "b")])
    rows = query(tmp_path / "results.db", "SELECT number, key, value ->> 'count', kept_at > 1.7e9 FROM orders")
    assert rows == [(1, "a", 3, 1), (2, "b", 3, 1)]
    await store.close()
