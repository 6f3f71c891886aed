"""The log, in lines of JSON: one for what needs attention, none for what went well."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.events import Event, Finished, LeaseLost, Stalled
from forebay.version import __version__

_LEVELS = {"retry": "warning", "dead": "error"}

QUIET_SECONDS = 1.0
"""How long a stall has no line after another of its topic at its step: in an outage every worker has one, and again."""


class LogLines:
    """A listener that writes a line for each retry, dead letter and lost lease, and for stalls one a second.

    Arguments:
        out: where to; None: standard error.
        service: named in each line.
        clock: of the time stamps.
    """

    hears: Final = frozenset({Finished, LeaseLost, Stalled})

    def __init__(self, out: TextIO | None = None, *, service: str = "forebay", clock: Clock = SYSTEM_CLOCK) -> None:
        self._out = out
        self._service = service
        self._clock = clock
        self._stalled: dict[tuple[str, str], float] = {}
        """By topic and step: when the last line was written."""

    def __call__(self, event: Event) -> None:
        """Write the line of an event, if it has one."""
        if isinstance(event, Finished):
            if event.outcome in _LEVELS:
                self._finished(event)
        elif isinstance(event, LeaseLost):
            self._write("warning", "lease lost", topic=event.topic, message_id=event.id)
        elif isinstance(event, Stalled) and self._is_news(event):
            self._write("error", "stalled", topic=event.topic, where=event.where, reason=event.reason)

    def _is_news(self, event: Stalled) -> bool:
        step, now = (event.topic, event.where), self._clock.monotonic()
        if now - self._stalled.get(step, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._stalled[step] = now
        return True

    def _finished(self, event: Finished) -> None:
        self._write(
            _LEVELS[event.outcome],
            event.outcome,
            topic=event.topic,
            message_id=event.id,
            attempt=event.attempt,
            reason=event.reason,
            work_ms=round(event.work_seconds * 1000, 3),
            age_ms=round(event.total_seconds * 1000, 3),
        )

    def _write(self, level: str, event: str, **facts: Any) -> None:
        now = datetime.fromtimestamp(self._clock.time(), UTC).isoformat(timespec="milliseconds")
        line = {"ts": now, "level": level, "event": event, "service": self._service, "version": __version__, **facts}
        with contextlib.suppress(OSError, ValueError):  # a log that cannot be written must not stop the work
            print(msgspec.json.encode(line).decode(), file=self._out or sys.stderr, flush=True)
