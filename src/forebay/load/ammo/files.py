"""Ammunition from a file: small ones are held, large ones read as they are fired, again and again."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from forebay.errors import UsageError
from forebay.load.ammo.text import Entry, Origin, Text, Unreadable
from forebay.load.shot import Shot, UsedUp

Format = Callable[[Text], Iterator[Entry]]
Change = Callable[[Shot], Shot]

HELD_SHOTS = 65_536
HELD_BYTES = 64 * 2**20
"""A file with more than these is read as it is fired, which each process does for itself."""
_WORTH = 500
"""Bytes that a shot takes besides its body."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where ammunition is read from, as often as it is needed.

    Arguments:
        name: in errors. open: returns the bytes from the beginning. folder: in which files that it names are.
    """

    name: str
    open: Callable[[], BinaryIO]
    folder: Path = Path()

    @classmethod
    def of_path(cls, path: Path) -> Source:
        """Return a file, which may be packed by gzip."""
        return cls(str(path), lambda: _unpacked(path), path.parent)

    @classmethod
    def of_lines(cls, lines: Iterable[str], name: str) -> Source:
        """Return lines that stand elsewhere."""
        content = "\n".join(lines).encode()
        return cls(name, lambda: io.BytesIO(content))


def _unpacked(path: Path) -> BinaryIO:
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "is the name of the ammunition right?") from error


@contextmanager
def reading(source: Source, headers: Mapping[str, str], origin: Origin) -> Iterator[Text]:
    """Open a file for one pass; what is found wrong in it is an error that names file and line."""
    with source.open() as stream:
        text = Text(stream, headers, origin, source.folder)
        try:
            yield text
        except (Unreadable, OSError, EOFError, zlib.error) as error:
            raise _wrong(source, text.line, error) from error


def _wrong(source: Source, line: int, error: Exception) -> UsageError:
    return UsageError(f"line {line} of {source.name}: {error}", getattr(error, "hint", ""))


@dataclass(slots=True)
class AmmoFile:
    """The shots of a file, in its order, again and again; each call gives the shot of an index, the same for the same.

    Arguments:
        source: the file. format: reads it.
        url: of the target, with which the URLs of the file have to agree; empty: the first one of them decides.
        headers: of every shot, below those of the file.
        limit: shots; 0: without end. passes: through the file; 0: without end.
        cases: the tags of the shots that are fired; empty: all.
        change: what is done to each shot when it is made; None: nothing.

    Raises:
        UsageError: it cannot be read, names the line; or holds no shot. Of a file too large to be held, what comes
            later is found wrong only when it is due.
    """

    source: Source
    format: Format
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    passes: int = 0
    cases: frozenset[str] = frozenset()
    change: Change | None = None
    shots: list[Shot] | None = field(init=False, default=None, repr=False)
    """All of them, where the file is small enough."""
    origin: Origin = field(init=False, repr=False)
    cautions: tuple[str, ...] = field(init=False, default=())
    """What is worth knowing about the file."""
    _stream: _Stream = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self.origin = Origin(self.url)
        except Unreadable as error:
            raise UsageError(str(error), error.hint) from error
        self.shots = self._held()
        self._stream = _Stream(self._read, self._made, self.passes)

    def __call__(self, index: int) -> Shot:
        """Return the shot of an index.

        Raises:
            UsedUp: there are no more. UsageError: a large file is wrong here.
        """
        if 0 < self.limit <= index:
            raise UsedUp("the ammunition has come to its limit")
        if self.shots is None:
            return self._stream(index)
        turn, place = divmod(index, len(self.shots))
        if 0 < self.passes <= turn:
            raise UsedUp("the ammunition is used up")
        return self.shots[place]

    def _held(self) -> list[Shot] | None:
        """Return all shots; None: there are too many."""
        found, size = list[Shot](), 0
        for entry in self._read():
            shot = self._made(entry)
            size += len(shot.body) + len(shot.raw) + _WORTH
            if len(found) == HELD_SHOTS or size > HELD_BYTES:
                return None
            found.append(shot)
        if not found:
            what = f"no shot of {self.source.name} has a tag of {', '.join(sorted(self.cases))}"
            raise UsageError(what if self.cases else f"{self.source.name} holds no shot", "is it another format?")
        return found

    def _read(self) -> Iterator[Entry]:
        """Yield the entries of one pass, of the chosen cases, with errors that name file and line."""
        with reading(self.source, self.headers, self.origin) as text:
            for entry in self.format(text):
                if not self.cases or entry.tag in self.cases:
                    yield entry
        if text.passed_over:
            self.cautions = (f"lines passed over, which are no GET and no HEAD: {text.passed_over}",)

    def _made(self, entry: Entry) -> Shot:
        try:
            shot = entry.make()
            return self.change(shot) if self.change else shot
        except Unreadable as error:
            raise _wrong(self.source, entry.line, error) from error

    def __str__(self) -> str:
        return self.source.name


class _Stream:
    """The shots of a file that is read again and again, in rising order; what is passed over is not made.

    Arguments:
        read: yields the entries of one pass. make: makes the shot of one. passes: how many; 0: without end.
    """

    def __init__(self, read: Callable[[], Iterator[Entry]], make: Callable[[Entry], Shot], passes: int) -> None:
        self._read = read
        self._make = make
        self._passes = passes
        self._process = 0
        self._entries: Iterator[Entry] = iter(())
        self._next = 0
        """The index of what is read next."""
        self._turns = 0

    def __call__(self, index: int) -> Shot:
        if index < self._next or self._process != os.getpid():  # a forked process shares the place in an open file
            self._process, self._entries, self._next, self._turns = os.getpid(), self._read(), 0, 1
        while True:
            entry = next(self._entries, None)
            if entry is not None:
                self._next += 1
                if self._next > index:
                    return self._make(entry)
            elif self._turns == self._passes:
                raise UsedUp("the ammunition is used up")
            else:
                self._entries, self._turns = self._read(), self._turns + 1
