"""The book of an engine: a row for each shot that has come to its end, counted into the run batch by batch."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from forebay.load.engines.magazine import Loaded, Magazine
from forebay.load.results.figures import COLUMNS, Reason
from forebay.load.results.run import Run
from forebay.load.shot import Kind, Outcome
from forebay.load.wire.answers import Answer

OnOutcome = Callable[[Outcome], None]
OnRows = Callable[[NDArray[np.int64], Sequence[Reason], Sequence[str]], None]
"""Takes every shot that has ended since the last time: rows of shape (shots, COLUMNS), and reasons and tags by number.
The rows are its own to keep; called ten times a second."""
Fired = tuple[int, int, int, Loaded, int]
"""Index, planned, taken up, what, sent (0: not yet)."""

MOST_REASONS = 1_000
"""Different reasons that are told apart; further ones are counted together, so that memory stays flat."""

_clock = time.perf_counter_ns


class Book:
    """Notes how each shot of an engine ended.

    Arguments:
        run: into which it is counted. magazine: from which all shots come.
        on_outcome: called once with the outcome of each shot. on_rows: see `OnRows`.
    """

    def __init__(self, run: Run, magazine: Magazine, on_outcome: OnOutcome | None, on_rows: OnRows | None) -> None:
        self._run = run
        self._magazine = magazine
        self.on_outcome = on_outcome
        self._on_rows = on_rows
        self._rows = array("q")
        self._numbers: dict[Reason, int] = {}
        self._reasons: list[Reason] = []
        self._counted = 0

    def answered(self, fired: Fired, done: int, answer: Answer) -> None:
        """Note an answer."""
        index, planned, taken, loaded, sent = fired
        self._rows.extend((index, planned, taken, sent, done, answer.status, loaded.tag, loaded.size, answer.size))
        if self.on_outcome is not None:
            self._tell(fired, Kind.ANSWERED, done, answer)

    def failed(self, fired: Fired, kind: Kind, reason: str) -> None:
        """Note that a shot was refused, or is unknown."""
        index, planned, taken, loaded, sent = fired
        done, number = _clock(), self._number(kind, reason)
        size = loaded.size if sent else 0
        self._rows.extend((index, planned, taken, sent, done, -1 - number, loaded.tag, size, 0))
        if self.on_outcome is not None:
            self._tell(fired, kind, done, None, reason)

    def count(self, on_way: int = 0) -> None:
        """Bring the run up to date.

        Arguments:
            on_way: how many were sent and have not ended.
        """
        rows, self._rows = self._rows, array("q")
        ended = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(COLUMNS))
        self._run.absorb(ended, self._reasons, self._magazine.tags)
        self._counted += len(ended)
        self._run.in_flight, self._run.on_way = self._magazine.taken - self._counted, on_way
        if self._on_rows is not None and len(ended):
            self._on_rows(ended, self._reasons, self._magazine.tags)

    def _tell(self, fired: Fired, kind: Kind, done: int, answer: Answer | None, reason: str = "") -> None:
        index, planned, _, loaded, sent = fired
        status, head, body = (answer.status, answer.head, answer.body) if answer else (0, b"", b"")
        assert self.on_outcome is not None
        self.on_outcome(Outcome(index, loaded.shot.id, kind, status, planned, sent, done, head, body, reason))

    def _number(self, kind: Kind, reason: str) -> int:
        known = self._numbers.get((kind, reason))
        if known is None and len(self._numbers) >= MOST_REASONS:
            reason = "other reasons"
        number = self._numbers.setdefault((kind, reason), len(self._reasons))
        if number == len(self._reasons):
            self._reasons.append((kind, reason))
        return number
