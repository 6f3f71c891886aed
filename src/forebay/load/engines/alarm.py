"""An alarm for event loops, which themselves know the time in whole milliseconds: a timer of the kernel (timerfd)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
"""The clock of `time.perf_counter_ns`."""
_ABSOLUTE = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_NANOSECONDS = 1_000_000_000


class Alarm:
    """Calls a function in an event loop at an instant; one instant at a time.

    Arguments:
        loop: which runs in this thread. call: the function.

    Raises:
        OSError: the system has no such timer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._library = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._library.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        loop.add_reader(self._fd, self._ring)

    def set(self, instant: int) -> None:
        """Ring at this instant of `time.perf_counter_ns`, at once where it has passed; drop what was set before."""
        seconds, nanoseconds = divmod(max(instant, 1), _NANOSECONDS)
        self._library.timerfd_settime(self._fd, _ABSOLUTE, struct.pack("@4l", 0, 0, seconds, nanoseconds), None)

    def close(self) -> None:
        """Ring no more."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        self._call()
