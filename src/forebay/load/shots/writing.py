"""The file of shots: every single one on record, written by the processes of the cannon while the run goes on.

    {"forebay": "shots", "version": 1, "columns": [...], "url": ..., "zero": ..., "started_at": ...}
    {"rows": 3, "reasons": [[kind, reason], ...], "tags": [...]}
    3 rows of whole numbers, 8 bytes each, the least first
    ...

`reasons` and `tags` are those that are new in the block; rows name them by number, over all blocks. Each process writes
a part of its own, and `joined` makes one file of them, in the order in which the shots came to their end. All of it
takes constant memory. A part of a process that was killed is read as far as it goes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from forebay.errors import ForebayError, UsageError
from forebay.load.results.figures import COLUMNS, Reason

VERSION = 1
ROW = np.dtype("<i8")


class ShotsWriter:
    """Writes a file of shots; call it with each batch of them.

    Arguments:
        path: of the file; what is there is replaced.
        url: what is shot at.
        zero: the beginning of the run on the clock of the rows, nanoseconds.
        started_at: the same instant as a Unix time, seconds.

    Raises:
        UsageError: it cannot be written there.
    """

    def __init__(self, path: Path, url: str, zero: int, started_at: float) -> None:
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}", "name a file: --shots shots") from error
        self._path = path
        self._reasons = self._tags = 0
        head = {"forebay": "shots", "version": VERSION, "columns": COLUMNS}
        self._write(_line(head | {"url": url, "zero": zero, "started_at": started_at}))

    def __call__(self, rows: NDArray[np.int64], reasons: Sequence[Reason], tags: Sequence[str]) -> None:
        """Write shots that came to their end.

        Arguments:
            rows: shape (shots, COLUMNS), in the order of their ends. reasons, tags: by number; they only grow.

        Raises:
            ForebayError: the disk does not take it.
        """
        if not len(rows):
            return
        head: dict[str, Any] = {"rows": len(rows)}
        if len(reasons) > self._reasons:
            head["reasons"] = [(kind.value, reason) for kind, reason in reasons[self._reasons :]]
        if len(tags) > self._tags:
            head["tags"] = list(tags[self._tags :])
        self._reasons, self._tags = len(reasons), len(tags)
        self._write(_line(head) + np.ascontiguousarray(rows, dtype=ROW).tobytes())

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._file.close()
            raise ForebayError(f"{self._path} cannot be written: {os.strerror(error.errno or 0)}") from error


def part_of(path: Path, part: int) -> Path:
    """Return where one process writes its part of a file of shots."""
    return path.with_name(f"{path.name}.part{part}")


def _line(head: dict[str, Any]) -> bytes:
    return msgspec.json.encode(head) + b"\n"
