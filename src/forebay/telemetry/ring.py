"""The last half hour, second by second: what a live view and a report draw."""

from __future__ import annotations

from collections import deque

import msgspec

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.events import Accepted, Event, Finished, Refused
from forebay.telemetry.counted import Counted


class Second(msgspec.Struct):
    """What happened within one second, and how the queue stood when it was looked at last.

    Arguments:
        second: since the ring began.
        accepted, refused, done, dead, retried: messages within this second.
        waiting, in_work, retrying: in the queue; a second in which nobody looked has those of the one before.
    """

    second: int
    accepted: int = 0
    refused: int = 0
    done: int = 0
    dead: int = 0
    retried: int = 0
    waiting: int = 0
    in_work: int = 0
    retrying: int = 0

    @property
    def backlog(self) -> int:
        """What is still to be worked off."""
        return self.waiting + self.in_work + self.retrying


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that a view shows.

    Arguments:
        total: sums since the beginning, and the queue as it stands now.
        recent: the last seconds, the oldest first; the last of them is not over yet.
        peak_backlog, peak_second: the largest backlog that was seen, and when.
        longest_wait_seconds: from acceptance to the end of the work less the work itself.
    """

    total: Second
    recent: list[Second]
    peak_backlog: int
    peak_second: int
    longest_wait_seconds: float


_OUTCOMES = {"done": "done", "dropped": "done", "dead": "dead", "retry": "retried"}


class Ring:
    """A listener that keeps the last seconds and the sums of all.

    Arguments:
        size: seconds kept.
        clock: tells the second.
    """

    def __init__(self, size: int = 1800, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._total = Second(0)
        self._seconds: deque[Second] = deque([Second(0)], maxlen=size)
        self._peak = (0, 0)
        self._longest_wait = 0.0

    def __call__(self, event: Event) -> None:
        """Count one event into its second."""
        if isinstance(event, Accepted):
            self._add("accepted", event.count)
        elif isinstance(event, Refused):
            self._add("refused", 1)
        elif isinstance(event, Finished) and event.outcome in _OUTCOMES:
            self._add(_OUTCOMES[event.outcome], 1)
            if event.outcome == "done" and event.attempt == 1:  # a retry waits on purpose
                self._longest_wait = max(self._longest_wait, event.total_seconds - event.work_seconds)

    def look(self, counts: Counted) -> None:
        """Note how the queue stands now."""
        now = self._now()
        for second in (now, self._total):
            second.waiting, second.in_work, second.retrying = counts.waiting, counts.in_work, counts.retrying
        self._peak = max(self._peak, (now.backlog, now.second), key=lambda peak: peak[0])

    def snapshot(self, seconds: int = 60) -> Snapshot:
        """Return the sums and the last `seconds`, gaps filled."""
        now = self._now()
        total = msgspec.structs.replace(self._total, second=now.second)
        kept = list(self._seconds)[-seconds:]
        recent = [msgspec.structs.replace(second) for second in kept]
        return Snapshot(total, recent, *self._peak, self._longest_wait)

    def _add(self, name: str, count: int) -> None:
        for second in (self._now(), self._total):
            setattr(second, name, getattr(second, name) + count)

    def _now(self) -> Second:
        """Return the second that it is, after filling the gap to the last one."""
        number, last = int(self._clock.monotonic() - self._began), self._seconds[-1]
        if number > last.second:
            for n in range(max(last.second + 1, number - (self._seconds.maxlen or 0) + 1), number + 1):
                self._seconds.append(Second(n, waiting=last.waiting, in_work=last.in_work, retrying=last.retrying))
        return self._seconds[-1]
