"""A battery of cannons: one process for each core, a part of the shots for each, one run of all.

Every process fires every n-th shot of one plan from the same instant on, and says once a second what it has counted
since. Counts and histograms are whole numbers, so the sum is exactly what one process would have counted.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from forebay.errors import ForebayError
from forebay.load.figures import NANOSECONDS
from forebay.load.firing import Firing
from forebay.load.run import Delta, Run

_EVERY_NANOSECONDS = NANOSECONDS
_LEAD_NANOSECONDS = 100_000_000
"""What a process needs to come up, before the first shot."""
_PR_SET_TIMERSLACK = 29


@dataclass(slots=True)
class _Part:
    """A process and what it says."""

    pid: int
    pipe: Connection
    in_flight: int = 0
    ended: bool = False
    busy: float = 0.0
    """The share of its core that it has used, at the end."""


@dataclass(slots=True)
class Battery:
    """Fires one run from several processes; `run` holds the figures, also while it goes on.

    Arguments:
        firing: what is fired.
        processes: how many; each has a core of its own where there are enough.

    `stop` fires no more and waits for what is in flight, `halt` ends at once; both may be called by a signal handler.
    """

    firing: Firing
    processes: int = 1
    run: Run = field(init=False)
    busy: float = math.nan
    """The share of a core that the busiest process has used; near 1 the generator may be the limit. nan: not over."""
    _parts: list[_Part] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.firing.run()

    def fire(self, look: Callable[[Run], None] | None = None) -> Run:
        """Fire until the run has ended.

        Arguments:
            look: called about once a second, and at the end.

        Raises:
            ForebayError: what ended a process before its time.
        """
        run, zero = self.run, time.perf_counter_ns() + _LEAD_NANOSECONDS
        run.zero, run.started_at = zero, time.time() + _LEAD_NANOSECONDS / NANOSECONDS
        try:
            self._parts += [_forked(self.firing, zero, part, self.processes) for part in range(self.processes)]
            for said in self._heard():
                if look is not None and said:
                    look(run)
        finally:
            self.halt()
            for part in self._parts:
                part.pipe.close()
                os.waitpid(part.pid, 0)
        run.elapsed_seconds = (time.perf_counter_ns() - zero) / NANOSECONDS
        self.busy = max(part.busy for part in self._parts)
        return run

    def stop(self) -> None:
        """Fire no more; what is in flight is waited for."""
        self._signal(signal.SIGTERM)

    def halt(self) -> None:
        """End at once: what was sent and not answered is unknown."""
        self._signal(signal.SIGUSR1)

    def _signal(self, number: signal.Signals) -> None:
        for part in self._parts:
            if not part.ended:
                self.run.interrupted = True
                os.kill(part.pid, number)

    def _heard(self) -> Iterator[bool]:
        """Add up what the processes say until all have ended; yield about once a second whether there was something."""
        shown = time.perf_counter_ns()
        while open_parts := [part for part in self._parts if not part.ended]:
            ready = wait([part.pipe for part in open_parts], timeout=1.0)
            for part in open_parts:
                if part.pipe in ready:
                    self._take(part)
            self.run.in_flight = sum(part.in_flight for part in self._parts)
            now = time.perf_counter_ns()
            if now - shown >= _EVERY_NANOSECONDS:
                shown = now
                yield True
        yield True

    def _take(self, part: _Part) -> None:
        try:
            said = pickle.loads(part.pipe.recv_bytes())
        except EOFError:
            part.ended = True
            raise ForebayError(
                "a process of the cannon has died", "was it killed, or is there too little memory?"
            ) from None
        if isinstance(said, Delta):
            self.run.merge(said)
            part.in_flight = said.in_flight
        elif isinstance(said, BaseException):
            part.ended = True
            raise said
        else:
            part.ended, part.busy, part.in_flight = True, said, 0


def _forked(firing: Firing, zero: int, part: int, parts: int) -> _Part:
    """Return a process that fires its part."""
    mine, theirs = Pipe(duplex=False)
    pid = os.fork()
    if pid:
        theirs.close()
        return _Part(pid, mine)
    code = 1
    try:  # nothing of the parent may run in the child
        mine.close()
        _fire(firing, zero, part, parts, theirs)
        code = 0
    finally:
        os._exit(code)


def _fire(firing: Firing, zero: int, part: int, parts: int, pipe: Connection) -> None:
    """Fire one part and say what was counted; the whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    run = firing.run()
    said = time.perf_counter_ns()

    def say() -> None:
        nonlocal said
        if time.perf_counter_ns() - said >= _EVERY_NANOSECONDS:
            said = time.perf_counter_ns()
            _send(pipe, run.take())

    try:
        engine = firing.engine(run, part, parts, on_look=say)
        signal.signal(signal.SIGTERM, lambda *_: engine.stop())
        signal.signal(signal.SIGUSR1, lambda *_: engine.halt())
        _settle_down(part, parts)
        before = time.process_time()
        engine.fire(zero)
        busy = (time.process_time() - before) / max(run.elapsed_seconds, 1e-9)
        _send(pipe, run.take())
        _send(pipe, busy)
    except BaseException as error:
        _send(pipe, error if isinstance(error, ForebayError) else ForebayError(f"the cannon failed: {error!r}"))


def _settle_down(part: int, parts: int) -> None:
    """Keep the collector and the scheduler from delaying shots."""
    gc.disable()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    cores = sorted(os.sched_getaffinity(0))
    if 1 < parts <= len(cores):
        os.sched_setaffinity(0, {cores[part]})


def _send(pipe: Connection, what: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has gone, and nobody wants to know
        pipe.send_bytes(pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL))
