"""Telling the format of a file of ammunition by its beginning and, where that is not enough, by its name."""

from __future__ import annotations

import re
import zlib
from pathlib import PurePath

import msgspec

from forebay.errors import UsageError
from forebay.load.ammo.files import Source

_BEGINNING = 65_536
_BY_NAME = {"uri": "uri", "uripost": "uripost", "raw": "raw", "phantom": "raw", "stpd": "stpd"}
_BY_CONTENT = (
    ("vegeta", re.compile(r"[A-Z]+\s+(https?://|/)\S*")),
    ("stpd", re.compile(r"\d+ \d+( .*)?")),
    ("uripost", re.compile(r"\d+ (https?://|/)\S*( .*)?")),
    ("raw", re.compile(r"\d+( .*)?")),
    ("uri", re.compile(r"(https?://|/)\S*( .*)?")),
    ("access", re.compile(r'.*"[A-Z]+ \S+ HTTP/[0-9.]+".*')),
)
_HEADER = re.compile(r"\[[\w-]+\s*:[^{}\"]*\]")
_KEY = re.compile(r'"(uri|url|method)"\s*:')
_HINT = "write it before the name, as in uri:paths.txt or raw:shots.txt"


def sniffed(source: Source) -> str:
    """Return the name of the format of a file.

    Raises:
        UsageError: it cannot be read, or is of no known format.
    """
    suffixes = [suffix.lstrip(".").lower() for suffix in PurePath(source.name).suffixes]
    named = next((_BY_NAME[suffix] for suffix in suffixes if suffix in _BY_NAME), None)
    found = named or _by_content(_beginning(source))
    if found is None:
        raise UsageError(f"the format of {source.name} is not known", _HINT)
    return found


def _beginning(source: Source) -> str:
    try:
        with source.open() as stream:
            return stream.read(_BEGINNING).decode("utf-8", "replace").removeprefix("\ufeff")
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{source.name} cannot be read: {error}", "is it a file?") from error


def _by_content(beginning: str) -> str | None:
    lines = [line.strip() for line in beginning.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#") and not _HEADER.fullmatch(line)]
    if not lines:
        return None
    if lines[0].startswith(("{", "[")):
        return _of_json("\n".join(lines))
    return next((name for name, form in _BY_CONTENT if form.fullmatch(lines[0])), None)


def _of_json(beginning: str) -> str:
    """Return which kind of JSON it is, by the names in the first object."""
    first = beginning.split("\n", 1)[0]
    try:
        value = msgspec.json.decode(first)
        names = set(value[0] if isinstance(value, list) else value)
    except (msgspec.DecodeError, IndexError, TypeError):
        names = set(_KEY.findall(beginning))
    if "uri" in names:
        return "http/json"
    return "vegeta/json" if {"url", "method"} <= names else "bodies"
