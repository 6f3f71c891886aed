"""What no broker can write: refused before it shares a batch with others, whose answers it would spoil."""

from __future__ import annotations

from math import isfinite

from forebay.errors import UsageError
from forebay.message import Message

FAR = 1 << 63
"""The first priority that has more than 64 bits."""


class Unwritable(UsageError):
    """A message holds what no broker can write; nothing was accepted, and trying again cannot help."""


def flaw_of(message: Message) -> str:
    """Return why a message cannot be written; empty: it can.

    Text that came from bytes which are no UTF-8 (of a command line, of the name of a file) holds lone surrogates.
    """
    key, headers = message.key, message.headers
    if not -FAR <= message.priority < FAR:
        return "its priority has more than 64 bits"
    if not (isfinite(message.not_before) and isfinite(message.accepted_at)):
        return "a time of it never comes"
    if not headers and message.id.isascii() and (key is None or key.isascii()):
        return ""
    texts = (message.id, key or "", *headers, *headers.values())
    if _is_no_unicode("".join(texts)):  # at once: with headers this is a hot path too
        return f"{next(filter(_is_no_unicode, texts))!r} is no Unicode"
    return "the name of a header has a NUL" if "\0" in "".join(headers) else ""


def _is_no_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
