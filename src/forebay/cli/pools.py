"""What `forebay fire` fires: one pool at a URL, or those of a configuration of Pandora, each ready to be fired."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from forebay.cli.files_apart import check_apart
from forebay.cli.firings import Asked
from forebay.cli.recording import join, sink
from forebay.errors import UsageError
from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.pandora.pools import STDERR, Pool, Result
from forebay.load.pandora.pools import read as read_pandora
from forebay.load.shots import forms
from forebay.load.shots.reading import ShotsReader
from forebay.load.shots.writing import ShotsWriter
from forebay.url import without_passwords
from forebay.version import __version__

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Pooled:
    """One pool, ready to be fired.

    Arguments:
        name: of it. battery: that fires it. finish: to be called when it has been fired.
    """

    name: str
    battery: Battery
    finish: Callable[[], None]

    def about(self, requirements: Sequence[str], seed: int) -> dict[str, Any]:
        """Return what is to be known of its run besides its figures, so that its file can be read without its maker."""
        firing = self.battery.firing
        expected = firing.profile.cumulative(firing.seconds) if firing.profile else None
        return {
            "requirements": list(requirements),
            "expected": expected if expected and expected < float("inf") else None,
            "connections": firing.connections,
            "timeout_seconds": firing.timeout,
            "processes": self.battery.processes,
            "seed": seed,
            "command": shlex.join(_discreet(sys.argv[1:])).encode("utf-8", "backslashreplace").decode(),
            "host": socket.gethostname(),
            "cores": len(os.sched_getaffinity(0)),
            "system": platform.platform(),
            "versions": {"forebay": __version__, "python": platform.python_version()},
        }


def pools(target: str, asked: Asked, folder: Path, shots: Path | None, out: Path | None = None) -> list[Pooled]:
    """Return what is to be fired.

    Arguments:
        target: a URL, or a file of Pandora. folder: for files on the way. shots: where every single shot is written.
        out: where the run will be written.

    Raises:
        UsageError: something cannot be read, or does not go together.
    """
    if "://" in target or not target.endswith(_SUFFIXES):
        firing = asked.firing(target)
        for caution in getattr(firing.ammo, "cautions", ()):  # of ammunition from a file
            click.echo(f"{asked.ammo}: {caution}", err=True)
        return [_pooled("", firing, asked, shots, lambda: None)]
    asked.check_only_processes()
    found = read_pandora(Path(target))
    if shots is not None and len(found) > 1:
        raise UsageError("--shots is one file, and there are several pools", "their `result` says where their shots go")
    for path in {pool.result.path for pool in found if pool.result.path}:
        check_apart({"--out": out, "--shots": shots, "the `result` of a pool,": Path(path)})
    for note in dict.fromkeys(note for pool in found for note in pool.notes):
        click.echo(f"{target}: {note}", err=True)
    return [_of_pandora(pool, asked, shots, folder / f"shots-{i}") for i, pool in enumerate(found)]


def _of_pandora(pool: Pool, asked: Asked, wished: Path | None, between: Path) -> Pooled:
    """Return a pool of Pandora, whose shots are written as its `result` says, and to the file that was wished for."""
    form = _form(pool.result)
    shots = wished or (between if form else None)

    def finish() -> None:
        if form is not None and shots is not None:
            _write(pool.result.path, form(ShotsReader(shots)), "a")  # another pool may have the same

    if form is not None and pool.result.path:
        _write(pool.result.path, ())  # to say at once that it cannot be written
    return _pooled(pool.id, pool.firing, asked, shots, finish)


def _form(result: Result) -> Callable[[ShotsReader], Iterable[str]] | None:
    """Return what makes the text of a result; None: it has none."""
    if result.kind == "phout":
        return functools.partial(forms.phout, ids=result.ids)
    return forms.json_lines if result.kind == "jsonlines" else None


def _write(path: str, lines: Iterable[str], mode: str = "w") -> None:
    try:
        if path == STDERR:  # which may be a file that must not be emptied
            sys.stderr.writelines(lines)
            return
        with click.open_file(path or "-", mode, "utf-8") as file:
            file.writelines(lines)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", "the `result` of a pool names a file"
        ) from error


def _pooled(name: str, firing: Firing, asked: Asked, shots: Path | None, finish: Callable[[], None]) -> Pooled:
    processes = asked.enough_processes(firing)
    if shots is None:
        return Pooled(name, Battery(firing, processes), finish)
    ShotsWriter(shots, firing.url, 0, 0.0).close()  # to say at once that it cannot be written
    battery = Battery(firing, processes, sink(shots, firing.url))

    def joined() -> None:
        join(shots, battery)
        finish()

    return Pooled(name, battery, joined)


def _discreet(words: Sequence[str]) -> list[str]:
    """Return the words of a command line without passwords: those of URLs, and the values of headers."""
    shown: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        header = before in ("-H", "--header") or word.startswith(("-H", "--header="))
        shown.append(f"{word.partition(':')[0]}: ..." if header and ":" in word else without_passwords(word))
    return shown
