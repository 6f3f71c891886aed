"""A message as one binary value: a MessagePack array whose first three items the scripts read as well."""

from __future__ import annotations

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


def pack(message: Message, now: float) -> tuple[bytes, bytes]:
    """Return the id and the value of a message.

    Arguments:
        message: what is to be written; its id stays outside of the value.
        now: when it was accepted, where it does not say so itself.

    Raises:
        UsageError: a text of it is no Unicode, or its priority has more than 64 bits.
    """
    m = message
    try:
        if m.priority and not -FAR <= m.priority < FAR:
            raise OverflowError("its priority has more than 64 bits")
        value = _encode((m.key, m.not_before, m.priority, m.accepted_at or now, m.headers, m.body))
        return m.id.encode(), value
    except (UnicodeEncodeError, OverflowError) as error:
        raise UsageError(f"the message {m.id!r} cannot be written: {error}") from error


class Part:
    """Messages that are published in one step."""

    def __init__(self) -> None:
        self.numbers: list[int] = []  # within the call
        self.words: list[bytes] = []
        self.size = 0
        self.plain = "1"  # empty where some message has a time of its own

    def add(self, number: int, message: Message, now: float) -> None:
        """Add a message that was accepted now; raises UsageError where it cannot be written."""
        name, value = pack(message, now)
        self.words += (name, value)
        self.numbers.append(number)
        self.size += len(value)
        if message.not_before:
            self.plain = ""


def readable(headers: dict[str, str]) -> dict[str, str]:
    """Return headers that can be written: a story may quote what is no Unicode."""
    return {_readable(name): _readable(text) for name, text in headers.items()}


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


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
