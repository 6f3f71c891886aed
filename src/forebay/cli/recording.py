"""What a run leaves on the disk: its file, written while it goes on, and every single shot where that is asked for."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.load.battery import Battery, Sink
from forebay.load.engines.book import OnRows
from forebay.load.results.merging import merged
from forebay.load.results.runfile import Record, Writer, read
from forebay.load.shots.joining import joined
from forebay.load.shots.writing import ShotsWriter, part_of


class Recording:
    """Writes the file of one run. What the disk does not take ends the writing, not the run.

    Arguments:
        battery: before its first shot. about: what is to be known of the run besides its figures.
        path: of the file; None: none is written, and the seconds of the run are not kept.

    Raises:
        UsageError: it cannot be written there.
    """

    def __init__(self, battery: Battery, about: Mapping[str, Any], path: Path | None) -> None:
        self._battery = battery
        self._about = dict(about)
        self._path = path
        self._writer = Writer(path or Path(os.devnull), battery.run, about, battery.firing.timeout + 1)
        self.error: ForebayError | None = None

    def look(self, elapsed: float) -> None:
        """Write the seconds of which nothing more is expected, so many after the first shot."""
        self._try(lambda: self._writer.look(elapsed))

    def close(self, stopped: str = "") -> Record:
        """Write the end, and return the run as the file has it; without a file it has no seconds.

        Arguments:
            stopped: why it had to end before its time.
        """
        known = {"busy": self._battery.busy} | ({"stopped": stopped} if stopped else {})
        self._about |= known
        self._try(lambda: self._writer.close(known))
        if self._path is None or self.error is not None:
            return Record(self._battery.run, self._about, True)
        return read(self._path)

    def _try(self, write: Callable[[], None]) -> None:
        if self.error is None:
            try:
                write()
            except ForebayError as error:
                self.error = error


def together(records: Sequence[Record], names: Sequence[str], out: Path | None) -> Record:
    """Return one record of runs that were fired at once, whose tags begin with the name of each; write it to a file.

    Raises:
        ForebayError: the disk does not take it.
    """
    for record, name in zip(records, names, strict=True):
        tags = record.run.tags.items()
        record.run.tags = {f"{name}|{tag}" if tag else name: figures for tag, figures in tags}
    whole = merged(records)
    if out is not None:
        Writer(out, whole.run, whole.about, 0.0).close({})
        return read(out)
    return whole


def sink(path: Path, url: str) -> Sink:
    """Return what writes every shot of a battery to the parts of a file; `joined` makes it one."""
    zero, started_at = time.perf_counter_ns(), time.time()

    @contextlib.contextmanager
    def part(number: int) -> Iterator[OnRows]:
        writer = ShotsWriter(part_of(path, number), url, zero, started_at)
        try:
            yield writer
        finally:
            writer.close()

    def opened(number: int) -> AbstractContextManager[OnRows]:
        return part(number)

    return opened


def join(path: Path, battery: Battery) -> None:
    """Make one file of the parts that the processes of a battery have written.

    Raises:
        ForebayError: the disk does not take it.
    """
    joined(path, battery.processes)
