"""The open loop: shots go at the instants of a plan, whatever the answers do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from forebay.load.engines.book import Fired
from forebay.load.engines.engine import NEVER, REST_NANOSECONDS, Engine
from forebay.load.profiles.profile import Rush
from forebay.load.results.figures import NANOSECONDS
from forebay.load.shot import Kind, UsedUp
from forebay.load.wire.connection import Connection

_BURST = 64
"""Overdue shots fired at most before the answers get their turn."""

_clock = time.perf_counter_ns


class OpenLoop(Engine):
    """Fires at the instants of a plan, whatever the answers do.

    Arguments:
        plan: instants, seconds since the beginning, rising; and rushes, in which a shot is due whenever a connection is
            free.
    """

    def __init__(self, *args: Any, plan: Iterator[float | Rush], **options: Any) -> None:
        super().__init__(*args, **options)
        self._plan = plan
        self._next: int | None = None
        self._rush: Rush | None = None
        """In nanoseconds, as all instants here."""
        self._ended = False
        self._waiting: deque[Fired] = deque()
        self._idle: dict[int, Connection] = {}
        """By file number; the one used last stands last, and is used next."""

    def _shoot(self, now: int) -> int:
        if self._stopping:
            self._ended = True
        for _ in range(_BURST):
            due = self._due_at()
            if due > now:
                break
            if self._rush is not None:
                return self._hurry(now, self._rush)
            self._next = None
            self._take(due)
        if self._waiting:
            self._open_more()
        return self._due_at()

    def _hurry(self, now: int, rush: Rush) -> int:
        """Fire over every connection that is free or may still be opened; return when the rush is over."""
        if now >= rush.end:
            self._rush = None
            return now
        openable = self._limit - len(self._connections) + len(self._opening) if now >= self._not_before else 0
        while (self._idle or len(self._waiting) < openable) and not self._ended:
            self._take(now)
        self._open_more()
        return NEVER if self._ended else int(min(rush.end, max(now, self._not_before) + REST_NANOSECONDS))

    def _due_at(self) -> int:
        """Return the instant of what is next, a shot or a rush; after the last never."""
        if self._ended:
            return NEVER
        if self._rush is not None:
            return int(self._rush.begin)
        if self._next is None:
            item = next(self._plan, None)
            if item is None:
                self._ended = True
                return NEVER
            if isinstance(item, Rush):
                self._rush = Rush(self._instant(item.begin), self._instant(item.end))
                return int(self._rush.begin)
            self._next = self._instant(item)
        return self._next

    def _instant(self, seconds: float) -> int:
        return self._run.zero + round(seconds * NANOSECONDS)

    def _take(self, due: int) -> None:
        try:
            index, loaded = self._magazine.take()
        except UsedUp:
            self._ended = self._stopping = True
            return
        self._waiting.append((index, due, _clock(), loaded, 0))
        while self._idle and self._waiting:
            self._use(self._idle.popitem()[1])

    def _use(self, connection: Connection) -> None:
        index, planned, taken, loaded, _ = self._waiting.popleft()
        self._send(connection, index, planned, taken, loaded)

    def _again(self, fired: Fired) -> None:
        self._waiting.appendleft(fired)

    def _open_more(self) -> None:
        """Open as many connections as shots wait for one, within the limit."""
        while len(self._opening) < len(self._waiting) and len(self._connections) < self._limit:
            if not self._open(_clock()):
                return

    def _free(self, connection: Connection, now: int) -> None:
        if self._waiting:
            self._use(connection)
        else:
            self._idle[connection.fd] = connection

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection.fd, None)
        super()._drop(connection)

    def _over(self) -> bool:
        if not self._ended or self._busy or self._waiting:
            return False
        return self._stopping or _clock() >= self._until

    def _unopened(self, reason: str) -> None:
        self._not_before = _clock() + REST_NANOSECONDS
        if self._waiting:
            self._book.failed(self._waiting.popleft(), Kind.REFUSED, reason)

    def _unsent(self) -> list[Fired]:
        unsent = list(self._waiting)
        self._waiting.clear()
        return unsent

    def _look(self, now: int) -> None:
        too_old = now - self._timeout
        while self._waiting and self._waiting[0][1] < too_old:
            self._book.failed(self._waiting.popleft(), Kind.REFUSED, "no connection was free in time")
        super()._look(now)
