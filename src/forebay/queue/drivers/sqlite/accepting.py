"""How messages enter: into every group of their topic, in one transaction, as far as there is room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple

import apsw
import msgspec

from forebay.disciplines import Order
from forebay.errors import ForebayError, QueueFull
from forebay.message import Message
from forebay.queue.drivers.sqlite.groups import SILENCE, Place, Removed
from forebay.queue.drivers.sqlite.lanes import advance
from forebay.queue.drivers.sqlite.rows import INTO_READY, as_json, column, run

LARGEST_INSERT: Final = 256  # rows of one statement

_COLUMNS: Final = "of_group, id, state, due, lane, priority, accepted_at, not_before, key, headers, body"
_INSERT: Final = f"INSERT INTO message ({_COLUMNS}) VALUES "
# A handful of statements for any number of rows: SQLite prepares each once, and runs it in one step.
_INSERTS: Final = {
    2**n: _INSERT + ",".join(["(?1,?,?,?,?,?,?,?,?,?,?)"] * 2**n) + " ON CONFLICT DO NOTHING"
    for n in range(LARGEST_INSERT.bit_length())
}


Row = tuple[str, int, float | None, str | None, int, float, float, str | None, str | None, bytes]
"""A message as it is inserted for each group: the values of the columns behind that of the group."""


class Receiver(NamedTuple):
    """A group that gets what is published."""

    number: int
    kept_order: str
    heard_at: float | None
    waiting: int


def row_of(message: Message, now: float) -> Row:
    """Return the row of a message that was accepted now."""
    late = message.not_before > now
    return (
        message.id,
        2 if late else 0,
        message.not_before if late else None,
        None,
        message.priority,
        message.accepted_at or now,
        message.not_before,
        message.key,
        msgspec.json.encode(message.headers).decode() if message.headers else None,
        message.body,
    )


def accept(
    connection: apsw.Connection, place: Place, rows: Sequence[Row], places: float, now: float
) -> tuple[list[str | ForebayError], bool]:
    """Insert what there is room for into all groups of the topic.

    The fullest group decides; those who belong to no group take no place. Returns for each row its id, or that the
    queue is full; and whether there are groups that wait to be swept away.

    Raises:
        Removed: the group of this place does not live any more.
    """
    groups, gone = _receivers(connection, place, now)
    results: list[str | ForebayError] = [row[0] for row in rows]
    durable = [group for group in groups if group.heard_at is None]
    if not math.isinf(places) and places - max(group.waiting for group in durable) < len(rows):
        results = _what_fits(connection, place, durable, rows, places)
        rows = [row for row, result in zip(rows, results, strict=True) if isinstance(result, str)]
    for group in groups:
        _insert(connection, group, rows, now)
    return results, gone


def _receivers(connection: apsw.Connection, place: Place, now: float) -> tuple[list[Receiver], bool]:
    """Return the groups of a topic that live, and whether there are others that wait to be swept away."""
    found = connection.execute(
        """SELECT number, kept_order, heard_at, accepted - in_work - done - dead - discarded
           FROM worker_group WHERE topic = ?""",
        (place.topic,),
    )
    known = [Receiver(*row) for row in found]
    living = [group for group in known if group.heard_at is None or group.heard_at > now - SILENCE]
    if all(group.number != place.group for group in living):
        raise Removed("the group is gone")
    return living, len(living) < len(known)


def _what_fits(
    connection: apsw.Connection, place: Place, durable: Sequence[Receiver], rows: Sequence[Row], places: float
) -> list[str | ForebayError]:
    room = {group.number: places - group.waiting for group in durable}
    there = {group.number: _known(connection, group.number, (row[0] for row in rows)) for group in durable}
    results: list[str | ForebayError] = []
    for row in rows:
        id = row[0]
        lacking = [number for number, known in there.items() if id not in known]
        if any(room[number] < 1 for number in lacking):
            results.append(QueueFull(f"all waiting places of {place.name!r} are taken", "try again later"))
            continue
        for number in lacking:
            room[number] -= 1
            there[number].add(id)
        results.append(id)
    return results


def _known(connection: apsw.Connection, group: int, ids: Iterable[str]) -> set[str]:
    listed = "SELECT id FROM message WHERE of_group = ? AND id IN (SELECT value FROM json_each(?))"
    return set(column(connection, listed, (group, as_json(list(ids)))))


def _insert(connection: apsw.Connection, group: Receiver, rows: Sequence[Row], now: float) -> None:
    """Insert the rows that this group does not have yet, and let those that need not wait be claimed."""
    lanes: set[str | None] = set()
    if group.kept_order != Order.NONE:
        behind = [_behind(row, group.kept_order) for row in rows]
        rows, lanes = [row for row, _ in behind], {lane for _, lane in behind}
    new = begin = 0
    while begin < len(rows):
        size = min(LARGEST_INSERT, 1 << (len(rows) - begin).bit_length() - 1)
        values = chain.from_iterable(rows[begin : begin + size])
        new += run(connection, _INSERTS[size], (group.number, *values))
        begin += size
    if new:
        before = connection.last_insert_rowid() - new  # they were numbered one after the other
        run(connection, f"{INTO_READY} WHERE m.seq > ? AND m.state = 0", (before,))
        run(connection, "UPDATE worker_group SET accepted = accepted + ? WHERE number = ?", (new, group.number))
        advance(connection, group.number, lanes, now)


def _behind(row: Row, kept_order: str) -> tuple[Row, str | None]:
    """Return the row for a group that keeps an order, behind its lane until it comes to the front; and the lane."""
    id, _, due, _, priority, accepted_at, not_before, key, headers, body = row
    lane = key if kept_order == Order.KEY else ""
    if lane is None:
        return row, None
    return (id, 4, due, lane, priority, accepted_at, not_before, key, headers, body), lane
