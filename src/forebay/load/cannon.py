"""The cannon: fires shots at the instants of a profile, whatever the answers do (open loop), over HTTP/1.1 keep-alive.

A shot that finds no free connection waits, and its response time counts from the plan all the same: a server that
stalls is measured as its users would feel it. There is no task and no timer per shot: one task paces, one sweep looks
for what took too long, and the rest happens when bytes come.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from forebay.errors import UsageError
from forebay.load.connection import Connection, Target
from forebay.load.profile import Profile
from forebay.load.run import Kind, Outcome, Run, Shot

Ammo = Callable[[int], Shot]
"""Makes the shot of an index, 0, 1, 2 ...; called when it is due, before anything of it is sent."""

OnOutcome = Callable[[Outcome], None]

_BURST = 64
"""Overdue shots fired at most before the answers get their turn."""


class _Fired:
    """A shot on its way."""

    __slots__ = ("id", "index", "planned", "request", "sent")

    def __init__(self, index: int, id: str, request: bytes, planned: int) -> None:
        self.index = index
        self.id = id
        self.request = request
        self.planned = planned
        self.sent = 0


class Cannon:
    """Fires one run at one URL; `run` holds the figures, also while it goes on.

    Arguments:
        url: ``http://host:port/path``.
        ammo: see `Ammo`.
        on_outcome: called once with the outcome of each shot; an exception of it ends the run.
        connections: opened at most at once; shots beyond them wait, and after `timeout` without one are refused.
        timeout: seconds after the sending at which an answer is given up: the outcome is unknown, never failed.

    Raises:
        UsageError: a URL or number that has no meaning.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        seconds: float,
        ammo: Ammo,
        *,
        on_outcome: OnOutcome | None = None,
        connections: int = 1000,
        timeout: float = 10.0,
    ) -> None:
        if not (connections >= 1 and timeout > 0 and seconds > 0):
            raise UsageError("a run needs a duration, a timeout and a connection", "all three are above 0")
        self.run = Run(url, str(profile), seconds)
        self._target = Target(url)
        self._profile = profile
        self._seconds = seconds
        self._ammo = ammo
        self._on_outcome = on_outcome
        self._connections = connections
        self._timeout = timeout
        self._waiting: deque[_Fired] = deque()
        self._made: set[Connection] = set()
        self._idle: list[Connection] = []
        self._busy: dict[Connection, _Fired] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._failure: Exception | None = None

    async def fire(self, stop: asyncio.Event | None = None) -> Run:
        """Fire all shots, wait for their answers, and return the run.

        When `stop` is set no more are fired, and what is in flight is waited for. When the caller's task is cancelled
        everything ends at once: what was sent and not answered is unknown, and the run that is returned says that it
        was interrupted. (The cancellation is thereby answered; it is not raised again.)
        """
        self.run.started_at, self.run.zero = time.time(), time.perf_counter_ns()
        pacing = asyncio.create_task(self._pace())
        sweeping = asyncio.create_task(self._sweep())
        stopping = asyncio.create_task((stop or asyncio.Event()).wait())
        try:
            await asyncio.wait({pacing, stopping, sweeping}, return_when=asyncio.FIRST_COMPLETED)
            if not pacing.done():
                self.run.interrupted = True
                pacing.cancel()
            elif (error := pacing.exception()) is not None:
                raise error
            while self.run.in_flight and self._failure is None:
                self._quiet.clear()
                await self._quiet.wait()
        except asyncio.CancelledError:
            self.run.interrupted = True
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        finally:
            await self._end(pacing, sweeping, stopping)
        if self._failure is not None:
            raise self._failure
        return self.run

    async def _pace(self) -> None:
        zero, overdue = self.run.zero, 0
        for index, t in enumerate(self._profile.shots(self._seconds)):
            planned = zero + round(t * 1e9)
            while (ahead := planned - time.perf_counter_ns()) > 0:
                overdue = 0
                await asyncio.sleep(ahead / 1e9)  # may wake early by the grain of the loop's clock
            overdue += 1
            if overdue % _BURST == 0:
                await asyncio.sleep(0)
            shot = self._ammo(index)
            fired = _Fired(index, shot.id, self._target.encode(shot), planned)
            self.run.note_planned(planned)
            self._waiting.append(fired)
            self._dispatch()
        await asyncio.sleep(max(0.0, self._seconds - (time.perf_counter_ns() - zero) / 1e9))

    def _dispatch(self) -> None:
        """Send what waits over what is idle, and open connections for the rest."""
        while self._waiting and self._idle:
            self._send(self._idle.pop(), self._waiting.popleft())
        wanted = len(self._waiting) - len(self._opening)
        allowed = self._connections - len(self._opening) - len(self._busy) - len(self._idle)
        for _ in range(min(wanted, allowed)):
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _send(self, connection: Connection, fired: _Fired) -> None:
        fired.sent = time.perf_counter_ns()
        self._busy[connection] = fired
        self.run.note_sent(fired.planned, fired.sent)
        connection.send(fired.request)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                _, connection = await loop.create_connection(self._new_connection, self._target.host, self._target.port)
        except OSError as error:  # TimeoutError is one
            if self._waiting:
                self._refuse(self._waiting.popleft(), f"no connection: {error.strerror or 'no answer in time'}")
            return
        if connection.usable:
            self._idle.append(connection)

    def _new_connection(self) -> Connection:
        connection = Connection(self._answered, self._lost)
        self._made.add(connection)
        return connection

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self._fail(error)
            else:
                self._dispatch()

    def _answered(self, connection: Connection, status: int, headers: dict[str, str], body: bytes) -> None:
        fired = self._busy.pop(connection)
        if connection.usable:
            self._idle.append(connection)
        self._ended(fired, Kind.ANSWERED, status, headers, body)
        self._dispatch()

    def _lost(self, connection: Connection, reason: str) -> None:
        self._made.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        fired = self._busy.pop(connection, None)
        if fired is not None:
            self._ended(fired, Kind.UNKNOWN, reason=reason)
        self._dispatch()

    def _refuse(self, fired: _Fired, reason: str) -> None:
        self._ended(fired, Kind.REFUSED, reason=reason)

    def _ended(
        self,
        fired: _Fired,
        kind: Kind,
        status: int = 0,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        reason: str = "",
    ) -> None:
        done = time.perf_counter_ns()
        outcome = Outcome(
            fired.index, fired.id, kind, status, fired.planned, fired.sent, done, headers or {}, body, reason
        )
        self.run.note(outcome)
        if self._on_outcome is not None:
            try:
                self._on_outcome(outcome)
            except Exception as error:
                self._fail(error)
        if not self.run.in_flight:
            self._quiet.set()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and isinstance(error, Exception):
            self._failure = error
        self._quiet.set()

    async def _sweep(self) -> None:
        """Give up what took too long; return when the run has failed."""
        while self._failure is None:
            await asyncio.sleep(min(0.1, self._timeout / 4))
            too_old = time.perf_counter_ns() - round(self._timeout * 1e9)
            for connection in [c for c, fired in self._busy.items() if fired.sent < too_old]:
                connection.abort()
                self._made.discard(connection)
                self._ended(self._busy.pop(connection), Kind.UNKNOWN, reason="no answer in time")
            while self._waiting and self._waiting[0].planned < too_old:
                self._refuse(self._waiting.popleft(), "no connection was free in time")
            self._dispatch()

    async def _end(self, *tasks: asyncio.Task[Any]) -> None:
        """Leave nothing behind: no task, no connection, no shot without an outcome."""
        waiting, self._waiting = self._waiting, deque()
        for task in (*tasks, *self._opening):
            task.cancel()
        for fired in waiting:
            self._refuse(fired, "interrupted before it was sent")
        for fired in self._busy.values():
            self._ended(fired, Kind.UNKNOWN, reason="interrupted before the answer")
        for connection in self._made:  # those that are only being opened, too
            connection.abort()
        self._busy.clear()
        self._idle.clear()
        await asyncio.gather(*tasks, *self._opening, return_exceptions=True)
        self.run.elapsed_seconds = (time.perf_counter_ns() - self.run.zero) / 1e9


async def fire(
    url: str,
    profile: Profile,
    seconds: float,
    ammo: Ammo,
    on_outcome: OnOutcome | None = None,
    *,
    connections: int = 1000,
    timeout: float = 10.0,
    stop: asyncio.Event | None = None,
) -> Run:
    """Fire one run and return its figures; see `Cannon` and `Cannon.fire`."""
    cannon = Cannon(url, profile, seconds, ammo, on_outcome=on_outcome, connections=connections, timeout=timeout)
    return await cannon.fire(stop)
