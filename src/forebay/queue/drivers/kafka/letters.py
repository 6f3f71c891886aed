"""Dead letters: a compacted topic, read from its beginning and then kept up with, folded into what became of each id.

The record of a letter that is gone stays as a tombstone, which says how often its message came back and how it ended;
that keeps the counts of a topic right for as long as the topic lives, through any compaction.
"""

from __future__ import annotations

from typing import Any

import msgspec

from forebay.message import Message
from forebay.queue.driver import DeadLetter
from forebay.queue.drivers.kafka.records import (
    ENDED,
    RETURNS,
    Arrival,
    Record,
    headers_of,
    key_of,
    original_key,
    read,
)
from forebay.queue.drivers.kafka.tail import Tail

RETURNED, DROPPED, PURGED = "returned", "dropped", "purged"
COUNT = "forebay-count"
PLACE = "forebay-place"
RETRIED_PLACE = "forebay-retry-place"
PURGE = "forebay-purge-"


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What became of the dead letters of one message id, or of one purge.

    Arguments:
        buried: how often it became a dead letter.
        returned: how often it was put back to wait.
        returned_to_main: how often of these in the main topic, as it was done before groups had their own.
        dropped: dead letters removed for good.
        purged: waiting messages removed by command.
    """

    buried: int = 0
    returned: int = 0
    returned_to_main: int = 0
    dropped: int = 0
    purged: int = 0


class Letters:
    """The fold of a topic of dead letters; belongs to one thread.

    Arguments:
        settings: of the client that reads.
        topic: of the dead letters.
    """

    def __init__(self, settings: dict[str, Any], topic: str) -> None:
        self.lying: dict[str, DeadLetter] = {}
        self.returned_to: dict[str, tuple[bool, int, int]] = {}
        """By message id, where a letter that came back waits: in the main topic (else for retry), partition, offset."""
        self._topic = topic
        self._fates: dict[str, Fate] = {}
        self._tail = Tail(settings, topic, self._fold)

    @property
    def total(self) -> Fate:
        """The sum of all that became of dead letters."""
        fates = self._fates.values()
        return Fate(
            sum(fate.buried for fate in fates),
            sum(fate.returned for fate in fates),
            sum(fate.returned_to_main for fate in fates),
            sum(fate.dropped for fate in fates),
            sum(fate.purged for fate in fates),
        )

    def returns(self, id: str) -> int:
        """Return how often a message came back from the dead letters."""
        return self._fates.get(id, Fate()).returned

    def catch_up(self) -> None:
        """Read what has come since the last call.

        Raises:
            KafkaException, Unavailable: the broker does not answer; what was read stays.
        """
        self._tail.catch_up()

    def close(self) -> None:
        """Let go of the broker."""
        self._tail.close()

    def _fold(self, record: Any) -> None:
        id = (record.key() or b"").decode("utf-8", "replace")
        came = read(record, self._topic)
        self.lying.pop(id, None)
        self.returned_to.pop(id, None)
        if record.value() is None:
            self._fates[id] = _fate_of_ended(came)
            if place := _place(came.message):
                self.returned_to[id] = place
            return
        self._fates[id] = Fate(came.returns + 1, came.returns)
        self.lying[id] = DeadLetter(came.message.replace(id=id, key=original_key(record)), came.attempt)


def _fate_of_ended(came: Arrival) -> Fate:
    if came.ended == PURGED:
        return Fate(purged=_number(came.message.headers.get(COUNT, "")))
    if came.ended == RETURNED:
        into_main = came.returns if PLACE in came.message.headers else 0
        return Fate(came.returns, came.returns, into_main)
    return Fate(came.returns + 1, came.returns, dropped=1)


def _place(message: Message) -> tuple[bool, int, int] | None:
    for name in (PLACE, RETRIED_PLACE):
        partition, dot, offset = message.headers.get(name, "").partition(".")
        if dot:
            return name == PLACE, _number(partition), _number(offset)
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def letter(topic: str, message: Message, attempts: int, returns: int) -> Record:
    """Return the record of a new dead letter."""
    ours: dict[str, object] = {"attempt": attempts, "returns": returns}
    if message.key is not None:
        ours["key"] = message.key
    return Record(topic, _id(message.id), message.body, headers_of(message, **ours))


def coming_back(topic: str, message: Message, returns: int) -> Record:
    """Return the record that puts a dead letter back to wait for its group, for the `returns`-th time."""
    return Record(topic, key_of(message), message.body, headers_of(message, returns=returns))


def returned_note(topic: str, id: str, returns: int, place: tuple[int, int]) -> Record:
    """Return the tombstone of a dead letter that waits again, for the `returns`-th time, at a place for retries."""
    headers = [(ENDED, RETURNED.encode()), (RETURNS, str(returns).encode()), (RETRIED_PLACE, b"%d.%d" % place)]
    return Record(topic, _id(id), None, headers)


def dropped_note(topic: str, id: str, returns: int) -> Record:
    """Return the tombstone of a dead letter that was removed for good."""
    return Record(topic, _id(id), None, [(ENDED, DROPPED.encode()), (RETURNS, str(returns).encode())])


def purge_note(topic: str, id: str, count: int) -> Record:
    """Return the record that says how many waiting messages one process has removed; it replaces the one before."""
    return Record(topic, _id(PURGE + id), None, [(ENDED, PURGED.encode()), (COUNT, str(count).encode())])


def _id(id: str) -> bytes:
    return id.encode("utf-8", "replace")
