"""Files of one command, kept apart: what it writes is none that it reads, and none that it writes otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os.path import isfile  # unlike Path.is_file it bears any name, as a long URL
from pathlib import Path

from forebay.errors import UsageError


def check_apart(written: Mapping[str, Path | None], read: Iterable[Path] = ()) -> None:
    """Raise UsageError where one file is named twice and would be lost; what is no file, as /dev/null, takes all.

    Arguments:
        written: the files by their options; None: not asked for.
        read: the names that may be those of files; one by which there is none takes nothing.
    """
    taken = {path.resolve() for path in read if isfile(path)}
    for option, path in written.items():
        if path is None or (path.exists() and not path.is_file()):
            continue
        if path.resolve() in taken:
            raise UsageError(f"{option} {path} would overwrite another file of this command", "name a file of its own")
        taken.add(path.resolve())
