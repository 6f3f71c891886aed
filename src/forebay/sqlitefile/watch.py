"""The commits of other processes are noticed, without a lock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import apsw

from forebay.sqlitefile.connections import close, connect_to_read

LOOK_SECONDS: Final = 0.01


class Watcher:
    """Who wants to be woken, on which loop."""

    __slots__ = ("loop", "name", "woken")

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, woken: Callable[[], None]) -> None:
        self.name = name
        self.loop = loop
        self.woken = woken

    def wake(self) -> None:
        """Call `woken` on its loop, from any thread."""
        with suppress(RuntimeError):  # that loop is closed; nobody waits there any more
            self.loop.call_soon_threadsafe(self.woken)


class Watch:
    """Notices the commits of other processes, by a counter in shared memory that SQLite reads without writing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._watchers: set[Watcher] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, watcher: Watcher) -> Callable[[], None]:
        """Look on behalf of this watcher too; return what ends that."""
        with self._changed:
            self._watchers.add(watcher)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"forebay watch of {self._path}", daemon=True)
            self._thread.start()
        return lambda: self._watchers.discard(watcher)

    def ring(self, name: str) -> None:
        """Wake those who watch this name."""
        for watcher in self._watchers.copy():
            if watcher.name == name:
                watcher.wake()

    def stop(self) -> None:
        """Return when the thread has ended."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        seen: int | None = None
        while self._await_watchers():
            try:
                connection = connection or connect_to_read(self._path)
                version = connection.pragma("data_version")
            except apsw.Error:
                version = None  # those who watch find out what is wrong
            if version != seen or version is None:
                seen = version
                for watcher in self._watchers.copy():
                    watcher.wake()
            time.sleep(LOOK_SECONDS)
        close(connection)

    def _await_watchers(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._watchers or self._stopped)
            return not self._stopped
