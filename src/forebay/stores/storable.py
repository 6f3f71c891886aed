"""What every store can keep. The strictest decides, so that a test on ``memory://`` meets what PostgreSQL refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from forebay.errors import Undecodable, UsageError
from forebay.stores.store import Claim, Result

LONGEST_NAME = 1_000  # bytes; two of them and their overhead fit into one entry of PostgreSQL's index (2,704 bytes)

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
