"""Operations that wait are taken in groups by a thread: one transaction for all writes of a group."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import apsw

from forebay.errors import Unavailable
from forebay.sqlitefile.checkpoints import Checkpoints
from forebay.sqlitefile.connections import Patience, close, connect_to_read, connect_to_write, explained

T = TypeVar("T")
Operation = Callable[[apsw.Connection], T]

GROUP_LIMIT: Final = 512  # operations in one transaction, so that the first does not wait for ever
RELIEF_SECONDS: Final = 0.001  # how often a loop looks whether the thread gets on with its work
NAP_SECONDS: Final = 0.00005
LOOK_SECONDS: Final = 0.02  # how often the writer looks at its file and the length of its log


class Worker:
    """A thread that takes what waits in groups, and answers each group with one call into the loop."""

    def __init__(self, name: str, task: Writing | Reading) -> None:
        self._waiting: SimpleQueue[Job | None] = SimpleQueue()
        self._task = task
        self._ended = threading.Event()
        self._idle = True
        self._groups = 0
        self._relieved: asyncio.AbstractEventLoop | None = None
        # A daemon: a program whose loop died without closing must still be able to end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[T]) -> asyncio.Future[T]:
        """Let an operation wait for its group; its future belongs to the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.put(Job(operation, future, loop))
        if self._relieved is not loop:
            self._relieved = loop
            loop.call_later(RELIEF_SECONDS, self._relieve, loop, self._groups)
        return future

    def _relieve(self, loop: asyncio.AbstractEventLoop, groups_before: int) -> None:
        """Let the thread have the interpreter when it has work and does not get on with it.

        A loop that is never idle takes the interpreter's lock back, after each short release, before the thread has
        woken up: the thread would starve for seconds, whatever the switch interval (bpo-7946). A nap that is longer
        than waking up takes ends that.
        """
        if self._relieved is not loop:
            return
        if self._idle and self._waiting.empty():
            self._relieved = None
            return
        if self._groups == groups_before:
            time.sleep(NAP_SECONDS)
        loop.call_later(RELIEF_SECONDS, self._relieve, loop, self._groups)

    async def stop(self) -> None:
        """Return when all that waited is done and the connection is closed."""
        self._waiting.put(None)
        await asyncio.shield(asyncio.to_thread(self._ended.wait))

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._task.run(group)
                self._groups += 1
                _answer(group)
        self._task.close()
        self._ended.set()

    def _gather(self) -> tuple[list[Job], bool]:
        self._idle = True
        job = self._waiting.get()
        self._idle = False
        group: list[Job] = []
        try:
            while job is not None:
                group.append(job)
                if len(group) == GROUP_LIMIT:
                    return group, True
                job = self._waiting.get_nowait()
        except Empty:
            return group, True
        return group, False


class Job:
    """An operation that waits for its turn, and where its answer goes."""

    __slots__ = ("error", "future", "loop", "operation", "result")

    def __init__(self, operation: Operation[Any], future: asyncio.Future[Any], loop: Any) -> None:
        self.operation = operation
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None


def _answer(group: list[Job]) -> None:
    loops = {job.loop for job in group}
    for loop in loops:
        with suppress(RuntimeError):  # that loop is closed; nobody waits there any more
            loop.call_soon_threadsafe(_resolve, group if len(loops) == 1 else [j for j in group if j.loop is loop])


def _resolve(group: list[Job]) -> None:
    for job in group:
        if job.future.done():  # its caller was cancelled
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)


class Writing:
    """What the writer thread does with a group: one transaction."""

    def __init__(self, path: str, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._connection: apsw.Connection | None = None
        self._patience = Patience()
        self._checkpoints = Checkpoints(path, self._patience)
        self._inode = 0
        self._look_at = 0.0

    def run(self, group: list[Job]) -> None:
        """Commit a group, and leave in each job its result or its error."""
        try:
            connection = self._ready()
            self._patience.leave_room()
            try:
                self._commit_all(connection, group)
            except (apsw.FullError, Unavailable) as error:
                if not isinstance(error.__cause__ or error, apsw.FullError):
                    raise
                self._roll_back()
                self._checkpoints.shorten(connection)
                self._commit_all(connection, group)
        except BaseException as error:  # this thread answers everybody, whatever happened
            self._roll_back()
            for job in group:
                job.error = explained(error, self._path)

    def _commit_all(self, connection: apsw.Connection, group: list[Job]) -> None:
        if not self._commit(connection, group, _run_plainly):
            self._commit(connection, group, _run_apart)

    def _commit(
        self, connection: apsw.Connection, group: list[Job], run: Callable[[apsw.Connection, list[Job]], bool]
    ) -> bool:
        """Run the group in one transaction; False when an operation failed and everything was undone."""
        connection.execute("BEGIN IMMEDIATE")
        if not run(connection, group):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            raise explained(error, self._path, committing=True) from error
        return True

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(apsw.Error):
                self._connection.execute("ROLLBACK")

    def _ready(self) -> apsw.Connection:
        """Return the connection; a few times a second also look at the file and at the length of its log."""
        now = time.monotonic()
        if self._connection is None:
            self._connection = connect_to_write(self._path, self._synchronous, self._patience)
            self._inode = os.stat(self._path).st_ino
        elif now >= self._look_at:
            self._refuse_when_moved()
            short = self._checkpoints.consider(self._connection)
            self._look_at = now + (0.0 if short else LOOK_SECONDS)
        return self._connection

    def _refuse_when_moved(self) -> None:
        try:
            moved = os.stat(self._path).st_ino != self._inode
        except OSError:
            moved = True
        if moved:  # SQLite would go on writing into a file that nobody can find any more
            raise Unavailable(f"{self._path} was moved or removed while it was open", "start the program again")

    def close(self) -> None:
        """End the thread of the checkpoints, and close the connection."""
        self._checkpoints.stop()
        close(self._connection)


def _run_plainly(connection: apsw.Connection, group: list[Job]) -> bool:
    try:
        for job in group:
            job.result = job.operation(connection)
    except Exception:
        return False
    return True


def _run_apart(connection: apsw.Connection, group: list[Job]) -> bool:
    """Run each operation in a savepoint of its own: the slow way, for a group in which one failed."""
    for job in group:
        connection.execute("SAVEPOINT one")
        try:
            job.result = job.operation(connection)
        except Exception as error:
            if not connection.in_transaction:  # SQLite gave up all of it: no space, no memory, a broken disk
                raise
            connection.execute("ROLLBACK TO one")
            job.error = explained(error, connection.filename)
        connection.execute("RELEASE one")
    return True


class Reading:
    """What the reader thread does with a group: each operation on a snapshot of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None

    def run(self, group: list[Job]) -> None:
        """Leave in each job its result or its error."""
        for job in group:
            try:
                if self._connection is None:
                    self._connection = connect_to_read(self._path)
                with self._connection:
                    job.result = job.operation(self._connection)
            except BaseException as error:  # this thread answers everybody, whatever happened
                job.error = explained(error, self._path)

    def close(self) -> None:
        """Close the connection."""
        close(self._connection)
