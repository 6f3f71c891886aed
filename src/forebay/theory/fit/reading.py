"""Reads the log of a run: CSV under a line of names, or a JSON object a line; a row for each message or attempt.

`columns` says which names are known; others are not looked at. Logs of several processes may stand one after the
other, in any order of time.
"""

from __future__ import annotations

import csv
import gc
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path as File
from typing import Any, TextIO

import msgspec
import numpy as np

from forebay.errors import UsageError
from forebay.theory.fit import columns
from forebay.theory.fit.log import Log, Table, assembled
from forebay.theory.path import Path, Seconds

_CHUNK = 100_000
"""Rows that are turned into numbers at once."""
_HINT = "write CSV whose first line names the columns, or a JSON object a line"

Cells = Mapping[str, Sequence[Any]]
"""Cells by the name that the log has for their column; all of the same length."""


def read(source: str | File | TextIO, workers: float = 0) -> Path:
    """Return what became of the messages of a log, in the order of their arrival, seconds counted from the first.

    Arguments:
        source: a file, or text that is open for reading.
        workers: n, where it is known; 0: not known.

    Raises:
        UsageError: it is not a log, a row is wrong (the line is named), or it does not tell when messages came.
    """
    log = read_log(source, workers)
    if log.path is None:
        raise UsageError(
            f"{log.name} does not tell when messages came; of what is known it has {', '.join(log.known)}",
            "name the instants: accepted, and started and ended as far as they are known",
        )
    return log.path


def read_log(source: str | File | TextIO, workers: float = 0, topic: str | None = None) -> Log:
    """Return all that a log tells, of which `read` returns the path.

    Arguments:
        source, workers: as of `read`.
        topic: which queue is meant, where the log is of several.

    Raises:
        UsageError: it is not a log, or a row is wrong; the line is named.
    """
    try:
        if isinstance(source, str | File):
            with open(source, encoding="utf-8-sig", newline="") as lines:
                return _read(lines, str(source), workers, topic)
        return _read(source, "the log", workers, topic)
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not text: {error.reason}", _HINT) from error


def _read(lines: Iterator[str], name: str, workers: float, topic: str | None) -> Log:
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise UsageError(f"{name} is empty", _HINT)
    gathering = _Gathering(name)
    rows = _of_json(first, lines, name) if first.lstrip().startswith("{") else _of_csv(first, lines, name)
    collects = gc.isenabled()
    gc.disable()  # a row is a list: looking at millions of them in vain takes longer than reading them
    try:
        for line, cells in rows:
            gathering.add(line, cells)
    finally:
        if collects:
            gc.enable()
    return assembled(gathering.table(topic), workers)


class _Gathering:
    """Columns of numbers that grow by pieces."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: list[Seconds] = []
        self._parts: dict[str, list[Seconds]] = {}
        self._seen = 0
        self._words: dict[str, dict[str, int]] = {"topic": {}, "worker": {}}

    def add(self, line: int, cells: Cells) -> None:
        """Take over some rows, of which the first stands in this line."""
        count = len(next(iter(cells.values())))
        wanted = self._wanted(cells)
        for column in {**self._parts, **wanted}:
            if column not in self._parts:
                self._parts[column] = [np.full(self._seen, np.nan)]
            name, unit = wanted.get(column, ("", 1.0))
            read = self._reader(column, unit)
            part = self._checked(read, cells[name], line) * unit if name else np.full(count, np.nan)
            self._parts[column].append(part)
        self._lines.append(np.arange(line, line + count, dtype=float))
        self._seen += count

    def table(self, topic: str | None) -> Table:
        """Return all that was gathered of one topic."""
        if not self._seen:
            raise UsageError(f"{self._name} has names and no rows", _HINT)
        found = {column: np.concatenate(parts) for column, parts in self._parts.items()}
        labels = list(self._words["worker"])
        if labels and all(label.isdigit() for label in labels):
            known = ~np.isnan(found["worker"])
            found["worker"][known] = np.array(labels, dtype=float)[found["worker"][known].astype(int)]
        lines, meant = np.concatenate(self._lines), self._meant(topic)
        if meant is None:
            return Table(self._name, lines, found)
        rows = found["topic"] == meant
        return Table(self._name, lines[rows], {column: cells[rows] for column, cells in found.items()})

    def _meant(self, topic: str | None) -> int | None:
        """Return the number of the topic that is meant; None: there is but one."""
        topics = self._words["topic"]
        if topic is None and len(topics) < 2:
            return None
        if topic not in topics:
            what = f"it has no topic {topic!r}" if topic else "it is of several topics"
            raise UsageError(f"{self._name}: {what}", f"name one: {', '.join(topics) or 'it names none'}")
        return topics[topic]

    def _wanted(self, names: Iterator[str] | Cells) -> dict[str, tuple[str, float]]:
        """Return for each column that is there its name in the log, and its unit in seconds."""
        wanted: dict[str, tuple[str, float]] = {}
        for name in names:
            if (found := columns.meaning(name)) is None:
                continue
            column, unit = found
            if column in wanted:
                raise UsageError(f"{self._name}: {wanted[column][0]!r} and {name!r} are both {column}", "rename one")
            wanted[column] = name, unit
        if not wanted.keys() & {*columns.INSTANTS, *columns.TIMES}:
            raise UsageError(
                f"{self._name} has none of the columns that are known: {', '.join(itertools.islice(names, 8))}",
                f"known: {columns.all_names()}",
            )
        return wanted

    def _reader(self, column: str, unit: float) -> Callable[[Sequence[Any]], Seconds]:
        if column in self._words:
            return partial(columns.numbered, known=self._words[column])
        if column in columns.INSTANTS:
            return partial(columns.instants, unit=unit)
        special = {"id": columns.marks, "outcome": columns.fates, "attempt": columns.whole}
        return special.get(column, columns.times)

    def _checked(self, read: Callable[[Sequence[Any]], Seconds], cells: Sequence[Any], line: int) -> Seconds:
        """Return the numbers of some cells, or name the line of the first that is wrong."""
        try:
            return read(cells)
        except (ValueError, TypeError, OverflowError):
            for number, cell in enumerate(cells, line):
                try:
                    read([cell])
                except (ValueError, TypeError, OverflowError) as error:
                    raise UsageError(f"{self._name}, line {number}: {error}") from None
            raise


def _of_csv(first: str, lines: Iterator[str], name: str) -> Iterator[tuple[int, Cells]]:
    between = max(",;\t", key=first.count)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=between))]
    if len(set(header)) < len(header):
        raise UsageError(f"{name}: two columns have the same name", "give each its own")
    rows, line = csv.reader(_whole(lines, between, len(header)), delimiter=between), 2
    while chunk := list(itertools.islice(rows, _CHUNK)):
        if set(map(len, chunk)) == {len(header)} and header not in chunk:
            yield line, dict(zip(header, zip(*chunk, strict=True), strict=True))
        else:
            yield from _by_pieces(chunk, header, line, name)
        line += len(chunk)


def _whole(lines: Iterator[str], between: str, cells: int) -> Iterator[str]:
    """Yield lines, without a last one that was cut off while it was written: it has no end, and too few cells."""
    for line in lines:
        if line.endswith(("\n", "\r")) or line.count(between) >= cells - 1:
            yield line


def _by_pieces(chunk: list[list[str]], header: list[str], line: int, name: str) -> Iterator[tuple[int, Cells]]:
    """Yield the rows between empty lines and repeated names, which come where logs were put together."""
    numbered = enumerate(chunk, line)
    for is_row, group in itertools.groupby(numbered, lambda pair: bool(pair[1]) and pair[1] != header):
        piece = list(group)
        if not is_row:
            continue
        for number, row in piece:
            if len(row) != len(header):
                raise UsageError(f"{name}, line {number}: {len(row)} cells under {len(header)} names", _HINT)
        yield piece[0][0], dict(zip(header, zip(*(row for _, row in piece), strict=True), strict=True))


def _of_json(first: str, lines: Iterator[str], name: str) -> Iterator[tuple[int, Cells]]:
    decode, line = msgspec.json.Decoder(dict[str, Any]).decode, 1
    rest = itertools.chain([first], lines)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        rows = []
        for number, text in enumerate(chunk, line):
            try:
                rows.append(decode(text) if text.strip() else {})
            except msgspec.MsgspecError as error:
                if not text.endswith("\n"):  # cut off while it was written
                    continue
                raise UsageError(f"{name}, line {number}: {error}", _HINT) from None
        names = {key: None for row in rows for key in row}
        yield line, {key: [row.get(key) for row in rows] for key in names}
        line += len(chunk)
