"""A message as a Kafka record, and any record, however strange, as a message."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from forebay.message import Message
from forebay.queue.headers import ACCEPTED_AT, ID, KEY, NOT_BEFORE, PRIORITY, number

ATTEMPT = "forebay-attempt"
DUE_AT = "forebay-due-at"
RETURNS = "forebay-returns"
ENDED = "forebay-ended"
OURS = (PRIORITY, ATTEMPT, DUE_AT, RETURNS, KEY, ENDED, NOT_BEFORE)

NEVER = 253_402_300_799.0
"""The last second of the year 9999: what has to wait for longer waits until then."""

Headers = list[tuple[str, bytes]]


class Record(msgspec.Struct, gc=False):
    """What goes to Kafka.

    Arguments:
        topic: where to.
        key: decides the partition; None: any.
        value: the body; None: a tombstone.
        headers: name by name.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Arrival(msgspec.Struct, gc=False):
    """What came from Kafka.

    Arguments:
        message: it.
        attempt: the number of the delivery that is due, from 1.
        due_at: not to be delivered before, in seconds since the epoch.
        returns: how often the message has come back from the dead letters.
        ended: what became of a dead letter; empty: it lies there.
    """

    message: Message
    attempt: int = 1
    due_at: float = 0.0
    returns: int = 0
    ended: str = ""


def key_of(message: Message) -> bytes | None:
    """Return the key of a record for a message."""
    return None if message.key is None else message.key.encode("utf-8", "replace")


def headers_of(message: Message, **ours: object) -> Headers:
    """Return the headers of a record for a message; `ours` are those of this module, by the names above."""
    headers = [(name, text.encode("utf-8", "replace")) for name, text in message.headers.items()]
    headers.append((ID, message.id.encode("utf-8", "replace")))
    headers.append((ACCEPTED_AT, repr(message.accepted_at).encode()))
    if message.priority:
        headers.append((PRIORITY, str(message.priority).encode()))
    if message.not_before:
        headers.append((NOT_BEFORE, repr(min(float(message.not_before), NEVER)).encode()))
    for name, value in ours.items():
        headers.append((f"forebay-{name.replace('_', '-')}", str(value).encode("utf-8", "replace")))
    return headers


def read(record: Any, topic: str) -> Arrival:
    """Return what a record of confluent-kafka carries; one that is not ours gets its place in the topic as its id.

    Arguments:
        record: without an error; anything may be in it.
        topic: the name for ids of records that have none.
    """
    headers = _texts(record)
    id = headers.pop(ID, "") or f"{topic}-{record.partition()}-{record.offset()}"
    accepted_at = number(headers.pop(ACCEPTED_AT, ""), math.nan)
    if accepted_at != accepted_at:
        accepted_at = max(record.timestamp()[1], 0) / 1000
    key, body = record.key(), record.value()
    ours = {name: headers.pop(name) for name in OURS if name in headers} if headers else headers
    text = None if key is None else _text(key)
    message = Message(id, b"" if body is None else body, text, headers, 0, accepted_at)
    return _with_ours(message, ours) if ours else Arrival(message)


def _with_ours(message: Message, ours: dict[str, str]) -> Arrival:
    if PRIORITY in ours:
        message = message.replace(priority=int(number(ours[PRIORITY], 0.0)))
    if NOT_BEFORE in ours:
        message = message.replace(not_before=number(ours[NOT_BEFORE], 0.0))
    return Arrival(
        message,
        max(int(number(ours.get(ATTEMPT, ""), 1.0)), 1),
        max(number(ours.get(DUE_AT, ""), 0.0), message.not_before),
        max(int(number(ours.get(RETURNS, ""), 0.0)), 0),
        ours.get(ENDED, ""),
    )


def original_key(record: Any) -> str | None:
    """Return the key that the message of a dead letter had before its id became the key of the record."""
    return _texts(record).get(KEY)


def _texts(record: Any) -> dict[str, str]:
    try:
        pairs = record.headers() or ()
    except ValueError:  # a name that is not text; nobody who writes such names expects us to read them
        pairs = ()
    return {name: "" if value is None else _text(value) for name, value in pairs}


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
