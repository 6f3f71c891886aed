"""What one run of the cannon left: every shot counted and none dropped silently, by second, by tag and all together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from forebay.histogram import Histogram
from forebay.load.results.examples import Example, examples, keep
from forebay.load.results.figures import NANOSECONDS, Batch, Figures, Reason, tally

SECOND_BITS = 5
"""Of the histograms of a second: 1.6 % are enough for pictures over time, and an hour has 3,600 of them."""


class Second(msgspec.Struct):
    """What happened within one second of a run.

    `planned` counts those whose plan falls into it, with their figures: a stall shows when its users came, not when it
    was over. The other counts belong to the second of their own instant.
    """

    of_plan: Figures = msgspec.field(default_factory=Figures)
    sent: int = 0
    refused: int = 0
    unknown: int = 0
    answered: Counter[int] = msgspec.field(default_factory=Counter)
    """By status."""

    @property
    def planned(self) -> int:
        """How many the profile wanted sent in it, of those that have come to their end."""
        return self.of_plan.planned

    def merge(self, other: Second) -> None:
        """Add what another process counted in the same second."""
        self.of_plan.merge(other.of_plan)
        self.sent += other.sent
        self.refused += other.refused
        self.unknown += other.unknown
        self.answered.update(other.answered)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold."""
        return {
            "planned": self.planned,
            "sent": self.sent,
            "refused": self.refused,
            "unknown": self.unknown,
            "answered": {str(status): count for status, count in sorted(self.answered.items())},
            "of_plan": self.of_plan.as_dict(),
        }


class Delta(msgspec.Struct, frozen=True):
    """What was counted within a while; see `Run` for the fields."""

    total: Figures
    tags: dict[str, Figures]
    series: dict[int, Second]
    in_flight: int
    on_way: int
    connections: int
    examples: dict[str, Example]


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
        self.connections = 0
        """How many were opened."""
        self.in_flight = 0
        """How many were due and had not come to an end, when it was last counted; 0 when the run is over."""
        self.on_way = 0
        """How many of these were sent, or handed to a gun, which may say yet that it sent nothing."""
        self.total = Figures()
        self.tags: dict[str, Figures] = {}
        self.series: dict[int, Second] = {}
        """By number, from 0; those in which nothing happened are absent."""
        self.examples: dict[str, Example] = {}
        """Of each way to fail."""

    @property
    def planned(self) -> int:
        """How many fell due."""
        return self.total.planned + self.in_flight

    @property
    def sent(self) -> int:
        """How many were written to a connection."""
        return self.total.sent + self.on_way

    @property
    def refused(self) -> int:
        """How many were certainly not sent."""
        return self.total.refused

    @property
    def unknown(self) -> int:
        """How many were sent, and had no whole answer."""
        return self.total.unknown

    @property
    def answered(self) -> int:
        """How many were answered at all."""
        return self.total.answered

    @property
    def accepted(self) -> int:
        """How many were answered with 2xx."""
        return self.total.accepted

    @property
    def statuses(self) -> Counter[int]:
        """Answered, by status."""
        return self.total.statuses

    @property
    def reasons(self) -> Counter[str]:
        """Of the refused and the unknown."""
        return self.total.reasons

    @property
    def response(self) -> Histogram:
        """done − planned of what was answered, and the age at which the unknown were given up."""
        return self.total.response

    @property
    def service(self) -> Histogram:
        """done − sent of what was answered."""
        return self.total.service

    @property
    def lag(self) -> Histogram:
        """sent − planned."""
        return self.total.lag

    @property
    def late(self) -> Histogram:
        """Taken up − planned: the quality of the generator itself."""
        return self.total.late

    def take(self) -> Delta:
        """Return what was counted since the last time, and begin anew; for who adds it up elsewhere."""
        taken = Delta(self.total, self.tags, self.series, self.in_flight, self.on_way, self.connections, self.examples)
        self.total, self.tags, self.series, self.connections, self.examples = Figures(), {}, {}, 0, {}
        return taken

    def merge(self, delta: Delta) -> None:
        """Add what another has counted; `in_flight` and `on_way` are the adder's own affair."""
        self.total.merge(delta.total)
        self.connections += delta.connections
        keep(self.examples, delta.examples)
        for tag, figures in delta.tags.items():
            self.tags.setdefault(tag, Figures()).merge(figures)
        for i, second in delta.series.items():
            self._second(i).merge(second)

    def absorb(self, rows: NDArray[np.int64], reasons: Sequence[Reason], tags: Sequence[str]) -> None:
        """Count shots that came to their end.

        Arguments:
            rows: shape (shots, COLUMNS). reasons, tags: by number.
        """
        if not len(rows):
            return
        batch = Batch(rows, reasons)
        self.total.count(batch)
        for number, _ in tally(batch.tag):
            self.tags.setdefault(tags[number], Figures()).count(batch.where(batch.tag == number))
        keep(self.examples, examples(batch, tags, self.zero))
        self._count_seconds(batch)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures in a form that JSON can hold."""
        plain = ("url", "profile", "seconds", "started_at", "elapsed_seconds", "interrupted", "connections")
        return {
            **{name: getattr(self, name) for name in plain},
            **self.total.as_dict(),
            "accepted": self.accepted,
            "answered": self.answered,
            "examples": msgspec.to_builtins(self.examples),
            "tags": {tag: figures.as_dict() for tag, figures in self.tags.items()},
            "series": [{"second": i} | self.series[i].as_dict() for i in sorted(self.series)],
        }

    def _count_seconds(self, batch: Batch) -> None:
        planned, done = self._seconds(batch.planned), self._seconds(batch.done)
        for i, _ in tally(planned):
            self._second(i).of_plan.count(batch.where(planned == i))
        for i, count in tally(self._seconds(batch.sent[batch.sent > 0])):
            self._second(i).sent += count
        for i, _ in tally(done):
            here, second = done == i, self._second(i)
            second.refused += int(np.count_nonzero(here & batch.refused))
            second.unknown += int(np.count_nonzero(here & batch.unknown))
            for status, count in tally(batch.status[here & batch.answered]):
                second.answered[status] += count

    def _seconds(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the second that each instant falls into; what was planned before the beginning belongs to it."""
        return np.maximum((instants - self.zero) // NANOSECONDS, 0)

    def _second(self, i: int) -> Second:
        second = self.series.get(i)
        if second is None:
            second = self.series[i] = Second(Figures().coarser(SECOND_BITS))
        return second
