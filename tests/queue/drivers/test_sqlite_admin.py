"""The operator's side of an SQLite file: it makes nothing by looking, and finds what is unsafe."""

# ruff: noqa: ASYNC240 - these tests have the loop for themselves

from __future__ import annotations

import math
import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import apsw
import pytest

from forebay.durability import Durability
from forebay.errors import UsageError
from forebay.message import Message
from forebay.queue.admin import Examination, Finding, Severity
from forebay.queue.drivers import sqlite
from forebay.queue.drivers.sqlite import disk, examination
from forebay.queue.opening import open_driver
from forebay.sqlitefile import SQLiteFile
from forebay.url import parse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


async def filled(path: Path, messages: int = 3, **options: str) -> None:
    """Make a topic with messages in a file that only its owner may read."""
    queue = await sqlite.connect(parse(f"sqlite:///{path}?topic=orders").with_options(**options))
    await queue.publish([Message(f"m{n}", b"body") for n in range(messages)], math.inf)
    await queue.close()
    path.chmod(0o600)


async def examined(path: Path, name: str = "", **options: str) -> Examination:
    admin = await sqlite.administer(parse(f"sqlite:///{path}").with_options(**options))
    return await admin.examine(name)


async def found(path: Path, setting: str, **options: str) -> Finding:
    told = await examined(path, **options)
    return next(finding for finding in told.findings if finding.setting == setting)


async def test_to_look_makes_no_file(path: Path) -> None:
    admin = await sqlite.administer(parse(f"sqlite:///{path}"))
    assert list(await admin.topics()) == []
    with pytest.raises(UsageError, match="orders"):
        await admin.lags("orders")
    await admin.examine()
    await admin.close()
    assert list(path.parent.iterdir()) == []


async def test_to_look_at_a_file_of_another_program_changes_nothing(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    admin = await sqlite.administer(parse(f"sqlite:///{path}"))
    assert list(await admin.topics()) == []
    await admin.examine()
    assert path.read_bytes() == before


async def test_a_mistyped_topic_is_not_made_and_the_lag_of_a_known_one_is_told(path: Path) -> None:
    await filled(path)
    admin = await sqlite.administer(parse(f"sqlite:///{path}"))
    with pytest.raises(UsageError, match="ordres"):
        await admin.lags("ordres")
    assert [topic.name for topic in await admin.topics()] == ["orders"]
    [lag] = await admin.lags("orders")
    assert (lag.group, lag.waiting, lag.in_work, lag.retrying) == ("orders", 3, 0, 0)


async def test_a_topic_is_made_with_what_the_url_asks(path: Path) -> None:
    admin = await sqlite.administer(parse(f"sqlite:///{path}?group=audit&discipline=priority"))
    made = await admin.create("orders")
    assert (made.name, made.groups, made.discipline, made.messages, made.bytes) == (
        "orders", ["audit", "orders"], "priority", 0, 0,
    )  # fmt: skip
    with pytest.raises(UsageError, match="already"):
        await admin.create("orders")
    for_all = await sqlite.administer(parse(f"sqlite:///{path}?group=each"))
    assert (await for_all.create("news")).groups == ["news"]


async def test_a_topic_tells_its_messages_and_bytes_of_all_groups(path: Path) -> None:
    await filled(path, group="audit")
    admin = await sqlite.administer(parse(f"sqlite:///{path}"))
    [topic] = await admin.topics()
    assert (topic.groups, topic.messages, topic.bytes) == (["audit", "orders"], 6, 24)


async def test_a_topic_is_removed_with_all_that_it_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite.groups, "PORTION", 2)
    await filled(path, 5)
    admin = await sqlite.administer(parse(f"sqlite:///{path}"))
    with pytest.raises(UsageError, match="own"):
        await admin.remove("orders", "orders")
    await admin.remove("orders")
    assert list(await admin.topics()) == []
    connection = apsw.Connection(str(path))
    for table in ("topic", "worker_group", "message", "ready", "at_work"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


# The doctor


async def test_a_file_as_it_should_be_has_nothing_but_fine_settings(path: Path) -> None:
    await filled(path)
    told = await examined(path, "orders")
    bad = [finding for finding in told.findings if finding.severity is not Severity.FINE]
    assert [finding for finding in bad if finding.setting not in {"file system", "free space"}] == []
    assert "synchronous=full" in told.proof
    assert {finding.setting for finding in told.findings} >= {"quick_check", "journal_mode", "log", "permissions"}


async def test_a_commit_without_fsync_is_found_and_refused_where_fsync_is_asked_for(path: Path) -> None:
    finding = await found(path, "synchronous", synchronous="normal")
    assert finding.severity is Severity.LOSES
    assert (await examined(path, synchronous="normal")).durability is Durability.OS
    with pytest.raises(UsageError, match="fsync"):
        await open_driver(f"sqlite:///{path}?topic=t&synchronous=normal&durability=fsync")


async def test_a_file_that_all_may_write_is_found(path: Path) -> None:
    await filled(path)
    path.chmod(0o666)
    finding = await found(path, "permissions")
    assert (finding.severity, finding.value) == (Severity.WARNS, stat.filemode(path.stat().st_mode))


async def test_a_second_name_of_the_file_is_found(path: Path) -> None:
    await filled(path)
    os.link(path, path.with_name("second.db"))
    assert (await found(path, "hard links")).severity is Severity.LOSES


async def test_a_missing_folder_is_found(path: Path) -> None:
    finding = await found(path.parent / "nowhere" / "queue.db", "folder")
    assert finding.severity is Severity.WARNS


async def test_little_space_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, examination.LITTLE_SPACE - 1))
    assert (await found(path, "free space")).severity is Severity.WARNS


async def test_a_log_that_is_not_copied_back_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "LONG_LOG", 1)
    await filled(path)
    reader = apsw.Connection(str(path))
    reader.execute("BEGIN; SELECT count(*) FROM topic").fetchall()
    await filled(path, 1)
    assert (await found(path, "log")).severity is Severity.WARNS
    reader.close()


async def test_a_damaged_file_is_found(path: Path) -> None:
    await filled(path, 300)
    page = 4096 * (os.path.getsize(path) // 4096 // 2)
    with path.open("r+b") as file:
        file.seek(page)
        file.write(b"\xff" * 2_000)
    assert (await found(path, "quick_check")).severity is Severity.LOSES


async def test_messages_that_another_program_removed_are_missed(path: Path) -> None:
    await filled(path)
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM ready WHERE seq = (SELECT min(seq) FROM ready)")
    connection.close()
    finding = await found(path, "messages of orders, group orders")
    assert (finding.severity, finding.value) == (Severity.LOSES, "1 missing")


@pytest.mark.parametrize(
    ("kind", "severity"), [("ext4", Severity.FINE), ("nfs4", Severity.LOSES), ("tmpfs", Severity.LOSES)]
)
async def test_the_disk_under_the_file_is_judged(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, severity: Severity
) -> None:
    monkeypatch.setattr("forebay.queue.drivers.sqlite.admin.file_system", lambda _: kind)
    assert (await found(path, "file system")).severity is severity
    assert (await examined(path)).durability is (Durability.OS if kind == "tmpfs" else Durability.FSYNC)


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        f"2 1 0:5 / {tmp_path}/far rw shared:3 - nfs4 server:/export rw\n"
        f"3 1 0:6 / {tmp_path}/a\\040b rw - tmpfs tmpfs rw\n"
    )
    assert disk.file_system(str(tmp_path / "queue.db"), str(mounts)) == "ext4"
    assert disk.file_system(str(tmp_path / "far" / "queue.db"), str(mounts)) == "nfs4"
    assert disk.file_system(str(tmp_path / "a b" / "queue.db"), str(mounts)) == "tmpfs"
    assert disk.file_system(str(tmp_path / "farther.db"), str(mounts)) == "ext4"
    assert disk.file_system(str(tmp_path), str(tmp_path / "no such list")) == ""


async def test_the_durability_is_what_the_writing_connection_itself_says(path: Path) -> None:
    file = await SQLiteFile.open(str(path), "")
    assert await file.write(lambda connection: connection.pragma("synchronous")) == disk.FULL
    assert await file.write(disk.durability_of) is Durability.FSYNC
    await file.close()
    loose = await SQLiteFile.open(str(path), "", "normal")
    assert await loose.write(lambda connection: connection.pragma("synchronous")) == 1
    assert await loose.write(disk.durability_of) is Durability.OS
    await loose.close()


async def test_a_file_in_memory_gives_less_than_fsync() -> None:
    if disk.file_system("/dev/shm/x") not in disk.IN_MEMORY or not os.access("/dev/shm", os.W_OK):
        pytest.skip("no folder in memory here")
    path = Path(f"/dev/shm/forebay-test-{os.getpid()}.db")
    try:
        queue = await sqlite.connect(parse(f"sqlite:///{path}?topic=t"))
        assert queue.durability is Durability.OS
        await queue.close()
    finally:
        path.unlink(missing_ok=True)


async def test_a_file_that_is_no_database_is_found(path: Path) -> None:
    path.write_bytes(b"this is a letter to my aunt, and no database at all" * 100)
    assert (await found(path, "file")).severity is Severity.LOSES
