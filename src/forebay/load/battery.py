"""A battery of cannons: one process for each core, a part of the shots for each, one run of all.

Every process fires every n-th shot of one plan from the same instant on, which is set when all are ready, and says
once a second what it has counted since. Counts and histograms are whole numbers, so the sum is exactly what one process
would have counted.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import math
import os
import pickle
import resource
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NoReturn

from forebay.errors import ForebayError, UsageError
from forebay.load.engines.book import OnRows
from forebay.load.engines.engine import Engine
from forebay.load.engines.gunner import Gunner
from forebay.load.firing import Firing
from forebay.load.mishap import mishap
from forebay.load.results.figures import NANOSECONDS
from forebay.load.results.run import Delta, Run

Sink = Callable[[int], AbstractContextManager[OnRows]]
"""Opened in each process with its number: takes every single shot of it; see `OnRows`."""

_EVERY_NANOSECONDS = NANOSECONDS
_LATEST_NANOSECONDS = 2 * NANOSECONDS
"""After which it is looked all the same, when a process says nothing."""
_LEAD_NANOSECONDS = 20_000_000
"""Between the last process's being ready and the first shot."""
_GRACE_SECONDS = 5.0
"""For processes that were told to end, before they are killed."""
_PIPE_BYTES = 1 << 20
"""So that a process need not wait for the one that adds up."""
_PR_SET_PDEATHSIG, _PR_SET_TIMERSLACK = 1, 29
_OURS = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}


@dataclass(slots=True)
class _Part:
    """A process and what it says; `start` tells it the instant of the first shot."""

    pid: int
    pipe: Connection
    start: Connection
    in_flight: int = 0
    on_way: int = 0
    ready: bool = False
    said: bool = False
    """Something, since it was last looked."""
    ended: bool = False
    busy: float = math.nan
    """The share of its core that it has used, at the end."""


@dataclass(slots=True)
class Battery:
    """Fires one run from several processes; `run` holds the figures, also while it goes on and when it has failed.

    Arguments:
        firing: what is fired.
        processes: how many; each has a core of its own where there are enough.
        sink: takes every single shot, in the processes that fire it.

    `stop` fires no more and waits for what is in flight, `halt` ends at once; both may be called by a signal handler.

    Raises:
        UsageError: there are fewer connections than processes.
    """

    firing: Firing
    processes: int = 1
    sink: Sink | None = None
    run: Run = field(init=False)
    busy: float = math.nan
    """The share of a core that the busiest process has used; near 1 the generator may be the limit. nan: not over."""
    _parts: list[_Part] = field(init=False, default_factory=list)
    _asked: signal.Signals | None = field(init=False, default=None)
    """What all processes were told, also those that are yet to come."""

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= self.firing.connections:
            raise UsageError(
                f"{self.processes} processes cannot share {self.firing.connections} connections",
                "each process needs a connection of its own",
            )
        self.run = self.firing.run()

    def fire(self, look: Callable[[Run], None] | None = None) -> Run:
        """Fire until the run has ended.

        Arguments:
            look: called about once a second, and at the end.

        Raises:
            Unavailable: the host is not known. ForebayError: what ended a process before its time.
        """
        run = self.run
        self.firing.look_up()
        try:
            for part in range(self.processes):
                self._parts.append(_forked(self, part))
                self._tell_again(self._parts[-1])
            for _ in self._heard():
                if look is not None:
                    look(run)
        except BaseException:
            run.interrupted = True
            raise
        finally:
            self._reap()
            run.elapsed_seconds = max(0.0, (time.perf_counter_ns() - run.zero) / NANOSECONDS)
        self.busy = max(part.busy for part in self._parts)
        return run

    def stop(self) -> None:
        """Fire no more; what is in flight is waited for."""
        self._tell(signal.SIGTERM)

    def halt(self) -> None:
        """End at once: what was sent and not answered is unknown."""
        self._tell(signal.SIGUSR1)

    def _tell(self, what: signal.Signals) -> None:
        self._asked = what
        for part in self._parts:
            self._tell_again(part)

    def _tell_again(self, part: _Part) -> None:
        if self._asked is not None and not part.ended:
            self.run.interrupted = True
            with contextlib.suppress(ProcessLookupError):  # it has ended at this very moment
                os.kill(part.pid, self._asked)

    def _heard(self) -> Iterator[None]:
        """Add up what the processes say until all have ended; yield when each has said something, and at the end."""
        shown = time.perf_counter_ns()
        while open_parts := [part for part in self._parts if not part.ended]:
            ready = wait([part.pipe for part in open_parts], timeout=1.0)
            for part in open_parts:
                if part.pipe in ready:
                    self._take(part)
                elif not ready and not _alive(part.pid) and not part.pipe.poll():
                    raise _died()
            self.run.in_flight = sum(part.in_flight for part in self._parts)
            self.run.on_way = sum(part.on_way for part in self._parts)
            now = time.perf_counter_ns()
            if all(part.said for part in open_parts) or now - shown >= _LATEST_NANOSECONDS:
                shown = now
                for part in open_parts:
                    part.said = False
                yield
        yield

    def _take(self, part: _Part) -> None:
        try:
            said = pickle.loads(part.pipe.recv_bytes())
        except (EOFError, OSError):  # OSError: in the middle of what it said
            raise _died() from None
        if isinstance(said, Delta):
            self.run.merge(said)
            part.said, part.in_flight, part.on_way = True, said.in_flight, said.on_way
        elif isinstance(said, BaseException):
            raise said
        elif said is None:
            part.ready = True
            self._start()
        else:
            part.ended, part.busy, part.in_flight, part.on_way = True, said, 0, 0

    def _start(self) -> None:
        """Set the first instant when all are ready, so that none begins late."""
        if len(self._parts) < self.processes or not all(part.ready for part in self._parts):
            return
        run, zero = self.run, time.perf_counter_ns() + _LEAD_NANOSECONDS
        run.zero, run.started_at = zero, time.time() + _LEAD_NANOSECONDS / NANOSECONDS
        for part in self._parts:
            with contextlib.suppress(BrokenPipeError):  # its death is heard of
                part.start.send(zero)

    def _reap(self) -> None:
        """End what still runs, and wait for all: nothing fires any more when this returns."""
        for part in self._parts:
            if not part.ended:
                os.kill(part.pid, signal.SIGUSR1)
            part.pipe.close()
            part.start.close()
        deadline = time.monotonic() + _GRACE_SECONDS
        for part in self._parts:
            _wait(part.pid, deadline)
            part.ended = True


def _alive(pid: int) -> bool:
    """Whether a process has not ended; its pipe may be held open by one that another thread has forked."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _died() -> ForebayError:
    return ForebayError("a process of the cannon has died", "was it killed, or is there too little memory?")


def _wait(pid: int, deadline: float) -> None:
    """Wait for the end of a process; after the deadline kill it."""
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.002)


def _forked(battery: Battery, number: int) -> _Part:
    """Return a process that fires its part."""
    mine, theirs = Pipe(duplex=False)
    waiting, start = Pipe(duplex=False)
    with contextlib.suppress(OSError):
        fcntl.fcntl(theirs.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    part, parent = _Part(0, mine, start), os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)  # the handlers of the parent must not run in the child
    try:
        with warnings.catch_warnings():  # of threads, whose locks the child does not take
            warnings.simplefilter("ignore", DeprecationWarning)
            part.pid = os.fork()
        if not part.pid:
            _live(battery, number, parent, [*battery._parts, part], theirs, waiting)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    waiting.close()
    return part


def _live(
    battery: Battery, number: int, parent: int, parts: list[_Part], pipe: Connection, waiting: Connection
) -> NoReturn:
    """Be one process of the battery, from its birth to its end: nothing of the parent may run in it."""
    code = 1
    try:
        for part in parts:  # an end that is held here too would never be seen to close
            part.pipe.close()
            part.start.close()
        _die_with(parent)
        _fire(battery, number, pipe, waiting)
        code = 0
    finally:
        os._exit(code)


def _fire(battery: Battery, number: int, pipe: Connection, waiting: Connection) -> None:
    """Fire one part and say what was counted."""
    run = battery.firing.run()
    said = time.perf_counter_ns()

    def say() -> None:
        nonlocal said
        if time.perf_counter_ns() - said >= _EVERY_NANOSECONDS:
            said = time.perf_counter_ns()
            _send(pipe, run.take())

    def zero() -> int:
        _send(pipe, None)
        return int(waiting.recv())

    try:
        with battery.sink(number) if battery.sink else contextlib.nullcontext() as on_rows:
            engine = battery.firing.engine(run, number, battery.processes, on_look=say, on_rows=on_rows)
            _listen_to_signals(engine)
            _settle_down(number, battery.processes, collect=battery.firing.gun is not None)
            before = time.process_time()
            engine.fire(zero)
            busy = (time.process_time() - before) / max(run.elapsed_seconds, 1e-9)
        _send(pipe, run.take())
        _send(pipe, busy)
    except BaseException as error:
        _send(pipe, error if isinstance(error, ForebayError) else mishap(error))


def _listen_to_signals(engine: Engine | Gunner) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    signal.signal(signal.SIGTERM, lambda *_: engine.stop())
    signal.signal(signal.SIGUSR1, lambda *_: engine.halt())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)


def _die_with(parent: int) -> None:
    """Have the kernel end this process when the parent ends, however it ends: nobody else would stop the fire."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _settle_down(part: int, parts: int, collect: bool) -> None:
    """Keep the scheduler from delaying shots, and the collector too, unless code of others needs it."""
    gc.freeze()
    if not collect:
        gc.disable()
    _prctl(_PR_SET_TIMERSLACK, 1)
    with contextlib.suppress(OSError, ValueError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cores = sorted(os.sched_getaffinity(0))
    if 1 < parts <= len(cores):
        os.sched_setaffinity(0, {cores[part]})


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _send(pipe: Connection, what: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has gone, and nobody wants to know
        pipe.send_bytes(pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL))
