"""Reading a file of shots block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.load.results.figures import COLUMNS, Reason
from forebay.load.shot import Kind
from forebay.load.shots.writing import ROW, VERSION

_FORM = {"forebay": "shots", "version": VERSION, "columns": list(COLUMNS)}
_LONGEST_LINE = 1 << 24


class Block(NamedTuple):
    """Some shots, in the order of their ends: shape (shots, COLUMNS); `reasons` and `tags` by number, all so far."""

    rows: NDArray[np.int64]
    reasons: Sequence[Reason]
    tags: Sequence[str]


class ShotsReader:
    """Reads a file of shots; every iteration begins anew.

    Arguments:
        path: of the file.

    Raises:
        UsageError: there is no such file, or it is not one of shots.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            head = self._line(file)
        if head is None or any(head.get(name) != wanted for name, wanted in _FORM.items()):
            raise UsageError(f"{path} is not a file of shots", f"`forebay fire --shots` writes them, version {VERSION}")
        try:
            self.url = str(head["url"])
            self.zero = int(head["zero"])
            self.started_at = float(head["started_at"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is not a file of shots: {error!r}") from error

    def unix(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return instants of rows as Unix times in nanoseconds."""
        return instants - self.zero + round(self.started_at * 1e6) * 1000  # a float holds no finer time of our days

    def __iter__(self) -> Iterator[Block]:
        """Yield block by block; ends where the file was torn by the death of its writer.

        Raises:
            UsageError: what stands there is not a block.
        """
        reasons: list[Reason] = []
        tags: list[str] = []
        with self._opened() as file:
            self._line(file)
            while (head := self._line(file)) is not None:
                try:
                    count = int(head["rows"])
                    reasons += [(Kind(kind), reason) for kind, reason in head.get("reasons", ())]
                    tags += head.get("tags", ())
                except (KeyError, TypeError, ValueError) as error:
                    raise UsageError(f"{self._path} is not a file of shots: {error!r}") from error
                data = file.read(count * len(COLUMNS) * ROW.itemsize)
                whole = len(data) // (len(COLUMNS) * ROW.itemsize)
                rows = np.frombuffer(data, dtype=ROW, count=whole * len(COLUMNS)).reshape(-1, len(COLUMNS))
                yield Block(rows.astype(np.int64, copy=False), reasons, tags)
                if whole < count:
                    return

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror}", "name the file of --shots") from error

    def _line(self, file: BinaryIO) -> dict[str, Any] | None:
        """Return what the next line says; None at the end, and where the file was torn."""
        line = file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            return None
        try:
            said = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise UsageError(f"{self._path} is not a file of shots: {error}") from error
        if not isinstance(said, dict):
            raise UsageError(f"{self._path} is not a file of shots: {said!r:.40} is not the head of a block")
        return said
