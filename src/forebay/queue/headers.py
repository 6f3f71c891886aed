"""The headers in which a message carries what its broker has no place for, and how their text is read back."""

from __future__ import annotations

import math

from forebay.message import Message

ID = "forebay-id"
KEY = "forebay-key"
PRIORITY = "forebay-priority"
ACCEPTED_AT = "forebay-accepted-at"
NOT_BEFORE = "forebay-not-before"


def told_of(message: Message) -> dict[str, str]:
    """Return what these headers say of a message, its id left out; what it has not is not told."""
    told = {ACCEPTED_AT: repr(message.accepted_at)}
    if message.key is not None:
        told[KEY] = message.key
    if message.priority:
        told[PRIORITY] = str(message.priority)
    if message.not_before:
        told[NOT_BEFORE] = repr(message.not_before)
    return told


def number(text: str | None, otherwise: float) -> float:
    """Return the number that a header says; `otherwise` where there is no header, or no finite number in it."""
    try:
        said = float(text or "")
    except ValueError:
        return otherwise
    return said if math.isfinite(said) else otherwise
