"""What every store can keep. The strictest decides, so that a test on ``memory://`` meets what PostgreSQL refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from forebay.errors import Undecodable, UsageError
from forebay.stores.collection import Document
from forebay.stores.store import Claim, Result
from forebay.stores.window import Entry

LONGEST_NAME = 1_000  # bytes; two of them and their overhead fit into one entry of PostgreSQL's index (2,704 bytes)

LARGEST = 2**63  # a whole number of 64 bits is below it, and not below its negative
_WINDOW = re.compile(r"[A-Za-z0-9_-]{1,40}")
_COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,39}")  # SQLite takes Orders and orders for one table
_TABLES = {"inbox", "result", "claim", "store_version", "moving_window", "window_value"}  # of the stores themselves

_scan = msgspec.json.Decoder(msgspec.Raw).decode  # walks over the whole text, builds nothing
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def refusal(result: Result) -> Undecodable | None:
    """Return why no store can keep this result, None when all can (save for numbers beyond a database's range)."""
    reason = _fault_of_name(result.id) or _fault_of_name(result.topic) or _fault_of_value(result.value)
    if reason is None:
        return None
    return Undecodable(
        f"the result of message {result.id!r} cannot be stored: {reason}",
        "let the handler return JSON without NUL characters; trying again will not help",
    )


def refusal_of(document: Document) -> Undecodable | None:
    """Return why no store can keep this document, None when all can (save for numbers beyond a database's range)."""
    reason = _fault_of_name(document.key) or _fault_of_value(document.value)
    if reason is None:
        return None
    return Undecodable(
        f"the document {document.key[:80]!r} cannot be stored: {reason}",
        "send JSON without NUL characters; trying again will not help",
    )


def can_be_name(name: str) -> bool:
    """Say whether anything can be stored under this id, topic or key."""
    return _fault_of_name(name) is None


def check_names(*names: str) -> None:
    """Refuse an id, topic or key that a store cannot keep.

    Raises:
        UsageError: says which and why.
    """
    for name in names:
        if reason := _fault_of_name(name):
            raise UsageError(f"{name[:80]!r} cannot be stored: {reason}")


def check_claims(claims: Sequence[Claim]) -> None:
    """Refuse claims with texts that a store cannot keep.

    Raises:
        UsageError: says which and why.
    """
    for claim in claims:
        check_names(claim.key, claim.fingerprint, claim.id, claim.reference)


def check_window(name: str, size: int) -> None:
    """Refuse a name or a size that no window can have.

    Raises:
        UsageError: says which and why.
    """
    if not _WINDOW.fullmatch(name):
        raise UsageError(f"{name[:80]!r} is not the name of a window", "letters, digits, - and _, at most 40")
    if not 1 <= size < LARGEST:
        raise UsageError(f"a window of {size} values", "1 or more")


def check_entries(entries: Sequence[Entry]) -> None:
    """Refuse entries that no window can hold.

    Raises:
        UsageError: says which and why.
    """
    for entry in entries:
        check_names(entry.id, entry.topic)
        if not -LARGEST <= entry.value < LARGEST:
            raise UsageError(f"the value of message {entry.id!r} has more than 64 bits")


def check_collection(name: str) -> None:
    """Refuse a name that no collection can have.

    Raises:
        UsageError: says why.
    """
    if not _COLLECTION.fullmatch(name):
        hint = "small letters, digits and _, a letter first, at most 40"
        raise UsageError(f"{name[:80]!r} is not the name of a collection", hint)
    if name in _TABLES:
        raise UsageError(f"a collection cannot be called {name}", "a table of the store itself has this name")


def _fault_of_name(name: str) -> str | None:
    if "\0" in name:
        return "a NUL character in a name"
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return "half of a surrogate pair in a name"
    return f"a name of {size} bytes, more than {LONGEST_NAME}" if size > LONGEST_NAME else None


def _fault_of_value(value: bytes) -> str | None:
    try:
        _scan(value)
        value.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not JSON: {error}"
    except RecursionError:
        return "nested too deeply"
    if b"\\u0000" in value and _NUL.search(value):  # the cheap question first
        return "a NUL character (\\u0000) in a text"
    return None
