"""The file of a run: lines of JSON, written while the run goes on, from which every report can be made again.

    {"forebay": "run", "version": 1, "url": ..., "profile": ..., "seconds": ..., "started_at": ..., "about": {...}}
    {"second": 0, "sent": ..., "refused": ..., "unknown": ..., "answered": {"200": ...}, "of_plan": {figures}}
    ...
    {"end": true, "elapsed_seconds": ..., "interrupted": ..., "total": {figures}, "tags": {"": {figures}}, ...}

A second may stand there twice, where something of it became known late: the lines add up. A file without an end is that
of a run that was killed, and is read as far as it goes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from forebay.errors import ForebayError, UsageError
from forebay.load.figures import Figures
from forebay.load.run import Run, Second

VERSION = 1
SECOND_BITS = 5
"""Of the histograms of a second in the file: 1.6 % are enough for pictures over time, and an hour has 3,600 of them."""


class Writer:
    """Writes the file of a run, and keeps the run small: the seconds that are written are taken out of it.

    Arguments:
        path: of the file; what is there is replaced.
        run: before its first shot.
        about: what else is to be known of it: versions, host, seed, requirements.
        settled_seconds: after which nothing more of a second is expected.

    Raises:
        UsageError: it cannot be written there.
    """

    def __init__(self, path: Path, run: Run, about: Mapping[str, Any], settled_seconds: float) -> None:
        try:
            self._file: BinaryIO = path.open("wb")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}", "name a file: --out run") from error
        self._path = path
        self._run = run
        self._settled = settled_seconds
        head = {"forebay": "run", "version": VERSION, "url": run.url, "profile": run.profile, "seconds": run.seconds}
        self._write(head | {"started_at": run.started_at, "about": dict(about)})

    def look(self, now_seconds: float) -> None:
        """Write the seconds of which nothing more is expected.

        Arguments:
            now_seconds: since the beginning of the run.

        Raises:
            ForebayError: the disk does not take it.
        """
        for i in sorted(i for i in self._run.series if i + 1 + self._settled < now_seconds):
            second = self._run.series.pop(i)
            second.of_plan = second.of_plan.coarser(SECOND_BITS)
            self._write({"second": i} | second.as_dict())

    def close(self, about: Mapping[str, Any]) -> None:
        """Write the rest and the end; `about` is what became known of it.

        Raises:
            ForebayError: the disk does not take it.
        """
        run = self._run
        self.look(float("inf"))
        tags = {tag: figures.as_dict() for tag, figures in run.tags.items()}
        end: dict[str, Any] = {"end": True, "elapsed_seconds": run.elapsed_seconds, "interrupted": run.interrupted}
        end |= {"connections": run.connections, "total": run.total.as_dict(), "tags": tags, "about": dict(about)}
        self._write(end)
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self._file.write(msgspec.json.encode(record) + b"\n")
            self._file.flush()
        except OSError as error:
            raise ForebayError(f"{self._path} cannot be written: {os.strerror(error.errno or 0)}") from error


class Record(msgspec.Struct):
    """A run read back.

    Arguments:
        run: its figures, all seconds included.
        about: what else was written of it.
        complete: whether its end is there.
    """

    run: Run
    about: dict[str, Any]
    complete: bool


def read(path: Path) -> Record:
    """Return the run of a file.

    Raises:
        UsageError: there is no such file, or it is not one of a run; names the line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "name the file of --out") from error
    head = _decoded(path, 1, lines[0])
    if head.get("forebay") != "run" or head.get("version") != VERSION:
        raise UsageError(f"{path} is not the file of a run", f"`forebay fire --out` writes them, version {VERSION}")
    run = Run(head["url"], head["profile"], head["seconds"])
    run.started_at = head["started_at"]
    record = Record(run, head["about"], complete=False)
    whole = lines[1:-1]  # what stands behind the last line break was torn by the death of its writer
    for number, line in enumerate(whole, 2):
        _add(record, path, number, line)
    if not record.complete:
        _add_up(record)
    return record


def _add(record: Record, path: Path, number: int, line: bytes) -> None:
    form = _decoded(path, number, line)
    run = record.run
    try:
        if "second" in form:
            second = run.series.setdefault(form["second"], read := _second(form))
            if second is not read:
                second.merge(read)
            return
        run.elapsed_seconds, run.interrupted, run.connections = (
            form["elapsed_seconds"],
            form["interrupted"],
            form["connections"],
        )
        run.total = Figures.from_dict(form["total"])
        run.tags = {tag: Figures.from_dict(figures) for tag, figures in form["tags"].items()}
        record.about |= form["about"]
        record.complete = True
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"line {number} of {path} is not one of a run: {error!r}") from error


def _second(form: Mapping[str, Any]) -> Second:
    answered = Counter({int(status): count for status, count in form["answered"].items()})
    counts = (form["sent"], form["refused"], form["unknown"])
    return Second(Figures.from_dict(form["of_plan"]), *counts, answered)


def _add_up(record: Record) -> None:
    """Make the figures of a run that has no end from those of its seconds."""
    run = record.run
    run.total = Figures().coarser(SECOND_BITS)
    for second in run.series.values():
        run.total.merge(second.of_plan)
    run.interrupted = True
    run.elapsed_seconds = float(max(run.series, default=-1) + 1)


def _decoded(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        form = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise UsageError(f"line {number} of {path} is not JSON: {error}", "is it the file of --out?") from error
    if not isinstance(form, dict):
        raise UsageError(f"line {number} of {path} is not one of a run", "is it the file of --out?")
    return form
