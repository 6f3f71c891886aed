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
from typing import Any

import msgspec

from forebay.errors import ForebayError, UsageError
from forebay.load.results.examples import Example
from forebay.load.results.figures import Figures
from forebay.load.results.run import SECOND_BITS as SECOND_BITS
from forebay.load.results.run import Run, Second

VERSION = 1


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
            self._file = path.open("wb", buffering=0)
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
        end: dict[str, Any] = {"end": True, "started_at": run.started_at, "elapsed_seconds": run.elapsed_seconds}
        end |= {"interrupted": run.interrupted}
        end |= {"connections": run.connections, "total": run.total.as_dict(), "tags": tags, "about": dict(about)}
        end["examples"] = run.examples
        self._write(end)
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        data = memoryview(msgspec.json.encode(record) + b"\n")
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file.close()
            raise ForebayError(f"{self._path} cannot be written: {os.strerror(error.errno or 0)}") from error


class Record(msgspec.Struct):
    """A run read back.

    Arguments:
        run: its figures, all seconds included.
        about: what else was written of it; see `about.about`.
        complete: whether its end is there; without it, `run.total` is the sum of the seconds, and no tag is known.
        name: of its file.
    """

    run: Run
    about: dict[str, Any]
    complete: bool
    name: str = ""


def read(path: Path) -> Record:
    """Return the run of a file.

    Raises:
        UsageError: there is no such file, or it is not one of a run; names the line.
    """
    try:
        with path.open("rb") as file:
            record = _begun(path, file.readline())
            for number, line in enumerate(file, 2):
                if line.endswith(b"\n"):  # what stands behind the last line break was torn by the death of its writer
                    _add(record, path, number, line)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "name the file of --out") from error
    if not record.complete:
        _add_up(record)
    return record


def _begun(path: Path, line: bytes) -> Record:
    try:
        head = msgspec.json.decode(line)
    except msgspec.DecodeError:
        head = None
    if not isinstance(head, dict) or head.get("forebay") != "run":
        shots = isinstance(head, dict) and head.get("forebay") == "shots"
        hint = (
            "it holds single shots: --phout, --vegeta-csv or --json-lines"
            if shots
            else "`forebay fire --out` writes them"
        )
        raise UsageError(f"{path} is not the file of a run", hint)
    if head.get("version") != VERSION:
        raise UsageError(
            f"{path} is the file of a run in version {head.get('version')} of the form; this forebay reads {VERSION}",
            "read it with the forebay that has written it",
        )
    try:
        run = Run(head["url"], head["profile"], float(head["seconds"]))
        run.started_at = float(head["started_at"])
        return Record(run, dict(head["about"]), complete=False, name=path.name)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"line 1 of {path} is not the head of a run: {error!r}") from error


def _add(record: Record, path: Path, number: int, line: bytes) -> None:
    try:
        form = msgspec.json.decode(line)
        if record.complete:
            raise ValueError("it stands behind the end")
        if "second" in form:
            _add_second(record.run, int(form["second"]), _second(form))
        else:
            _finish(record, form)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError, msgspec.DecodeError) as error:
        raise UsageError(f"line {number} of {path} is not one of a run: {error}", "is it the file of --out?") from error


def _add_second(run: Run, i: int, second: Second) -> None:
    if i in run.series:
        run.series[i].merge(second)
    else:
        run.series[i] = second


def _second(form: Mapping[str, Any]) -> Second:
    answered = Counter({int(status): count for status, count in form["answered"].items()})
    return Second(Figures.from_dict(form["of_plan"]), form["sent"], form["refused"], form["unknown"], answered)


def _finish(record: Record, form: Mapping[str, Any]) -> None:
    run = record.run
    run.started_at = float(form["started_at"])  # at the head it was not known to the second
    run.elapsed_seconds = float(form["elapsed_seconds"])
    run.interrupted = bool(form["interrupted"])
    run.connections = int(form["connections"])
    run.total = Figures.from_dict(form["total"])
    run.tags = {tag: Figures.from_dict(figures) for tag, figures in form["tags"].items()}
    run.examples = msgspec.convert(form.get("examples", {}), dict[str, Example])  # files of before have none
    record.about |= form["about"]
    record.complete = True


def _add_up(record: Record) -> None:
    """Make the figures of a run that has no end from those of its seconds."""
    run = record.run
    run.total = Figures().coarser(SECOND_BITS)
    for second in run.series.values():
        run.total.merge(second.of_plan)
    run.interrupted = True
    run.elapsed_seconds = float(max(run.series, default=-1) + 1)
