"""The log goes back into the file beside the writer, so that no commit waits for it."""

from __future__ import annotations

import threading
from contextlib import suppress

import apsw

from forebay.sqlitefile.connections import close, connect_to_checkpoint


class Checkpoints:
    """Copies the log back into the file in a thread beside the writer, so that no commit waits for it.

    The log starts anew only when all of it is copied at a moment when nobody writes; under a steady load that moment
    never comes by itself. So the writer copies the short rest itself once the log is long.
    """

    # In pages. Many small copies disturb the commits less than few large ones: at 30,000 inserts a second of 1 KB, the
    # p99 of a commit was 5 to 8 ms with 250, 13 to 29 ms with 1,000, 25 to 90 ms with 4,000.
    WORTH_IT = 250
    SHORT_REST = 1_000
    LONG = 16_384

    def __init__(self, path: str) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def consider(self, writer: apsw.Connection) -> None:
        """Look how long the log is, and have it copied when that is worth while; called by the writer."""
        with suppress(apsw.Error):  # somebody else is at it; or no space: the next commit will say so
            pages, copied = writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
            if pages >= self.LONG and (pages - copied < self.SHORT_REST or pages >= 8 * self.LONG):
                writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            elif pages - copied >= self.WORTH_IT:
                self._want()

    def _want(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"forebay checkpoints of {self._path}", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        connection = None
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopped:
                return close(connection)
            with suppress(apsw.Error):  # what is wrong with the file is the writer's to report
                connection = connection or connect_to_checkpoint(self._path)
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
