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


class LogLines:
    """A listener that writes a line for each retry, dead letter, lost lease and stall.

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

    def __call__(self, event: Event) -> None:
        """Write the line of an event, if it has one."""
        if isinstance(event, Finished):
            if event.outcome in _LEVELS:
                self._finished(event)
        elif isinstance(event, LeaseLost):
            self._write("warning", "lease lost", topic=event.topic, message_id=event.id)
        elif isinstance(event, Stalled):
            self._write("error", "stalled", topic=event.topic, where=event.where, reason=event.reason)

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
