"""What `forebay doctor` finds on an SQLite file: every setting and state that loses messages, or soon stops them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.queue.admin import Finding, Severity, fine
from forebay.queue.drivers.sqlite.disk import IN_MEMORY, OVER_A_NETWORK
from forebay.queue.drivers.sqlite.reading import counts
from forebay.queue.drivers.sqlite.rows import one_value, rows
from forebay.queue.drivers.sqlite.tables import LAYOUT, layout_of
from forebay.sqlitefile import check_version

LITTLE_SPACE: Final = 512 << 20
"""Bytes on the disk; with fewer, refusing is near."""
LONG_LOG: Final = 256 << 20
"""Bytes of the log; it is copied back long before, unless somebody hinders that."""
LARGE_FILE: Final = 1 << 30
"""Bytes; to check a larger file holds the log up for too long."""


def durability_on(file_system: str, synchronous: str) -> Durability:
    """Return what a commit survives."""
    synced = synchronous == "full" and file_system not in IN_MEMORY
    return Durability.FSYNC if synced else Durability.OS


def examine_place(path: str, file_system: str, synchronous: str) -> Iterator[Finding]:
    """Yield what the disk, the folder and the way of syncing mean; the file need not exist."""
    yield _library()
    yield _sync(synchronous)
    yield _disk(file_system)
    yield _space(Path(path).absolute().parent)
    yield from _access(Path(path))


def examine_file(connection: apsw.Connection, path: str) -> Iterator[Finding]:
    """Yield what the state of the file means."""
    yield _log(Path(f"{path}-wal"))
    yield _sound(connection, Path(path))
    mode = connection.pragma("journal_mode")
    if mode == "wal":
        yield fine("journal_mode", mode)
    else:
        why = "a program other than forebay has changed it, or made the file; forebay changes it when it opens a topic"
        yield Finding(
            severity=Severity.WARNS, setting="journal_mode", value=mode, why=why, mend="leave the file to forebay"
        )


def examine_books(connection: apsw.Connection, topic: str, now: float) -> Iterator[Finding]:
    """Yield for each group of a topic (of all, when none is named) whether its messages are all there."""
    if layout_of(connection) != LAYOUT:
        return
    groups = rows(
        connection,
        """SELECT t.name, g.name, g.number FROM worker_group AS g JOIN topic AS t ON t.number = g.topic
           WHERE g.heard_at IS NULL AND ?1 IN ('', t.name) ORDER BY 1, 2""",
        (topic,),
    )
    for topic_name, name, number in groups:
        lost = counts(connection, number, now).lost
        setting = f"messages of {topic_name}, group {name}"
        if not lost:
            yield fine(setting, "all accounted for")
        else:
            why = "accepted messages are neither waiting nor done nor dead: another program has changed the tables"
            mend = "keep other programs away from the file, and send these messages again"
            yield Finding(severity=Severity.LOSES, setting=setting, value=f"{lost} missing", why=why, mend=mend)


def unreadable(error: ForebayError) -> Finding:
    """Return what it means that a file cannot be read to its end."""
    mend = error.hint or "restore it from a copy"
    return Finding(severity=Severity.LOSES, setting="file", value="not readable", why=error.what, mend=mend)


def _library() -> Finding:
    version = apsw.sqlite_lib_version()
    try:
        check_version()
    except ForebayError as error:
        return Finding(severity=Severity.LOSES, setting="SQLite", value=version, why=error.what, mend=error.hint)
    return fine("SQLite", version)


def _sync(synchronous: str) -> Finding:
    if synchronous == "full":
        return fine("synchronous", synchronous)
    why = "a power cut loses what was accepted since the log was last synced"
    mend = "leave ?synchronous= out of the URL, of every program on this file"
    return Finding(severity=Severity.LOSES, setting="synchronous", value=synchronous, why=why, mend=mend)


def _disk(file_system: str) -> Finding:
    setting, value = "file system", file_system or "unknown"
    if file_system in OVER_A_NETWORK:
        why = "the log needs memory that all programs share: from a second machine they damage the file"
        mend = "put the file on a local disk, or take a broker with a server"
        return Finding(severity=Severity.LOSES, setting=setting, value=value, why=why, mend=mend)
    if file_system in IN_MEMORY:
        why = "it lies in memory: a restart of the machine empties it"
        return Finding(severity=Severity.LOSES, setting=setting, value=value, why=why, mend="put the file on a disk")
    return fine(setting, value)


def _space(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return Finding(
            severity=Severity.WARNS,
            setting="folder",
            value=str(folder),
            why="there is no such folder, so no file can be made in it",
            mend=f"mkdir -p {folder}",
        )
    setting, value = "free space", f"{free >> 20:,} MiB"
    if free >= LITTLE_SPACE:
        return fine(setting, value)
    why = "when the disk is full nothing more is accepted, and what other programs fill up lets nothing be settled"
    return Finding(severity=Severity.WARNS, setting=setting, value=value, why=why, mend="free some space on this disk")


def _access(path: Path) -> Iterator[Finding]:
    for place in (path.absolute().parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            why = "this account may not write it: nothing is accepted, and the log cannot be made"
            mend = f"chown or chmod {place}"
            yield Finding(severity=Severity.WARNS, setting="permissions", value=str(place), why=why, mend=mend)
    if not path.exists():
        return
    status = path.stat()
    mode = stat.filemode(status.st_mode)
    if status.st_mode & stat.S_IWOTH:
        why = "every account of this machine can change or remove the messages"
        yield Finding(severity=Severity.WARNS, setting="permissions", value=mode, why=why, mend=f"chmod o= {path}")
    else:
        yield fine("permissions", mode)
    if status.st_nlink > 1:
        why = "under its other name the file has another log: two programs would damage it"
        mend = "remove the other name, or make it a symbolic link"
        yield Finding(severity=Severity.LOSES, setting="hard links", value=str(status.st_nlink), why=why, mend=mend)


def _log(log: Path) -> Finding:
    size = log.stat().st_size if log.exists() else 0
    value = f"{size >> 20:,} MiB"
    if size < LONG_LOG:
        return fine("log", value)
    why = "it is not copied back, since a program holds an old view of the file: it fills the disk in the end"
    mend = f"end the long read: fuser -v {log}"
    return Finding(severity=Severity.WARNS, setting="log", value=value, why=why, mend=mend)


def _sound(connection: apsw.Connection, path: Path) -> Finding:
    size = path.stat().st_size
    if size > LARGE_FILE:
        why = f"it is not checked while messages flow: it has {size >> 20:,} MiB"
        mend = f"at a quiet time: sqlite3 {path} 'PRAGMA quick_check'"
        return Finding(severity=Severity.WARNS, setting="quick_check", value="not done", why=why, mend=mend)
    found = str(one_value(connection, "PRAGMA quick_check(1)", ()))
    if found == "ok":
        return fine("quick_check", found)
    mend = f"stop all programs on it, then: sqlite3 {path} .recover"
    return Finding(severity=Severity.LOSES, setting="quick_check", value=found, why="the file is damaged", mend=mend)
