"""A message as one binary value: a MessagePack array whose first three items the scripts read as well."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from forebay.errors import UsageError
from forebay.message import Message

Packed = tuple[str | None, float, int, float, dict[str, str], bytes]
"""key, not_before, priority, accepted_at, headers, body."""

PLACE = 20
"""Characters before the id in a member of a sorted set: rank and number of the message."""
FOREIGN = "forebay-foreign"
"""The header of what somebody else put there: why it is no message of ours."""
FAR = 2**63

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Packed).decode


def pack(message: Message, now: float, headers: dict[str, str] | None = None) -> bytes:
    """Return the value of a message.

    Arguments:
        message: its id stays outside.
        now: when it was accepted, where it does not say so itself.
        headers: to be kept instead of its own.

    Raises:
        UsageError: a text of it is no Unicode, or its priority has more than 64 bits.
    """
    m = message
    kept = m.headers if headers is None else headers
    try:
        if m.priority and not -FAR <= m.priority < FAR:
            raise OverflowError("its priority has more than 64 bits")
        return _encode((m.key, m.not_before, m.priority, m.accepted_at or now, kept, m.body))
    except (UnicodeEncodeError, OverflowError) as error:
        raise UsageError(f"the message {m.id} cannot be written: {error}") from error


def unpack(id: str, value: bytes) -> Message:
    """Return a message; a value that somebody else wrote is the body of one that says so in its headers."""
    try:
        key, not_before, priority, accepted_at, headers, body = _decode(value)
    except msgspec.MsgspecError as error:
        return Message(id, value, headers={FOREIGN: str(error)})
    return Message(id, body, key, headers, priority, accepted_at, not_before)


def id_of(member: bytes) -> str:
    """Return the id at the end of a member."""
    return member[PLACE:].decode("utf-8", "replace")


def text_of(answer: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return names and values that a server answered as text."""
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in answer.items()}
