"""The figures of shots: counts and histograms of constant size, made of batches of rows, and mergeable exactly.

The engine notes each shot as one row of whole numbers when it has come to its end. A batch is many such rows, counted
by numpy, which costs a few hundred nanoseconds a shot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from forebay.histogram import Counted, Histogram
from forebay.load.shot import Kind

NANOSECONDS = 1_000_000_000

COLUMNS = ("index", "planned", "taken", "sent", "done", "status", "tag", "bytes_out", "bytes_in")
"""Of a row: which shot; its instants in nanoseconds: planned, taken up by the engine, sent (0: not), done; its HTTP
status, or −1 − the number of the reason why it has none; the number of its tag; its bytes."""

Reason = tuple[Kind, str]
"""Whether a shot was refused or is unknown, and why."""


_TIMES = ("response", "service", "lag", "late")


class Batch:
    """Rows, taken apart by column and by how they ended; all arrays have the shape (shots,)."""

    def __init__(self, rows: NDArray[np.int64], reasons: Sequence[Reason]) -> None:
        self.rows = rows
        self.reasons = reasons
        self.index, self.planned, self.taken, self.sent, self.done = rows.T[:5]
        self.status, self.tag, self.bytes_out, self.bytes_in = rows.T[5:]
        refusals = [-1 - i for i, (kind, _) in enumerate(reasons) if kind is Kind.REFUSED]
        self.answered = self.status > 0
        self.refused = np.isin(self.status, refusals)
        self.unknown = ~self.answered & ~self.refused

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def times(self) -> dict[str, Counted]:
        """The times of `Figures`, counted once for all that they are added to."""
        sent = self.sent > 0
        return {
            "response": Counted.of((self.done - self.planned)[~self.refused]),
            "service": Counted.of((self.done - self.sent)[self.answered]),
            "lag": Counted.of((self.sent - self.planned)[sent]),
            "late": Counted.of(self.taken - self.planned),
        }

    @cached_property
    def statuses(self) -> list[tuple[int, int]]:
        """(status, how often) for each there is."""
        return tally(self.status)

    def where(self, mask: NDArray[np.bool_]) -> Batch:
        """Return the rows that the mask names; itself where that is all of them."""
        if mask.all():
            return self
        return Batch(self.rows[mask], self.reasons)


class Figures(msgspec.Struct):
    """What became of shots: all of a run, those of a tag, or those planned within a second.

    Arguments:
        planned: how many. sent: of these, written to a connection. refused: certainly not sent. unknown: sent, and
            without a whole answer.
        statuses: answered, by HTTP status. reasons: of the refused and the unknown.
        response: done − planned of what was answered, and the age at which the unknown were given up.
        service: done − sent of what was answered. lag: sent − planned.
        late: taken up − planned, what of the lag is the generator's own fault; the rest waited for a connection.
    """

    planned: int = 0
    sent: int = 0
    refused: int = 0
    unknown: int = 0
    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    bytes_out: int = 0
    bytes_in: int = 0
    response: Histogram = msgspec.field(default_factory=Histogram)
    service: Histogram = msgspec.field(default_factory=Histogram)
    lag: Histogram = msgspec.field(default_factory=Histogram)
    late: Histogram = msgspec.field(default_factory=Histogram)

    @property
    def answered(self) -> int:
        """How many were answered at all."""
        return self.statuses.total()

    @property
    def accepted(self) -> int:
        """How many were answered with 2xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def failed(self) -> int:
        """How many were refused, are unknown, or were answered with 400 or more."""
        return self.planned - sum(count for status, count in self.statuses.items() if status < 400)

    def count(self, batch: Batch) -> None:
        """Count the shots of a batch."""
        self.planned += len(batch)
        self.sent += int(np.count_nonzero(batch.sent))
        self.refused += int(np.count_nonzero(batch.refused))
        self.unknown += int(np.count_nonzero(batch.unknown))
        self.bytes_out += int(batch.bytes_out.sum())
        self.bytes_in += int(batch.bytes_in.sum())
        for status, count in batch.statuses:
            if status > 0:
                self.statuses[status] += count
            else:
                self.reasons[batch.reasons[-1 - status][1]] += count
        for name, counted in batch.times.items():
            getattr(self, name).add(counted)

    def merge(self, other: Figures) -> None:
        """Add all that the other has counted; the order of merging changes nothing."""
        for name in ("planned", "sent", "refused", "unknown", "bytes_out", "bytes_in"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.statuses.update(other.statuses)
        self.reasons.update(other.reasons)
        for name in _TIMES:
            getattr(self, name).merge(getattr(other, name))

    def coarser(self, bits: int) -> Figures:
        """Return the same figures with histograms of fewer cells; see `Histogram.coarser`."""
        return msgspec.structs.replace(self, **{name: getattr(self, name).coarser(bits) for name in _TIMES})

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold; `from_dict` reads it back."""
        form = msgspec.structs.asdict(self)
        form["statuses"] = {str(status): count for status, count in sorted(self.statuses.items())}
        form["reasons"] = dict(self.reasons)
        return form | {name: form[name].as_dict() for name in _TIMES}

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Figures:
        """Return the figures that `as_dict` described."""
        read = dict(form)
        read["statuses"] = Counter({int(status): count for status, count in form["statuses"].items()})
        read["reasons"] = Counter(form["reasons"])
        return cls(**read | {name: Histogram.from_dict(form[name]) for name in _TIMES})


def tally(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (value, how often) for each value there is."""
    found, counts = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))
