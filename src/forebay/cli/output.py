"""What a command says: tables for people, JSON lines for programs, errors in two lines, exit codes with a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import click

from forebay.cli.stdout import write
from forebay.errors import ForebayError, Unavailable, Unknown, UsageError


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    PROMISE_BROKEN = 4
    NOT_VALID = 5
    INTERRUPTED = 130


EXIT_CODES = {
    Exit.DONE.value: "done",
    Exit.FAILED.value: "failed",
    Exit.USAGE.value: "wrong usage",
    Exit.UNREACHABLE.value: "a broker or target cannot be reached",
    Exit.PROMISE_BROKEN.value: "the promise is broken: a threshold missed, a message lost",
    Exit.NOT_VALID.value: "the measurement is not valid",
    Exit.INTERRUPTED.value: "interrupted",
}


def fail(error: ForebayError) -> int:
    """Print what happened and what to do about it, and return the exit code."""
    click.echo(f"forebay: {error}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    if isinstance(error, UsageError):
        return Exit.USAGE
    return Exit.UNREACHABLE if isinstance(error, Unavailable | Unknown) else Exit.FAILED


def json_line(record: Any) -> None:
    """Print one record as a line of JSON."""
    import msgspec

    write(msgspec.json.encode(record).decode() + "\n")


def table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under the names of their columns; numbers stand right."""
    if not rows:
        return
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    right = [all(isinstance(row[name], int | float | None) for row in rows) for name in names]
    for line in ([name.replace("_", " ") for name in names], *cells):
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        click.echo("  ".join(padded).rstrip())


def confirm(name: str, doing: str, yes: bool) -> None:
    """Have the name typed back before something is gone for good, unless the user has said yes.

    Raises:
        UsageError: another name was typed.
    """
    if not yes and click.prompt(f"type {name} to {doing}") != name:
        raise UsageError("nothing was done: the name was another one")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return "".join(c if c.isprintable() else "�" for c in text)  # a payload must not steer the terminal
