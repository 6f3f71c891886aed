"""How connections are made, how long they are patient, and what the errors of SQLite mean."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import apsw

from forebay.errors import Unavailable, Unknown, UsageError

T = TypeVar("T")

OLDEST_SQLITE: Final = (3, 51, 3)  # before it, two checkpoints at once could lose committed pages (WAL-reset race)
BUSY_SECONDS: Final = 5.0  # how long another process may hold the write lock

_HINTS: Final[dict[type[apsw.Error], tuple[str, str]]] = {
    apsw.FullError: ("the disk is full", "free some space; nothing that was accepted is lost"),
    apsw.ReadOnlyError: ("the file cannot be written", "look at its owner and its permissions"),
    apsw.PermissionsError: ("the file cannot be written", "look at its owner and its permissions"),
    apsw.CantOpenError: ("the file cannot be opened", "does its folder exist, and may it be written?"),
    apsw.CorruptError: ("the file is damaged", "stop all programs on it, then try: sqlite3 FILE .recover"),
    apsw.NotADBError: ("the file is not an SQLite database, or damaged", "name another file in the URL"),
    apsw.BusyError: ("another program holds the lock of the file", "is a backup or a shell open on it?"),
    apsw.LockedError: ("another program holds the lock of the file", "is a backup or a shell open on it?"),
    apsw.IOError: ("the disk does not answer as it should", "look at the log of the system"),
    apsw.NoMemError: ("there is no memory left", "give the process more"),
}


def check_version(version: str | None = None) -> None:
    """Refuse an SQLite older than :data:`OLDEST_SQLITE`.

    Raises:
        UsageError: it is older.
    """
    version = version or apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UsageError(
            f"SQLite {version} can damage a file that several programs write (mended in {oldest})",
            "install apsw from PyPI, it brings its own: pip install --upgrade apsw",
        )


def explained(error: BaseException, path: str, committing: bool = False) -> BaseException:
    """Return the forebay error for an error of SQLite; other errors as they are."""
    for kind, (what, hint) in _HINTS.items():
        if isinstance(error, kind):
            unsure = committing and kind is apsw.IOError  # the log may hold the commit although its fsync failed
            found = (Unknown if unsure else Unavailable)(f"{path}: {what} ({error})", hint)
            found.__cause__ = error
            return found
    return error


class Patience:
    """How a process waits for the lock of another one, and lets others have it: short naps of random length."""

    def __init__(self) -> None:
        self._since = 0.0
        self._contended_until = 0.0

    def __call__(self, calls_before: int) -> bool:
        """Nap, and say whether to try again: the busy handler that SQLite calls."""
        now = time.monotonic()
        if calls_before == 0:
            self._since = now
        self._contended_until = now + 1.0
        time.sleep(random.uniform(0.0001, 0.001))
        return now - self._since < BUSY_SECONDS

    def leave_room(self) -> None:
        """Pause between two groups while other processes want the file too; SQLite's lock knows no queue."""
        if time.monotonic() < self._contended_until:
            time.sleep(0.0005)


def connect_to_write(path: str, synchronous: str, patience: Patience) -> apsw.Connection:
    """Return the connection of a writer: WAL, without checkpoints of its own accord."""
    connection = apsw.Connection(path)
    connection.set_busy_handler(patience)
    connection.pragma("synchronous", synchronous)
    connection.pragma("fullfsync", True)  # on macOS an fsync by itself does not reach the disk
    mode = _patiently(lambda: connection.pragma("journal_mode", "wal"))
    if mode != "wal":
        raise Unavailable(f"{path}: the file system does not offer what WAL needs", "put the file on a local disk")
    connection.wal_autocheckpoint(0)
    connection.pragma("cache_size", -65_536)  # KiB
    return connection


def connect_to_read(path: str) -> apsw.Connection:
    """Return a connection that refuses to write; the file must exist."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
    connection.wal_autocheckpoint(0)
    connection.pragma("query_only", True)
    return connection


def connect_to_checkpoint(path: str) -> apsw.Connection:
    """Return a connection that copies the log back into the file."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.wal_autocheckpoint(0)
    connection.pragma("schema_version")  # before it has read something it does not know that there is a log
    return connection


def _patiently(call: Callable[[], T]) -> T:
    """Repeat a call that SQLite answers with "busy" without asking the busy handler, as for the change to WAL."""
    patience, calls = Patience(), 0
    while True:
        try:
            return call()
        except apsw.BusyError:
            if not patience(calls):
                raise
            calls += 1


def free_space(path: str) -> float:
    """Return the bytes that are free on the disk under a file; inf where nobody can say."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return math.inf  # it was moved or removed, which its writer finds out
    return disk.f_bavail * disk.f_frsize


def close(connection: apsw.Connection | None) -> None:
    """Close a connection; what SQLite says to that is of no use to anybody."""
    if connection is not None:
        with suppress(apsw.Error):
            connection.close()
