"""Joining the files of shots that several processes have written, in the order of time and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forebay.load.results.figures import COLUMNS, Reason
from forebay.load.shots.reading import Block, ShotsReader
from forebay.load.shots.writing import ShotsWriter, part_of

Rows = NDArray[np.int64]

_DONE, _STATUS, _TAG = COLUMNS.index("done"), COLUMNS.index("status"), COLUMNS.index("tag")
_AT_ONCE = 20_000
"""Rows of each file in memory, and those of one block more."""


def joined(path: Path, parts: int) -> None:
    """Make one file of what several processes have written, and remove the parts.

    Arguments:
        path: of the file; see `part_of` for those of the processes. parts: how many.

    Raises:
        UsageError: a part is missing, or the file cannot be written.
        ForebayError: the disk does not take it.
    """
    places = [part_of(path, part) for part in range(parts)]
    if parts == 1:
        places[0].replace(path)
        return
    readers = [ShotsReader(place) for place in places]
    writer = ShotsWriter(path, readers[0].url, readers[0].zero, readers[0].started_at)
    for block in in_order(readers):
        writer(*block)
    writer.close()
    for place in places:
        place.unlink()


def in_order(readers: Sequence[ShotsReader]) -> Iterator[Block]:
    """Yield the shots of several files of one run in the order of their ends."""
    numbers = _Numbers()
    sources = [_Source(reader, numbers) for reader in readers]
    while live := [source for source in sources if source.filled()]:
        until = min(int(source.rows[-1, _DONE]) for source in live)
        rows = np.concatenate([source.taken(until) for source in live])
        yield Block(rows[np.argsort(rows[:, _DONE], kind="stable")], numbers.reasons, numbers.tags)


class _Numbers:
    """One numbering of reasons and tags for several files, each of which has its own."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self.tags: list[str] = []
        self._of_reason: dict[Reason, int] = {}
        self._of_tag: dict[str, int] = {}

    def told(self, block: Block) -> Rows:
        """Return the rows of a block with the common numbers."""
        rows = block.rows.copy()
        reasons = np.array([self._reason(reason) for reason in block.reasons] or [0], dtype=np.int64)
        tags = np.array([self._tag(tag) for tag in block.tags] or [0], dtype=np.int64)
        status = rows[:, _STATUS]
        failed = status < 0
        status[failed] = -1 - reasons[-1 - status[failed]]
        rows[:, _TAG] = tags[rows[:, _TAG]]
        return rows

    def _reason(self, reason: Reason) -> int:
        number = self._of_reason.setdefault(reason, len(self.reasons))
        if number == len(self.reasons):
            self.reasons.append(reason)
        return number

    def _tag(self, tag: str) -> int:
        number = self._of_tag.setdefault(tag, len(self.tags))
        if number == len(self.tags):
            self.tags.append(tag)
        return number


class _Source:
    """One file, and the rows of it that were read and not taken."""

    def __init__(self, reader: ShotsReader, numbers: _Numbers) -> None:
        self._blocks = iter(reader)
        self._numbers = numbers
        self.rows: Rows = np.empty((0, len(COLUMNS)), dtype=np.int64)

    def filled(self) -> bool:
        """Read on where nothing is left; return whether there is something."""
        if len(self.rows):
            return True
        read: list[Rows] = []
        while sum(map(len, read)) < _AT_ONCE and (block := next(self._blocks, None)) is not None:
            read.append(self._numbers.told(block))
        if read:
            self.rows = np.concatenate(read)
        return bool(len(self.rows))

    def taken(self, until: int) -> Rows:
        """Return what has ended until an instant, and have it no more."""
        count = int(np.searchsorted(self.rows[:, _DONE], until, side="right"))
        taken, self.rows = self.rows[:count], self.rows[count:]
        return taken
