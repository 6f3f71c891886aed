"""The engine of the cannon: bare sockets under one epoll, in one thread that does nothing else.

A shot has three instants: planned, sent and done. One that finds no free connection waits, and its response time counts
from the plan all the same: a server that stalls is measured as its users would feel it. There is no timer for a shot:
the loop fires what is due, hears what has come, and looks ten times a second for what took too long.
"""

from __future__ import annotations

import os
import select
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable

from forebay.load.engines.book import Book, Fired, OnOutcome, OnRows
from forebay.load.engines.magazine import Loaded, Magazine
from forebay.load.results.figures import NANOSECONDS
from forebay.load.results.run import Run
from forebay.load.shot import Kind
from forebay.load.wire.answers import Answer
from forebay.load.wire.connection import Connection, Ended
from forebay.load.wire.target import Target

LOOK_NANOSECONDS = 100_000_000
SPIN_NANOSECONDS = 100_000
"""So long before an instant the loop stops sleeping, since a sleep may last that much longer."""
REST_NANOSECONDS = 10_000_000
"""After a connection could not be opened, before the next attempt of what is not bound to a plan."""
NEVER = 2**62
_EVENTS = 64
_SELECTABLE = 1024
"""File numbers below which select can be asked."""

_clock = time.perf_counter_ns


class Engine(ABC):
    """Fires one run; `fire` blocks until it has ended.

    Arguments:
        target: what is shot at. magazine: with what. run: where it is counted.
        seconds: the length of the run.
        on_outcome: called once with the outcome of each shot; an exception of it ends the run.
        on_look: called ten times a second, when `run` has been brought up to date. on_rows: see `OnRows`.
        connections: open at most at once.
        timeout: seconds after the sending at which an answer is given up: the outcome is unknown, never failed.
    """

    def __init__(
        self,
        target: Target,
        magazine: Magazine,
        run: Run,
        *,
        seconds: float,
        connections: int,
        timeout: float,
        on_outcome: OnOutcome | None = None,
        on_look: Callable[[], None] | None = None,
        on_rows: OnRows | None = None,
    ) -> None:
        self._target = target
        self._magazine = magazine
        self._run = run
        self._seconds = round(seconds * NANOSECONDS)
        self._limit = connections
        self._timeout = round(timeout * NANOSECONDS)
        self._book = Book(run, magazine, on_outcome, on_rows)
        self._on_look = on_look
        self._places = len(target.addresses())
        self._place = 0
        """Of the address that worked last."""
        self._epoll = select.epoll()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._wakeup)  # not when the run ends: it may be stopped at that very moment
        self._epoll.register(self._wakeup, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._opening: dict[int, Connection] = {}
        self._stopping = self._halting = False
        self._not_before = 0
        self._until = NEVER

    # What others call, from any thread.

    def stop(self) -> None:
        """Fire no more; what is in flight is waited for."""
        self._stopping = True
        os.eventfd_write(self._wakeup, 1)

    def halt(self) -> None:
        """End at once: what was sent and not answered is unknown."""
        self._halting = True
        self.stop()

    def fire(self, zero: Callable[[], int] = _clock) -> None:
        """Fire until the run has ended, and leave nothing behind: no connection, no shot without an outcome.

        Arguments:
            zero: called when all is ready: returns the instant of `time.perf_counter_ns` at which the run begins.
        """
        run = self._run
        run.zero = zero()
        run.started_at = time.time() + (run.zero - _clock()) / NANOSECONDS
        looked = run.zero
        self._until = run.zero + self._seconds
        try:
            while not (self._halting or self._over()):
                now = _clock()
                due = self._shoot(now)
                if now - looked >= LOOK_NANOSECONDS:
                    looked = now
                    self._look(now)
                    if self._on_look is not None:
                        self._on_look()
                self._listen(min(due, looked + LOOK_NANOSECONDS))
        except BaseException:
            self._book.on_outcome = None  # it has said that it wants no more
            raise
        finally:
            self._end()

    # What a kind of engine decides.

    @abstractmethod
    def _shoot(self, now: int) -> int:
        """Fire what is due; return the instant of what comes next."""

    @abstractmethod
    def _free(self, connection: Connection, now: int) -> None:
        """Use a connection that has become ready and idle."""

    @abstractmethod
    def _again(self, fired: Fired) -> None:
        """Keep a shot for the next connection: the one that it was to go over was found dead."""

    @abstractmethod
    def _over(self) -> bool:
        """Whether nothing is to come and nothing is in flight."""

    @abstractmethod
    def _unopened(self, reason: str) -> None:
        """Learn that a connection could not be opened."""

    @abstractmethod
    def _unsent(self) -> list[Fired]:
        """Give up what is due and not sent."""

    @property
    def _busy(self) -> bool:
        """Whether an answer is waited for."""
        return any(connection.fired is not None for connection in self._connections.values())

    # The loop.

    def _listen(self, until: int) -> None:
        """Hear what has come; where nothing has, sleep until something does or `until` is near."""
        events = self._epoll.poll(0, _EVENTS)
        if events:
            for fd, event in events:
                self._hear(fd, event)
            return
        ahead = until - _clock() - SPIN_NANOSECONDS
        if ahead > 0:
            self._sleep(ahead / NANOSECONDS)

    def _sleep(self, seconds: float) -> None:
        """Sleep until something comes; epoll itself sleeps in whole milliseconds."""
        if self._epoll.fileno() < _SELECTABLE:
            select.select([self._epoll], [], [], seconds)
        else:
            self._epoll.poll(seconds, 1)

    def _hear(self, fd: int, event: int) -> None:
        connection = self._connections.get(fd)
        if connection is None:
            if fd == self._wakeup:
                os.eventfd_read(self._wakeup)
            return
        try:
            if connection.ready:
                answer = connection.proceed(event)
                if answer is not None:
                    self._answered(connection, answer)
            elif connection.open():
                self._opened(connection)
        except Ended as ended:
            self._lost(connection, str(ended))

    def _answered(self, connection: Connection, answer: Answer) -> None:
        done = _clock()
        fired, connection.fired = connection.fired, None
        self._book.answered(fired, done, answer)
        if answer.keep:
            connection.served = True
            self._free(connection, done)
        else:
            self._drop(connection)

    def _send(self, connection: Connection, index: int, planned: int, taken: int, loaded: Loaded) -> None:
        """Fire over a connection that is ready and idle; where it is found dead, nothing was, and it goes again."""
        connection.fired = (index, planned, taken, loaded, _clock())
        try:
            connection.send(loaded.request, loaded.bodiless)
        except Ended as ended:
            connection.fired = None
            self._drop(connection)
            self._unsendable((index, planned, taken, loaded, 0), connection.served, str(ended))

    def _unsendable(self, fired: Fired, served: bool, reason: str) -> None:
        """Send it again where the server had ended an idle connection; one that ends new ones would do so for ever."""
        if served:
            self._again(fired)
        else:
            self._book.failed(fired, Kind.REFUSED, f"no connection: {reason}")

    def _open(self, now: int) -> bool:
        """Begin to open one more connection; return whether there is one more now."""
        return self._begin(now, self._place, 1)

    def _begin(self, now: int, place: int, tried: int) -> bool:
        try:
            connection = Connection(self._target, place, tried, self._epoll, now)
        except BlockingIOError:
            return False
        except OSError as error:
            return self._elsewhere(now, place, tried, error.strerror or str(error))
        self._connections[connection.fd] = self._opening[connection.fd] = connection
        return True

    def _elsewhere(self, now: int, place: int, tried: int, reason: str) -> bool:
        """Try the next address of the host; a shot is refused only when all of them were tried."""
        if tried < self._places:
            return self._begin(now, (place + 1) % self._places, tried + 1)
        self._unopened(f"no connection: {reason}")
        return False

    def _opened(self, connection: Connection) -> None:
        del self._opening[connection.fd]
        self._place = connection.place
        self._run.connections += 1
        self._free(connection, _clock())

    def _lost(self, connection: Connection, reason: str) -> None:
        fired, connection.fired = connection.fired, None
        was_opening = connection.fd in self._opening
        self._drop(connection)
        if fired is not None:
            self._book.failed(fired, Kind.UNKNOWN, reason)
        elif was_opening:
            self._elsewhere(_clock(), connection.place, connection.tried, reason)

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection.fd, None)
        self._opening.pop(connection.fd, None)
        connection.close()

    def _look(self, now: int) -> None:
        """Give up what took too long, and count what has ended."""
        too_old, on_way = now - self._timeout, 0
        for connection in list(self._connections.values()):
            since = connection.fired[4] if connection.fired else now if connection.ready else connection.opened
            if since < too_old:
                self._lost(connection, "no answer in time")
            elif connection.fired:
                on_way += 1
        self._book.count(on_way)

    def _end(self) -> None:
        try:
            for fired in self._unsent():
                self._book.failed(fired, Kind.REFUSED, "the run ended before it was sent")
            for connection in self._connections.values():
                if connection.fired is not None:
                    self._book.failed(connection.fired, Kind.UNKNOWN, "the run ended before the answer")
        finally:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()
            self._book.count()
            self._epoll.close()
            self._run.elapsed_seconds = (_clock() - self._run.zero) / NANOSECONDS
