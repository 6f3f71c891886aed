"""Where a broker keeps a message, as references and deliveries tell it: a partition and an offset, or a sequence.

A reference is the id of its message and, behind a dot, the place: ``ID.0.17`` on Kafka, ``ID.now-17`` on NATS. A broker
that knows messages by their ids alone has references without a place.
"""

from __future__ import annotations

import re

import msgspec

_PLACE = re.compile(
    r"(?:later-)?(?P<partition>[0-9]{1,18})\.(?P<offset>[0-9]{1,18})|(?:now|later)-(?P<number>[0-9]{1,18})"
)


class Position(msgspec.Struct, frozen=True):
    """The number that a broker has given to a message.

    Arguments:
        offset: in its partition on Kafka; on NATS its sequence in the stream.
        partition: None: the broker has none.
    """

    offset: int
    partition: int | None = None


def position_of(place: str) -> Position | None:
    """Return what a place says; None where it says nothing of a number."""
    read = _PLACE.fullmatch(place)
    if read is None:
        return None
    if (number := read["number"]) is not None:
        return Position(int(number))
    return Position(int(read["offset"]), int(read["partition"]))


def split_reference(reference: str) -> tuple[str, str]:
    """Return the id of the message that a reference names, and its place; the place is empty where there is none."""
    id, _, place = reference.partition(".")
    return id, place
