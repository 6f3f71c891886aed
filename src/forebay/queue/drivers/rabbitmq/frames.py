"""The frames that every message needs, written and read by hand; pamqp has the rest of the protocol.

A message is a method frame, a header frame with its properties, and as many body frames as its size needs.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import msgspec
from pamqp import decode

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = b"\xce"
START = struct.Struct(">BHI")
"""Type, channel and size, which every frame begins with."""
OVERHEAD = START.size + len(END)

DELIVER, RETURN, ACK, NACK = 60 << 16 | 60, 60 << 16 | 50, 60 << 16 | 80, 60 << 16 | 120
"""Class and method of what comes with every message, as the first four bytes of a method frame."""

_CONTENT_TYPE, _ENCODING, _HEADERS, _MODE, _PRIORITY, _MESSAGE_ID = (1 << bit for bit in (15, 14, 13, 12, 11, 7))
_TEXTS_BETWEEN = tuple(1 << bit for bit in (10, 9, 8))  # correlation id, reply to, expiration
_TIMESTAMP = 1 << 6
_TAGGED = struct.Struct(">BHIHHQBB")
_CONTENT = struct.Struct(">HHQH")
_LONG, _LONG_LONG = struct.Struct(">I"), struct.Struct(">Q")
_PERSISTENT = b"\x02"


class Properties(msgspec.Struct, gc=False):
    """What stands in the header frame of a message, as far as we use it.

    Arguments:
        headers: what the broker carries beside the body; values of other programs may be of any type.
        id: the message id; empty: it has none.
        priority: of the broker, from 0 to 255.
        timestamp: in whole seconds since the epoch; 0: none.
    """

    headers: Mapping[str, Any]
    id: str = ""
    priority: int = 0
    timestamp: int = 0


class Arrival(msgspec.Struct, gc=False):
    """A message as it came over a channel.

    Arguments:
        tag: by which the channel knows the delivery; 0: the broker returns what it could not route.
        redelivered: whether it was out before, as far as the broker knows.
        properties: of the message.
        body: its bytes.
    """

    tag: int
    redelivered: bool
    properties: Properties
    body: bytes


def ack_frame(channel: int, tag: int) -> bytes:
    """Return the frame that says one delivery is over."""
    return _TAGGED.pack(METHOD, channel, 13, 60, 80, tag, 0, 0xCE)


def requeue_frame(channel: int, tag: int) -> bytes:
    """Return the frame that gives one delivery back to its queue."""
    return _TAGGED.pack(METHOD, channel, 13, 60, 120, tag, 2, 0xCE)


def tagged(payload: bytes) -> tuple[int, int]:
    """Return the tag and the flags of an ack or nack that the broker sends."""
    tag, flags = struct.unpack_from(">QB", payload, 4)
    return tag, flags


def publish_method(exchange: str, routing_key: str) -> bytes:
    """Return the payload of the method frame that publishes, with the wish to hear of what cannot be routed."""
    return b"\x00\x3c\x00\x28\x00\x00" + _short(exchange) + _short(routing_key) + b"\x01"


def content_header(size: int, properties: Properties) -> bytes:
    """Return the payload of the header frame of a persistent message whose header values are texts."""
    flags = _HEADERS | _MODE
    tail = _PERSISTENT
    if properties.priority:
        flags |= _PRIORITY
        tail += bytes((properties.priority,))
    if properties.id:
        flags |= _MESSAGE_ID
        tail += _short(properties.id)
    table = b"".join([_field(name, text) for name, text in properties.headers.items()])
    return b"".join((_CONTENT.pack(60, 0, size, flags), _LONG.pack(len(table)), table, tail))


def message_frames(channel: int, method: bytes, header: bytes, body: bytes, frame_max: int) -> bytes:
    """Return all frames of one message."""
    parts = [
        START.pack(METHOD, channel, len(method)),
        method,
        END,
        START.pack(HEADER, channel, len(header)),
        header,
        END,
    ]
    step = frame_max - OVERHEAD
    for begin in range(0, len(body), step):
        piece = body if len(body) <= step else body[begin : begin + step]
        parts += (START.pack(BODY, channel, len(piece)), piece, END)
    return b"".join(parts)


def route_published(payload: bytes) -> bytes:
    """Return exchange and routing key of what :func:`publish_method` wrote, comparable with `route_returned`."""
    return payload[6:-1]


def route_returned(payload: bytes) -> bytes:
    """Return exchange and routing key of a message that the broker returns."""
    return payload[7 + payload[6] :]


def read_delivery(payload: bytes) -> tuple[int, bool]:
    """Return the tag of a delivery, and whether it was out before."""
    at = 5 + payload[4]  # after the consumer's tag
    return _LONG_LONG.unpack_from(payload, at)[0], bool(payload[at + 8] & 1)


def consumer_of(payload: bytes) -> str:
    """Return the tag of the consumer that a delivery is for."""
    return payload[5 : 5 + payload[4]].decode()


def read_header(payload: bytes) -> tuple[int, Properties]:
    """Return the size of the body and the properties of a message, whoever wrote it."""
    _, _, size, flags = _CONTENT.unpack_from(payload)
    properties, at = Properties({}), _CONTENT.size
    for flag in (_CONTENT_TYPE, _ENCODING):
        if flags & flag:
            at += 1 + payload[at]
    if flags & _HEADERS:
        length = _LONG.unpack_from(payload, at)[0]
        properties.headers = read_table(payload, at + 4, at + 4 + length)
        at += 4 + length
    if flags & _MODE:
        at += 1
    if flags & _PRIORITY:
        properties.priority = payload[at]
        at += 1
    for flag in _TEXTS_BETWEEN:
        if flags & flag:
            at += 1 + payload[at]
    if flags & _MESSAGE_ID:
        properties.id = payload[at + 1 : at + 1 + payload[at]].decode("utf-8", "replace")
        at += 1 + payload[at]
    if flags & _TIMESTAMP:
        properties.timestamp = _LONG_LONG.unpack_from(payload, at)[0]
    return size, properties


def read_table(data: bytes, at: int, end: int) -> dict[str, Any]:
    """Return a table of headers; texts quickly, all other types by pamqp.

    A value that cannot be read is left out, and so is what follows one whose length cannot be told.
    """
    table: dict[str, Any] = {}
    while at < end:
        begin = at + 1 + data[at]
        name = data[at + 1 : begin].decode("utf-8", "replace")
        if data[begin] == 83:  # S: a long text
            at = begin + 5 + _LONG.unpack_from(data, begin + 1)[0]
            table[name] = data[begin + 5 : at].decode("utf-8", "replace")
        else:
            try:
                length, table[name] = decode.embedded_value(data[begin:end])
            except (ValueError, RecursionError, struct.error):  # a year beyond 9999, nesting without end
                length = _length_of_value(data, begin)
            at = begin + length if length else end
    return table


def _length_of_value(data: bytes, begin: int) -> int:
    """Return the bytes that an unreadable value takes with its type; 0: nobody knows."""
    if data[begin] in b"AFx":
        return 5 + int(_LONG.unpack_from(data, begin + 1)[0])
    return 9 if data[begin] in b"TLld" else 0


def _short(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return bytes((len(raw),)) + raw


def _field(name: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return b"".join((_short(name), b"S", _LONG.pack(len(raw)), raw))
