"""Variables from a file as .env files are written: comments, quotes, ``export``; nothing in it is replaced."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from forebay.errors import UsageError


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file; a ``${NAME}`` in a value stays as it is.

    Raises:
        UsageError: the file cannot be read, or one of its lines, which is named by its number.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "--env names a file of variables") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8 (byte {error.start})") from error
    lines: dict[str, int] = {}
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        line = _line(binding)
        if binding.error or (binding.key is not None and (binding.value is None or "\0" in binding.original.string)):
            raise UsageError(
                f"line {line} of {path} cannot be read", "write it as NAME=value, NAME='value' or # comment"
            )
        if binding.key is None or binding.value is None:
            continue
        if binding.key in lines:
            raise UsageError(f"{binding.key} stands twice in {path}: in lines {lines[binding.key]} and {line}")
        lines[binding.key], values[binding.key] = line, binding.value
    return values


def add_to(environment: MutableMapping[str, str], path: Path) -> None:
    """Set the variables of a file that the environment does not have.

    Raises:
        UsageError: as `read`.
    """
    for name, value in read(path).items():
        environment.setdefault(name, value)


def _line(binding: Binding) -> int:
    """Return the number of the line on which it stands; the parser counts empty lines before it as its own."""
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    return binding.original.line + before.count("\n") + before.count("\r") - before.count("\r\n")
