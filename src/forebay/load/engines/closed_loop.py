"""The closed loop: so many connections, and each fires again as soon as it has its answer (wrk -c)."""

from __future__ import annotations

import time
from typing import Any

from forebay.load.engines.book import Fired
from forebay.load.engines.engine import NEVER, REST_NANOSECONDS, Engine
from forebay.load.shot import Kind, UsedUp
from forebay.load.wire.connection import Connection

_clock = time.perf_counter_ns


class ClosedLoop(Engine):
    """Fires over each of its connections again when the answer has come; what is planned is the instant of that."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: list[Fired] = []

    def _shoot(self, now: int) -> int:
        if self._ended(now):
            return NEVER
        while len(self._connections) < self._limit and now >= self._not_before:
            if not self._open(now):
                self._not_before = now + REST_NANOSECONDS
        return self._until if len(self._connections) >= self._limit else self._not_before

    def _free(self, connection: Connection, now: int) -> None:
        if self._stopping or now >= self._until:
            self._drop(connection)
            return
        if self._kept:
            index, _, _, loaded, _ = self._kept.pop()
            self._send(connection, index, now, now, loaded)
            return
        try:
            index, loaded = self._magazine.take()
        except UsedUp:
            self._stopping = True
            self._drop(connection)
            return
        self._send(connection, index, now, now, loaded)

    def _again(self, fired: Fired) -> None:
        self._kept.append(fired)

    def _ended(self, now: int) -> bool:
        return self._stopping or now >= self._until

    def _over(self) -> bool:
        return self._ended(_clock()) and not self._busy

    def _unopened(self, reason: str) -> None:
        """Count an attempt that found nobody as a shot that was refused."""
        now = _clock()
        self._not_before = now + REST_NANOSECONDS
        try:
            index, loaded = self._magazine.take()
        except UsedUp:
            self._stopping = True
            return
        self._book.failed((index, now, now, loaded, 0), Kind.REFUSED, reason)

    def _unsent(self) -> list[Fired]:
        unsent, self._kept = self._kept, []
        return unsent
