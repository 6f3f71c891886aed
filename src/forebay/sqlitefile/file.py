"""The file as its users see it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import ClassVar, TypeVar

import apsw

from forebay.errors import Unavailable, UsageError
from forebay.sqlitefile.connections import check_version, close, connect_to_read, explained
from forebay.sqlitefile.threads import Operation, Reading, Worker, Writing
from forebay.sqlitefile.watch import Watch, Watcher

T = TypeVar("T")


class SQLiteFile:
    """A file that this process has open, shared by all who open the same path; made by :meth:`open`."""

    _open: ClassVar[dict[tuple[str, str], SQLiteFile]] = {}
    _inherited: ClassVar[list[SQLiteFile]] = []  # kept for ever: closing them in a forked child would harm the parent
    _registry: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: str, synchronous: str) -> None:
        self.path = path
        self._key = (path, synchronous)
        self._users = 0
        self._forked = False
        self._writer = Worker(f"forebay writer of {path}", Writing(path, synchronous))
        self._reader = Worker(f"forebay reader of {path}", Reading(path))
        self._watch = Watch(path)

    @classmethod
    async def open(cls, path: str, schema: str, synchronous: str = "full") -> SQLiteFile:
        """Return the file of this path with the tables of `schema` in it; each opening needs its own `close`.

        Arguments:
            path: of the file; its folder must exist.
            schema: statements that may be run again and again (``CREATE ... IF NOT EXISTS``).
            synchronous: ``full``: a commit survives a power cut; ``normal``: only the death of the process.

        Raises:
            UsageError: this SQLite is too old to be trusted, or the path names no file.
            Unavailable: the file cannot be opened, read or written.
        """
        check_version()
        if not path or path == ":memory:":
            raise UsageError(f"{path!r} is not the path of a file", "write sqlite:///orders.db, or memory://")
        if synchronous not in {"full", "normal"}:
            raise UsageError(f"synchronous is full or normal, not {synchronous!r}")
        key = (os.path.realpath(path), synchronous)  # noqa: ASYNC240 - it does not wait for a disk that SQLite could use
        with cls._registry:
            file = cls._open.get(key) or cls._open.setdefault(key, cls(*key))
            file._users += 1
        try:
            await file.write(lambda connection: _drain(connection, schema))
        except BaseException:
            await file.close()
            raise
        return file

    async def write(self, operation: Operation[T]) -> T:
        """Run an operation in the writer thread, and return its result once it is committed.

        It shares a transaction with whatever else waits. Its exception undoes only itself. It may be run a second time
        (when a neighbour failed, all are undone and run again), so it must touch nothing but the connection.

        Raises:
            Unavailable: certainly nothing was written.
            Unknown: the disk failed in the middle of a commit.
        """
        return await self.write_soon(operation)

    def write_soon(self, operation: Operation[T]) -> asyncio.Future[T]:
        """Do as `write` does, and return the future; to cancel the future does not undo the operation."""
        self._check()
        return self._writer.submit(operation)

    async def read(self, operation: Operation[T]) -> T:
        """Run an operation on a read-only connection in the reader thread, on one snapshot of the file.

        Raises:
            Unavailable: the file cannot be read.
        """
        self._check()
        return await self._reader.submit(operation)

    def watch(self, name: str, woken: Callable[[], None]) -> Callable[[], None]:
        """Call `woken` on the running loop at each `ring` of `name`, and within 10 ms after any process commits.

        Looking takes no write lock and no fsync, and costs nothing while nobody watches. Returns what ends it.
        """
        self._check()
        return self._watch.add(Watcher(name, asyncio.get_running_loop(), woken))

    def ring(self, name: str) -> None:
        """Wake at once those in this process who watch `name`."""
        self._watch.ring(name)

    async def close(self) -> None:
        """Let go of the file; the last one to do so waits until what was begun is committed."""
        with self._registry:
            self._users -= 1
            if self._users or self._forked:
                return
            self._open.pop(self._key, None)
        await asyncio.to_thread(self._watch.stop)
        await self._reader.stop()
        await self._writer.stop()  # the last connection to close tidies the log away

    def _check(self) -> None:
        if self._forked:
            raise Unavailable(f"{self.path} was opened before the fork of this process", "open it after the fork")
        if not self._users:
            raise Unavailable(f"{self.path} is closed")

    @classmethod
    def _after_fork(cls) -> None:
        cls._registry = threading.Lock()
        for file in cls._open.values():
            file._forked = True
        cls._inherited += cls._open.values()
        cls._open.clear()


os.register_at_fork(after_in_child=SQLiteFile._after_fork)


async def look(path: str, operation: Operation[T]) -> T:
    """Run an operation on a file that need not be open here, without changing anything, even its mode.

    Raises:
        Unavailable: there is no such file, or it cannot be read.
    """
    return await asyncio.to_thread(_look, path, operation)


def _look(path: str, operation: Operation[T]) -> T:
    connection = None
    try:
        connection = connect_to_read(path)
        connection.execute("BEGIN")  # one view of the file for all that is read
        return operation(connection)
    except apsw.Error as error:
        raise explained(error, path) from error
    finally:
        close(connection)


def _drain(connection: apsw.Connection, statements: str) -> None:
    for _ in connection.execute(statements):
        pass
