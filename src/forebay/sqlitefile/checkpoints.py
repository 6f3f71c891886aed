"""The log goes back into the file beside the writer, so that no commit waits for it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

import apsw

from forebay.sqlitefile.connections import Patience, close, connect_to_checkpoint, free_space

PAGE: Final = 4096
"""Bytes of a page, and of what is copied at once."""
LITTLE: Final = 256 << 20
"""Bytes of free space; what is written between two looks is a small part of it."""


class Checkpoints:
    """Copies the log back into the file in a thread beside the writer, so that no commit waits for it.

    The log starts anew only when all of it is copied at a moment when nobody writes; under a steady load that moment
    never comes by itself. So the writer copies the short rest itself once the log is long; and once it is longer than
    what is free on the disk, it gives the space back.
    """

    # In pages. Many small copies disturb the commits less than few large ones: at 30,000 inserts a second of 1 KB, the
    # p99 of a commit was 5 to 8 ms with 250, 13 to 29 ms with 1,000, 25 to 90 ms with 4,000.
    WORTH_IT = 250
    SHORT_REST = 1_000
    LONG = 16_384
    PATIENT_MS = 100

    def __init__(self, path: str, patience: Patience) -> None:
        self._path = path
        self._patience = patience
        self._wanted = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def consider(self, writer: apsw.Connection) -> bool:
        """Look how long the log is, and have it copied when that is worth while; called by the writer.

        Returns whether there is so little space on the disk that each commit may be one too many without a look.
        """
        free = free_space(self._path)
        with suppress(apsw.Error):  # somebody else is at it; or no space: the next commit will say so
            pages, copied = writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
            if 2 * pages * PAGE > free:  # the file may grow by as much before the log is shorter
                self.shorten(writer)
            elif pages >= self.LONG and (pages - copied < self.SHORT_REST or pages >= 8 * self.LONG):
                writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            elif pages - copied >= self.WORTH_IT:
                self._want()
        return free < LITTLE

    def shorten(self, writer: apsw.Connection) -> None:
        """Give the space of the log back to a disk that has little; called by the writer, outside of a transaction."""
        writer.set_busy_timeout(self.PATIENT_MS)  # whoever reads for long is not waited for: there is another time
        with suppress(apsw.Error):
            writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        writer.set_busy_handler(self._patience)

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
