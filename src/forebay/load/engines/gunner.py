"""The gunner: fires a gun of Python by a plan, in an event loop of its own, one task for each shot under way."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvloop

from forebay.errors import UsageError
from forebay.load.engines.alarm import Alarm
from forebay.load.engines.book import Book, Fired, OnOutcome, OnRows
from forebay.load.engines.engine import LOOK_NANOSECONDS, NEVER
from forebay.load.engines.gun import Gun, NotSent, Shoot, opened
from forebay.load.engines.magazine import Magazine
from forebay.load.profiles.profile import Rush
from forebay.load.results.figures import NANOSECONDS
from forebay.load.results.run import Run
from forebay.load.shot import Kind, UsedUp
from forebay.load.wire.answers import Answer

_GRACE_SECONDS = 1.0
"""For guns that are told to give up."""
_LONGEST_REASON = 200

_clock = time.perf_counter_ns


@dataclass(slots=True, eq=False)
class _Flight:
    """A shot that was handed to the gun; `sent` is when the gun began, `given_up` whether it has been counted."""

    fired: Fired
    task: asyncio.Task[None] | None = None
    given_up: bool = False


class Gunner:
    """Fires one run with a gun; `fire` blocks until it has ended. The same face as that of `Engine`.

    Arguments:
        gun: see `Gun`. magazine, run, seconds, timeout, on_outcome, on_look, on_rows: as for `Engine`.
        connections: shots under way at most at once. plan: as for `OpenLoop`; None: closed.
    """

    def __init__(
        self,
        gun: Gun,
        magazine: Magazine,
        run: Run,
        *,
        seconds: float,
        connections: int,
        timeout: float,
        plan: Iterator[float | Rush] | None = None,
        on_outcome: OnOutcome | None = None,
        on_look: Callable[[], None] | None = None,
        on_rows: OnRows | None = None,
    ) -> None:
        self._gun = gun
        self._magazine = magazine
        self._run = run
        self._seconds = seconds
        self._limit = connections
        self._timeout = round(timeout * NANOSECONDS)
        self._plan = iter((Rush(0.0, seconds),)) if plan is None else plan
        self._book = Book(run, magazine, on_outcome, on_rows)
        self._on_look = on_look
        self._ahead: float | Rush | None = next(self._plan, None)
        self._rush_until = 0
        self._waiting: deque[Fired] = deque()
        self._flights: set[_Flight] = set()
        self._looked = 0
        self._stopping = self._halting = False

    # What others call, from any thread.

    def stop(self) -> None:
        """Fire no more; what is in flight is waited for."""
        self._stopping = True  # it is seen ten times a second

    def halt(self) -> None:
        """End at once: what was handed to the gun and has not ended is unknown."""
        self._stopping = self._halting = True

    def fire(self, zero: Callable[[], int] = _clock) -> None:
        """Fire until the run has ended, and leave nothing behind: no task, no shot without an outcome.

        Arguments:
            zero: called when the gun is open: returns the instant of `time.perf_counter_ns` at which the run begins.

        Raises:
            UsageError: the gun is not one. Whatever the ammunition and the listeners raise.
        """
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main(zero))

    async def _main(self, zero: Callable[[], int]) -> None:
        run, loop = self._run, asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        async with opened(self._gun) as self._shoot:
            self._alarm = Alarm(loop, self._ring)
            run.zero = self._looked = zero()
            run.started_at = time.time() + (run.zero - _clock()) / NANOSECONDS
            try:
                self._alarm.set(run.zero)
                await self._over
            except BaseException:
                self._book.on_outcome = None  # it has said that it wants no more
                raise
            finally:
                self._alarm.close()
                await self._end()

    # The loop.

    def _ring(self) -> None:
        """Fire what is due, look when it is time, and set the alarm for what is next."""
        try:
            now = _clock()
            self._take_due(now)
            if now - self._looked >= LOOK_NANOSECONDS:
                self._looked = now
                self._look(now)
            if self._is_over(now):
                self._finish(None)
            else:
                self._alarm.set(min(self._due_at(), self._looked + LOOK_NANOSECONDS))
        except BaseException as error:
            self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    def _is_over(self, now: int) -> bool:
        if self._halting:
            return True
        ended = self._ahead is None and now >= self._rush_until
        if self._flights or self._waiting or not (ended or self._stopping):
            return False
        return self._stopping or now >= self._instant(self._seconds)

    def _instant(self, seconds: float) -> int:
        return self._run.zero + round(seconds * NANOSECONDS)

    def _due_at(self) -> int:
        if self._ahead is None or self._stopping:
            return NEVER
        return self._instant(self._ahead.begin if isinstance(self._ahead, Rush) else self._ahead)

    def _take_due(self, now: int) -> None:
        """Take up what the plan has due, then whatever a rush has room for."""
        while (due := self._due_at()) <= now:
            if isinstance(self._ahead, Rush):
                self._rush_until = self._instant(self._ahead.end)
            else:
                self._take(due)
            self._ahead = next(self._plan, None)
        while now < self._rush_until and not self._stopping and len(self._flights) + len(self._waiting) < self._limit:
            self._take(now)

    def _take(self, due: int) -> None:
        try:
            index, loaded = self._magazine.take()
        except UsedUp:
            self._stopping = True
            return
        self._waiting.append((index, due, _clock(), loaded, 0))
        self._hand_over()

    def _hand_over(self) -> None:
        """Hand what waits to the gun, as far as there is room."""
        while self._waiting and len(self._flights) < self._limit:
            flight = _Flight(self._waiting.popleft())
            self._flights.add(flight)
            flight.task = asyncio.ensure_future(self._fly(flight))

    async def _fly(self, flight: _Flight) -> None:
        try:
            index, planned, taken, loaded, _ = flight.fired
            fired = flight.fired = (index, planned, taken, loaded, _clock())
            kind, status, reason = await _shot(self._shoot, fired)
            done = _clock()
            if flight.given_up:
                return
            flight.given_up = True
            if kind is Kind.ANSWERED:
                self._book.answered(fired, done, Answer(status, b"", b"", 0, True))
            else:
                self._book.failed(fired if kind is Kind.UNKNOWN else (*fired[:4], 0), kind, reason)
        except BaseException as error:  # of a listener, or a gun that is none
            self._finish(error)
        finally:
            self._flights.discard(flight)
            self._landed()

    def _landed(self) -> None:
        """Use the place of a shot that has ended."""
        if self._over.done():
            return
        try:
            self._hand_over()
            now = _clock()
            self._take_due(now)
            if self._is_over(now):
                self._finish(None)
        except BaseException as error:
            self._finish(error)

    def _look(self, now: int) -> None:
        """Give up what took too long, and count what has ended."""
        too_old = now - self._timeout
        while self._waiting and self._waiting[0][1] < too_old:
            self._book.failed(self._waiting.popleft(), Kind.REFUSED, "no place was free in time")
        on_way = 0
        for flight in list(self._flights):
            if not flight.fired[4] or flight.given_up:
                continue
            if flight.fired[4] < too_old:
                self._give_up(flight, "no answer in time")
            else:
                on_way += 1
        self._book.count(on_way)
        if self._on_look is not None:
            self._on_look()

    def _give_up(self, flight: _Flight, reason: str) -> None:
        flight.given_up = True
        self._book.failed(flight.fired, Kind.UNKNOWN if flight.fired[4] else Kind.REFUSED, reason)
        if flight.task is not None:
            flight.task.cancel()

    async def _end(self) -> None:
        tasks = {flight.task for flight in self._flights if flight.task is not None}
        try:
            while self._waiting:
                self._book.failed(self._waiting.popleft(), Kind.REFUSED, "the run ended before it was sent")
            for flight in list(self._flights):
                if not flight.given_up:
                    self._give_up(flight, "the run ended before the answer")
        finally:
            if tasks:
                await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
            self._book.count()
            self._run.elapsed_seconds = (_clock() - self._run.zero) / NANOSECONDS


async def _shot(shoot: Shoot, fired: Fired) -> tuple[Kind, int, str]:
    """Fire one shot; return how it ended, its status and the reason.

    Raises:
        UsageError: what the gun returned is no status.
    """
    try:
        status = await shoot(fired[3].shot)
    except NotSent as error:
        return Kind.REFUSED, 0, _words(error)
    except (Exception, asyncio.CancelledError) as error:
        return Kind.UNKNOWN, 0, _words(error)
    if status is None:
        return Kind.ANSWERED, 200, ""
    if not isinstance(status, int) or not 0 < status < 1000:
        raise UsageError(
            f"a gun returned {status!r}", "it returns the status of the answer, as of HTTP, or None for 200"
        )
    return Kind.ANSWERED, status, ""


def _words(error: BaseException) -> str:
    text = str(error) if isinstance(error, NotSent) and str(error) else f"{type(error).__name__}: {error}".rstrip(": ")
    return text[:_LONGEST_REASON]
