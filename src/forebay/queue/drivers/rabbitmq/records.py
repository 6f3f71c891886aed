"""A message as RabbitMQ carries it, and anything that RabbitMQ carries, however strange, as a message.

The id is the message id of AMQP, headers are its headers; what AMQP has no place for stands in headers of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.errors import TooLarge
from forebay.message import Message
from forebay.queue.drivers.rabbitmq.frames import OVERHEAD, Arrival, Properties, content_header
from forebay.queue.headers import ACCEPTED_AT, ID, KEY, NOT_BEFORE, PRIORITY, number, told_of

ATTEMPTS = "forebay-tried"
CRASHES = "forebay-crashes"
DUE_AT = "forebay-due-at"
ODD = "forebay-odd-headers"
OURS = frozenset({ID, KEY, ACCEPTED_AT, PRIORITY, NOT_BEFORE, ATTEMPTS, CRASHES, DUE_AT, ODD})

HIGHEST_PRIORITY = 31
"""Of a message, as the broker sorts: quorum queues have these 32 since 4.3, and classic ones are declared with them."""

_OF_THE_BROKER = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count", "x-opt-")
_ROUTING = frozenset({"CC", "BCC"})
_SHORT = 255


class Came(msgspec.Struct, gc=False):
    """A message that came, and what its past is.

    Arguments:
        message: it.
        tried: attempts that were made before this copy was published.
        crashes: times that it came back since, without a word of its worker.
        due_at: not to be delivered before, in seconds since the epoch.
        foreign: it came without an id, and got one that nobody else knows.
    """

    message: Message
    tried: int = 0
    crashes: int = 0
    due_at: float = 0.0
    foreign: bool = False

    @property
    def attempt(self) -> int:
        """The number of its next delivery, from 1.

        The first time that it came back is not counted: the broker takes back also what is on its way at the moment
        when a consumer is cancelled or a connection is lost, and nobody has tried that.
        """
        return self.tried + 1 + max(self.crashes - 1, 0)


def content_of(
    message: Message,
    frame_max: int,
    *,
    tried: int = 0,
    crashes: int = 0,
    due_at: float = 0.0,
    sorted_by_priority: bool = False,
) -> tuple[str, bytes, bytes]:
    """Return the id, the payload of the header frame, and the body of a message.

    Arguments:
        message: it.
        frame_max: bytes of a frame; the broker takes no larger header.
        tried: attempts made so far.
        crashes: times that it came back since.
        due_at: not to be delivered before; 0: at once.
        sorted_by_priority: whether the broker is to know the priority; newer ones sort every quorum queue by it.

    Raises:
        TooLarge: the headers do not fit into a frame.
    """
    headers = _plain(message.headers) | told_of(message)
    id = message.id
    if len(id.encode("utf-8", "replace")) > _SHORT:
        headers[ID], id = id, ""
    if tried:
        headers[ATTEMPTS] = str(tried)
    if crashes:
        headers[CRASHES] = str(crashes)
    if due_at:
        headers[DUE_AT] = repr(due_at)
    properties = Properties(headers, id)
    if sorted_by_priority:
        properties.priority = min(max(message.priority, 0), HIGHEST_PRIORITY)
    header = content_header(len(message.body), properties)
    if len(header) > frame_max - OVERHEAD:
        raise TooLarge(f"the headers of {message.id} take {len(header)} bytes, and RabbitMQ takes {frame_max}")
    return message.id, header, message.body


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that AMQP can carry as they are; those it gives a meaning stand together in one of ours."""
    odd = {name: text for name, text in headers.items() if _is_odd(name)}
    if not odd:
        return dict(headers)
    plain = {name: text for name, text in headers.items() if name not in odd}
    return {**plain, ODD: msgspec.json.encode(odd).decode()}


def _is_odd(name: str) -> bool:
    return name in _ROUTING or name in OURS or name.startswith(_OF_THE_BROKER) or len(name) * 4 > _SHORT


def came(arrival: Arrival, new_id: str) -> Came:
    """Return what an arrival carries.

    Arguments:
        arrival: anything may be in it.
        new_id: for a message that has none.
    """
    headers = arrival.properties.headers
    crashes = max(_count(headers.get(name)) for name in ("x-delivery-count", "x-acquired-count"))
    texts = {name: _text(value) for name, value in headers.items() if not name.startswith(_OF_THE_BROKER)}
    id = texts.pop(ID, "") or arrival.properties.id
    accepted_at = number(texts.pop(ACCEPTED_AT, ""), float(arrival.properties.timestamp))
    key = texts.pop(KEY, None)
    message = Message(id or new_id, arrival.body, key, texts, arrival.properties.priority, accepted_at)
    if OURS.isdisjoint(texts):
        return Came(message, crashes=crashes, foreign=not id)
    return _with_ours(message, {name: texts.pop(name) for name in OURS if name in texts}, crashes, not id)


def _with_ours(message: Message, ours: Mapping[str, str], crashes: int, foreign: bool) -> Came:
    """Return what came, with the rest of what stands in our own headers."""
    if ODD in ours:
        message = message.replace(headers=message.headers | _odd_headers(ours[ODD]))
    not_before = number(ours.get(NOT_BEFORE, ""), 0.0)
    priority = int(number(ours.get(PRIORITY, ""), message.priority))
    return Came(
        message.replace(priority=priority, not_before=not_before),
        max(int(number(ours.get(ATTEMPTS, ""), 0.0)), 0),
        crashes + max(int(number(ours.get(CRASHES, ""), 0.0)), 0),
        max(number(ours.get(DUE_AT, ""), 0.0), not_before),
        foreign,
    )


def _odd_headers(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:  # somebody else wrote it
        return {ODD: text}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
