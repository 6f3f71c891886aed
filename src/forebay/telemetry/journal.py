"""The journal: a row for every message as it ends, from which `forebay fit` learns what model a service is.

Rows are CSV under `COLUMNS`. A thread of its own writes them: the event loop never waits for the disk, and a disk
that is full ends the journal with one line in the log, not the service.
"""

from __future__ import annotations

import asyncio
import csv
import heapq
import io
import logging
import os
import threading
from collections import deque
from typing import Any, BinaryIO

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import UsageError
from forebay.events import Accepted, Event, Finished, Refused, Started

COLUMNS = ("topic", "id", "accepted", "started", "ended", "attempt", "worker", "outcome")
"""Names of the columns; instants are seconds since the epoch, what is not known is empty."""

FLUSH_SECONDS = 0.5
_HEADER = (",".join(COLUMNS) + "\n").encode()
_COMMITS = 100_000
"""Commits remembered at most; older ones were worked off by other processes."""
_NO_PLACE = frozenset({"full", "limit"})

Row = tuple[Any, ...]

log = logging.getLogger("forebay.telemetry")


class Journal:
    """A listener that writes what became of each message; a context manager.

    One row is written for each attempt as it ends, and one for each refusal for want of a place. `close` writes those
    that have not ended, with the outcome ``unfinished``; which of the accepted these are, is told as if the first had
    been taken first.

    Arguments:
        path: a file; what stands in it already is kept, and the rows follow.
        works: whether this process works off; if not, a row is written for each message as it is accepted, with the
            outcome ``accepted``.
        clock: of the instants; the one by which messages are accepted.

    Raises:
        UsageError: the file cannot be written, or holds something else.
    """

    def __init__(self, path: str, *, works: bool = True, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path
        self._works = works
        self._clock = clock
        self._file = _opened(path)
        self._rows: deque[Row] = deque()
        self._begun: dict[tuple[str, str], Row] = {}
        """By topic and id: accepted, started, attempt, worker."""
        self._commits: dict[str, deque[list[float]]] = {}
        """By topic: the instants of commits, and how many of each were not begun yet."""
        self._early: dict[str, int] = {}
        """By topic: how many were begun before their commit was told."""
        self._workers = _Workers()
        self._ending = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="forebay-journal", daemon=True)
        self._writer.start()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Note one event."""
        match event:
            case Started():
                self._start(event)
            case Finished():
                self._finish(event)
            case Accepted():
                self._accept(event)
            case Refused() if event.reason in _NO_PLACE:
                self._rows.append((event.topic, "", self._clock.time(), "", "", "", "", "refused"))

    def close(self) -> None:
        """Write what has not ended, and everything else to the last row."""
        if self._ending.is_set():
            return
        for (topic, id), (accepted, started, attempt, worker) in self._begun.items():
            self._rows.append((topic, id, accepted, started, "", attempt, worker, "unfinished"))
        for topic, commits in self._commits.items():
            for instant, count in commits:
                self._rows.extend([(topic, "", instant, "", "", "", "", "unfinished")] * int(count))
        self._ending.set()
        self._writer.join()
        self._file.close()

    def _accept(self, event: Accepted) -> None:
        now, topic = self._clock.time(), event.topic
        if not self._works:
            self._rows.extend([(topic, "", now, "", "", "", "", "accepted")] * event.count)
            return
        early = min(self._early.get(topic, 0), event.count)
        if early:
            self._early[topic] -= early
        if event.count > early:
            self._commits.setdefault(topic, deque(maxlen=_COMMITS)).append([now, event.count - early])

    def _start(self, event: Started) -> None:
        # Not by our clock: the process may have stood still since the handler began, and two would seem to be at work.
        accepted = event.accepted_at or self._clock.time() - event.wait_seconds
        began = accepted + event.wait_seconds
        self._begun[event.topic, event.id] = accepted, began, event.attempt, self._workers.number()
        if event.attempt > 1:
            return
        commits = self._commits.get(event.topic)
        if not commits:
            self._early[event.topic] = self._early.get(event.topic, 0) + 1
            return
        commits[0][1] -= 1
        if not commits[0][1]:
            commits.popleft()

    def _finish(self, event: Finished) -> None:
        begun = self._begun.pop((event.topic, event.id), None)
        accepted = begun[0] if begun else self._clock.time() - event.total_seconds
        ended = accepted + event.total_seconds
        worker = begun[3] if begun else ""
        started = ended - event.work_seconds
        self._rows.append((event.topic, event.id, accepted, started, ended, event.attempt, worker, event.outcome))

    def _write_on(self) -> None:
        """Write what has gathered, again and again, until the end or until the disk refuses."""
        try:
            while not self._ending.wait(FLUSH_SECONDS):
                self._write()
            self._write()
        except OSError as error:
            log.error("the journal %s ends here, the service goes on: %s", self._path, error.strerror or error)
            while not self._ending.wait(FLUSH_SECONDS):
                self._rows.clear()

    def _write(self) -> None:
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        if rows:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(map(_written, rows))
            data = memoryview(text.getvalue().encode())
            while data:
                data = data[self._file.write(data) :]


class _Workers:
    """Numbers for the tasks that do the work, the smallest that is free."""

    def __init__(self) -> None:
        self._of: dict[asyncio.Task[Any], int] = {}
        self._free: list[int] = []

    def number(self) -> int | str:
        """Return the number of the task that calls; nothing outside of one."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is None:
            return ""
        if task not in self._of:
            self._of[task] = heapq.heappop(self._free) if self._free else len(self._of)
            task.add_done_callback(self._release)
        return self._of[task]

    def _release(self, task: asyncio.Task[Any]) -> None:
        heapq.heappush(self._free, self._of.pop(task))


def _written(row: Row) -> Row:
    """Return a row with its instants to the microsecond, which is finer than clocks agree."""
    return tuple(f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row)


def _opened(path: str) -> BinaryIO:
    """Open a journal for more rows; a last row that a full disk cut off is taken away.

    It is not buffered: a write is a number of whole rows, so that several processes may share one file.
    """
    try:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 - it stays open as long as the journal
        file.seek(0)
        held = file.read(len(_HEADER))
        if held != _HEADER[: len(held)]:
            file.close()
            raise UsageError(f"{path} is not a journal: its first line is another one", "name a new file")
        if len(held) < len(_HEADER):
            file.truncate(0)
            file.write(_HEADER)
        else:
            file.truncate(_whole(file))
    except OSError as error:
        raise UsageError(f"the journal {path} cannot be written: {error.strerror}", "name another file") from error
    return file


def _whole(file: BinaryIO) -> int:
    """Return the size up to the end of the last whole row."""
    size = file.seek(0, os.SEEK_END)
    begin = max(0, size - 65_536)
    file.seek(begin)
    return begin + file.read().rfind(b"\n") + 1
