"""The time, and a time that tests can move."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time to everything that leases, retries or limits."""

    def time(self) -> float:
        """Return the wall time in seconds since the epoch: for what other processes read."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps back: for durations inside one process."""
        ...


class SystemClock:
    """The clock of the machine."""

    def __init__(self) -> None:
        self.time = time.time  # the bare functions: the hot path reads the clock twice a message
        self.monotonic = time.monotonic


class ManualClock:
    """A clock that stands still until it is moved.

    Arguments:
        start: the first reading, in seconds.
    """

    def __init__(self, start: float = 1_000_000.0) -> None:
        self._now = start

    def time(self) -> float:
        """Return the reading in seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return the same reading: a manual clock has no steps."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on; it never goes back."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._now += seconds


SYSTEM_CLOCK = SystemClock()
