"""What is going to happen, and in which order at one instant."""

from __future__ import annotations

import math
from enum import IntEnum
from heapq import heappop, heappush


class Event(IntEnum):
    """What can happen; at one instant in this order, and of one kind the lowest number first.

    A worker is meant by its number, a customer by its number in the order of arrival.
    """

    DONE = 0
    """A worker has done its work."""
    REPAIRED = 1
    """A worker is back."""
    REDELIVERED = 2
    """Work whose worker broke down is given to another."""
    IMPATIENT = 3
    """One who waits leaves."""
    BROKEN = 4
    """A worker breaks down."""
    RETURNED = 5
    """One who found no place comes again."""
    THOUGHT = 6
    """A customer of a closed system comes; those from outside come after all this."""


class Agenda:
    """Events to come, each at most once for one subject."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Event, int]] = []
        self._due: dict[tuple[Event, int], float] = {}

    def plan(self, when: float, event: Event, subject: int) -> None:
        """Let it happen at that instant, which is never where it is inf."""
        if when < math.inf:
            self._due[event, subject] = when
            heappush(self._heap, (when, event, subject))
            if len(self._heap) > 2 * len(self._due) + 64:  # most are cancelled: they shall not fill the memory
                self._heap = sorted((when, event, subject) for (event, subject), when in self._due.items())

    def cancel(self, event: Event, subject: int) -> float:
        """Let it not happen, and return when it would have: inf when it was not planned."""
        return self._due.pop((event, subject), math.inf)

    def next(self, until: float) -> tuple[float, Event, int] | None:
        """Remove and return what happens first, if it happens at `until` or before; a cancelled one never does."""
        while self._heap and self._heap[0][0] <= until:
            when, event, subject = heappop(self._heap)
            if self._due.get((event, subject)) == when:
                del self._due[event, subject]
                return when, event, subject
        return None
