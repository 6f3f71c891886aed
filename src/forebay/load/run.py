"""What one run of the cannon left: every shot with its three instants, counted and never dropped silently."""

from __future__ import annotations

import time
from collections import Counter
from enum import StrEnum
from typing import Any

import msgspec

from forebay.histogram import Histogram


class Shot(msgspec.Struct, frozen=True):
    """What is to be sent.

    Arguments:
        body: of the request.
        id: under which the ledger knows it.
        headers: besides Host and Content-Length.
        method: of the request.
    """

    body: bytes = b""
    id: str = ""
    headers: dict[str, str] = {}
    method: str = "POST"


class Kind(StrEnum):
    """How a shot ended."""

    ANSWERED = "answered"
    """With a status, whatever it was."""
    REFUSED = "refused"
    """Nothing of it was sent: no connection could be had. It certainly has no effect."""
    UNKNOWN = "unknown"
    """It was sent, and no whole answer came: it may have an effect."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One shot that came to its end; instants are nanoseconds of `time.perf_counter_ns`.

    Arguments:
        index, id: of the shot.
        kind: how it ended; `status` is 0 unless it was answered.
        planned: when the profile wanted it sent. sent: when it was, 0 for never. done: when its end was known.
        headers: of the answer, names in lower case; body: its beginning.
        reason: for what was refused or is unknown.
    """

    index: int
    id: str
    kind: Kind
    status: int
    planned: int
    sent: int
    done: int
    headers: dict[str, str] = {}
    body: bytes = b""
    reason: str = ""

    @property
    def response_seconds(self) -> float:
        """From the plan to the end: what a user feels, whether or not the generator came late."""
        return (self.done - self.planned) / 1e9

    @property
    def service_seconds(self) -> float:
        """From the sending to the end."""
        return (self.done - self.sent) / 1e9


class Second(msgspec.Struct):
    """What happened within one second of a run: each instant counts in the second that it fell into."""

    planned: int = 0
    sent: int = 0
    refused: int = 0
    unknown: int = 0
    answered: dict[int, int] = {}
    """By status."""


class Run:
    """The figures of one run; it grows while the run goes on.

    Arguments:
        url: what is shot at.
        profile: its text form.
        seconds: the planned length.
    """

    def __init__(self, url: str, profile: str, seconds: float) -> None:
        self.url = url
        self.profile = profile
        self.seconds = seconds
        self.started_at = time.time()
        self.zero = time.perf_counter_ns()
        self.elapsed_seconds = 0.0
        self.interrupted = False
        self.planned = 0
        self.sent = 0
        self.refused = 0
        self.unknown = 0
        self.statuses: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.response = Histogram()
        """done − planned of what was answered, and the age at which the unknown were given up."""
        self.service = Histogram()
        """done − sent of what was answered."""
        self.lag = Histogram()
        """sent − planned: the quality of the generator itself."""
        self.series: list[Second] = []

    @property
    def accepted(self) -> int:
        """How many were answered with 2xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def answered(self) -> int:
        """How many were answered at all."""
        return self.statuses.total()

    @property
    def in_flight(self) -> int:
        """How many were due and have not come to an end; 0 when the run is over."""
        return self.planned - self.answered - self.refused - self.unknown

    def note_planned(self, planned: int) -> None:
        """Count a shot that fell due."""
        self.planned += 1
        self._second(planned).planned += 1

    def note_sent(self, planned: int, sent: int) -> None:
        """Count a shot that was written to a connection."""
        self.sent += 1
        self._second(sent).sent += 1
        self.lag.record((sent - planned) / 1e9)

    def note(self, outcome: Outcome) -> None:
        """Count a shot that came to its end."""
        second = self._second(outcome.done)
        if outcome.kind is Kind.ANSWERED:
            self.statuses[outcome.status] += 1
            second.answered[outcome.status] = second.answered.get(outcome.status, 0) + 1
            self.response.record(outcome.response_seconds)
            self.service.record(outcome.service_seconds)
            return
        self.reasons[outcome.reason] += 1
        if outcome.kind is Kind.REFUSED:
            self.refused += 1
            second.refused += 1
        else:
            self.unknown += 1
            second.unknown += 1
            self.response.record(outcome.response_seconds)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures in a form that JSON can hold."""
        plain = ("url", "profile", "seconds", "started_at", "elapsed_seconds", "interrupted")
        counts = ("planned", "sent", "accepted", "answered", "refused", "unknown")
        return {
            **{name: getattr(self, name) for name in (*plain, *counts)},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "reasons": dict(self.reasons),
            **{name: getattr(self, name).as_dict() for name in ("response", "service", "lag")},
            "series": [_with_text_keys(second) for second in self.series],
        }

    def _second(self, instant: int) -> Second:
        index = max(0, (instant - self.zero) // 1_000_000_000)
        while len(self.series) <= index:
            self.series.append(Second())
        return self.series[index]


def _with_text_keys(second: Second) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(second),
        "answered": {str(status): count for status, count in second.answered.items()},
    }
