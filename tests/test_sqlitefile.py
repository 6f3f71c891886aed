# ruff: noqa: ASYNC221, ASYNC222, ASYNC240 - these tests have the loop for themselves

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from forebay.errors import Unavailable, Unknown, UsageError
from forebay.sqlitefile import SQLiteFile, look
from forebay.sqlitefile.checkpoints import Checkpoints
from forebay.sqlitefile.connections import check_version, explained
from forebay.sqlitefile.threads import LOOK_SECONDS

SCHEMA = "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b BLOB)"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "file.db")


@pytest.fixture
async def file(path: str) -> AsyncIterator[SQLiteFile]:
    file = await SQLiteFile.open(path, SCHEMA)
    yield file
    await file.close()


def add(connection: apsw.Connection) -> int:
    connection.execute("INSERT INTO t (b) VALUES ('x')")
    return connection.last_insert_rowid()


def add_a_page(connection: apsw.Connection) -> None:
    connection.execute("INSERT INTO t (b) VALUES (zeroblob(3000))")


def add_and_fail(connection: apsw.Connection) -> None:
    add(connection)
    raise ValueError("no")


def count(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").get)


async def fill(file: SQLiteFile) -> int:
    """Write until the disk is full; return how many writes were accepted."""
    stored = 0
    with suppress(Unavailable):
        while True:
            await file.write(add_a_page)
            stored += 1
    return stored


async def held_up(file: SQLiteFile) -> threading.Event:
    """Return once the writer is busy, and is so until the event is set: what comes next makes one group."""
    begun, gate = threading.Event(), threading.Event()

    def hold(_: apsw.Connection) -> None:
        begun.set()
        gate.wait(60)

    file.write_soon(hold)
    await asyncio.to_thread(begun.wait, 30)
    return gate


def test_an_sqlite_that_can_damage_files_is_refused() -> None:
    with pytest.raises(UsageError, match=r"3\.51\.2"):
        check_version("3.51.2")
    check_version("3.51.3")
    check_version("4.0.0")


async def test_a_write_returns_what_its_operation_returned(file: SQLiteFile) -> None:
    assert await file.write(add) == 1
    assert await file.read(count) == 1


async def test_what_waits_shares_one_commit(file: SQLiteFile) -> None:
    commits = []
    await file.write(lambda connection: connection.set_commit_hook(lambda: commits.append(1) or False))
    commits.clear()
    gate = await held_up(file)
    writes = [file.write_soon(add) for _ in range(100)]
    gate.set()
    await asyncio.gather(*writes)
    assert len(commits) == 2  # the one that held them up, and the group
    assert await file.read(count) == 100


async def test_an_operation_that_fails_undoes_only_itself(file: SQLiteFile) -> None:
    gate = await held_up(file)
    writes = [file.write_soon(operation) for operation in (add, add_and_fail, add)]
    gate.set()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [int, ValueError, int]
    assert await file.read(count) == 2


async def test_an_operation_that_fails_alone_leaves_nothing(file: SQLiteFile) -> None:
    with pytest.raises(ValueError, match="no"):
        await file.write(add_and_fail)
    assert await file.read(count) == 0
    assert await file.write(add) == 1


async def test_a_cancelled_write_does_not_harm_its_neighbours(file: SQLiteFile) -> None:
    gate = await held_up(file)
    first, second = file.write_soon(add), file.write_soon(add)
    first.cancel()
    gate.set()
    await second
    assert await file.read(count) == 2


async def test_a_reader_cannot_write(file: SQLiteFile) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        await file.read(add)


async def test_a_commit_is_synchronous_to_the_disk_unless_asked_otherwise(path: str) -> None:
    full, normal = await SQLiteFile.open(path, SCHEMA), await SQLiteFile.open(path, SCHEMA, "normal")
    assert await full.write(lambda connection: connection.pragma("synchronous")) == 2
    assert await normal.write(lambda connection: connection.pragma("synchronous")) == 1
    await full.close()
    await normal.close()


async def test_all_who_open_a_path_share_one_writer(path: str) -> None:
    files = await asyncio.gather(*(SQLiteFile.open(path, SCHEMA) for _ in range(5)))
    assert len(set(map(id, files))) == 1
    for file in files[1:]:
        await file.close()
    assert await files[0].write(add) == 1
    await files[0].close()
    with pytest.raises(Unavailable, match="closed"):
        await files[0].write(add)


async def test_closing_finishes_what_was_begun_and_leaves_one_tidy_file(path: str) -> None:
    file = await SQLiteFile.open(path, SCHEMA)
    writes = [file.write_soon(add) for _ in range(50)]
    await file.close()
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 51))
    assert os.listdir(os.path.dirname(path)) == ["file.db"]


def test_a_loop_that_is_gone_does_not_hold_up_the_next_one(path: str) -> None:
    async def leave() -> None:
        file = await SQLiteFile.open(path, SCHEMA)
        (await held_up(file)).set()
        file.write_soon(add)

    async def come() -> int:
        file = await SQLiteFile.open(path, SCHEMA)
        try:
            return await file.write(add)
        finally:
            await file.close()
            await file.close()

    asyncio.run(leave())
    assert asyncio.run(come()) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_forked_child_is_told_to_open_the_file_itself(file: SQLiteFile) -> None:
    child = os.fork()
    if child == 0:
        try:
            file.write_soon(add)
        except Unavailable as error:
            os._exit(0 if "fork" in error.what else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert await file.write(add) == 1


@pytest.mark.parametrize("path", ["", ":memory:"])
async def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        await SQLiteFile.open(path, SCHEMA)


async def test_a_missing_folder_is_named_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened") as caught:
        await SQLiteFile.open(str(tmp_path / "missing" / "file.db"), SCHEMA)
    assert "folder" in caught.value.hint


async def test_a_file_that_is_no_database_is_refused(path: str) -> None:
    Path(path).write_bytes(b"a letter to my aunt, " * 500)
    with pytest.raises(Unavailable, match="not an SQLite database"):
        await SQLiteFile.open(path, SCHEMA)


async def test_a_torn_file_gives_a_clear_error(path: str) -> None:
    file = await SQLiteFile.open(path, SCHEMA)
    await asyncio.gather(*(file.write(add_a_page) for _ in range(99)))
    await file.close()
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:8192] + random.Random(11).randbytes(4096) * ((len(whole) - 8192) // 4096))
    file = await SQLiteFile.open(path, SCHEMA)
    with pytest.raises(Unavailable, match="damaged"):
        await file.read(lambda connection: connection.execute("SELECT sum(length(b)) FROM t").get)
    await file.close()


async def test_a_full_disk_accepts_nothing_and_loses_nothing(file: SQLiteFile) -> None:
    pages = await file.write(lambda connection: connection.pragma("page_count"))
    await file.write(lambda connection: connection.pragma("max_page_count", pages + 20))
    stored = await fill(file)
    with pytest.raises(Unavailable, match="full"):
        await file.write(add_a_page)
    assert stored == await file.read(count)
    gate = await held_up(file)
    big = [
        file.write_soon(lambda c: c.execute("INSERT INTO t (b) VALUES (zeroblob(9000))").fetchall()) for _ in range(3)
    ]
    gate.set()
    assert {type(r) for r in await asyncio.gather(*big, return_exceptions=True)} == {Unavailable}
    await file.write(lambda connection: connection.pragma("max_page_count", pages + 100))
    await file.write(add)
    assert await file.read(count) == stored + 1


def test_a_disk_that_fails_in_a_commit_leaves_the_answer_open() -> None:
    assert isinstance(explained(apsw.IOError("fsync"), "f", committing=True), Unknown)
    assert isinstance(explained(apsw.IOError("read"), "f"), Unavailable)
    assert isinstance(explained(apsw.FullError("full"), "f", committing=True), Unavailable)


async def test_a_file_that_was_removed_while_open_accepts_nothing_more(file: SQLiteFile, path: str) -> None:
    os.rename(path, path + ".old")
    await asyncio.sleep(LOOK_SECONDS)
    for _ in range(3):
        with pytest.raises(Unavailable, match="moved or removed"):
            await file.write(add)
    os.rename(path + ".old", path)


async def test_a_lock_of_another_program_is_waited_for(file: SQLiteFile, path: str) -> None:
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    writing = file.write_soon(add)
    await asyncio.sleep(0.05)
    assert not writing.done()
    other.execute("COMMIT")
    assert await writing == 1
    other.close()


async def test_a_lock_that_is_never_given_back_makes_the_file_unavailable(
    file: SQLiteFile, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebay.sqlitefile.connections.BUSY_SECONDS", 0.05)
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="lock"):
        await file.write(add)
    other.execute("ROLLBACK")
    assert await file.write(add) == 1
    other.close()


async def test_a_watcher_is_woken_by_a_commit_of_another_process(file: SQLiteFile, path: str) -> None:
    woken = asyncio.Event()
    unwatch = file.watch("a", woken.set)
    await asyncio.wait_for(woken.wait(), 30)  # the first look
    woken.clear()
    code = f"import apsw; apsw.Connection({path!r}).execute('INSERT INTO t (b) VALUES (1)')"
    subprocess.run([sys.executable, "-c", code], check=True)
    await asyncio.wait_for(woken.wait(), 30)
    unwatch()


async def test_a_watcher_is_woken_at_once_when_its_name_is_rung(file: SQLiteFile) -> None:
    rung: dict[str, asyncio.Event] = {"a": asyncio.Event(), "b": asyncio.Event()}
    ends = [file.watch("a", rung["a"].set)]
    await asyncio.wait_for(rung["a"].wait(), 30)  # the first look, which wakes all who watch by then
    rung["a"].clear()
    ends.append(file.watch("b", rung["b"].set))
    file.ring("a")
    await asyncio.wait_for(rung["a"].wait(), 30)
    assert not rung["b"].is_set()
    for end in ends:
        end()


async def test_the_log_stays_short_under_a_steady_load(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpoints, "WORTH_IT", 20)
    monkeypatch.setattr(Checkpoints, "SHORT_REST", 20)
    monkeypatch.setattr(Checkpoints, "LONG", 100)
    monkeypatch.setattr("forebay.sqlitefile.threads.LOOK_SECONDS", 0.0)
    file = await SQLiteFile.open(path, SCHEMA)
    for _ in range(1000):  # at least two pages each: 2,000 and more without checkpoints
        await file.write(lambda c: c.execute("INSERT INTO t (b) VALUES (zeroblob(5000))").fetchall())
    assert os.path.getsize(path + "-wal") < 1000 * 4096
    await file.close()
    with sqlite3.connect(path) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader.close()


async def test_a_loop_that_is_never_idle_does_not_starve_the_writer(file: SQLiteFile) -> None:
    async def never_idle() -> None:
        while True:
            sum(range(100_000))  # about 2 ms: without relief, a write takes about a second beside it
            await asyncio.sleep(0)

    busy = asyncio.create_task(never_idle())
    async with asyncio.timeout(30):
        for _ in range(100):
            await file.write(add)
    busy.cancel()


async def test_to_look_needs_no_open_file_and_makes_none(path: str) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        await look(path, count)
    assert not Path(path).exists()


async def test_to_look_changes_nothing_not_even_the_mode(path: str) -> None:
    plain = apsw.Connection(path)
    plain.execute(SCHEMA)
    before = Path(path).read_bytes()
    assert await look(path, count) == 0
    with pytest.raises(Unavailable, match="cannot be written"):
        await look(path, add)
    assert Path(path).read_bytes() == before
    assert plain.pragma("journal_mode") == "delete"
    plain.close()
