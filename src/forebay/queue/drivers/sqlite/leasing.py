"""The tables of a queue in SQLite, and every statement that changes them.

A message is one row from its acceptance to its end; `state` says where it is:

    0 ready  --claim-->  1 in work  --done-->  (the row is gone)
       ^                    |  |
       |<--lease expired----|  |--dead-->  3 dead
       |<--due--  2 retrying <-|

The row of the topic counts what happened, in the same transactions. So the room in the queue is known without counting
rows, and rows counted against it show whether anything was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS topic (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    discipline TEXT NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    in_work INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    discarded INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    rank INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    lease INTEGER,
    due REAL,
    accepted_at REAL NOT NULL,
    key TEXT,
    headers TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS message_id ON message (topic, id);
CREATE INDEX IF NOT EXISTS message_ready ON message (topic, rank, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS message_in_work ON message (topic, due) WHERE state = 1;
CREATE INDEX IF NOT EXISTS message_retrying ON message (topic, due) WHERE state = 2;
CREATE INDEX IF NOT EXISTS message_dead ON message (topic, id) WHERE state = 3;
"""

ORDERS: Final = {
    Discipline.FIFO: "rank, seq",
    Discipline.PRIORITY: "rank, seq",
    Discipline.LIFO: "rank DESC, seq DESC",
}
LARGEST_INSERT: Final = 256  # rows of one statement

_ROW: Final = "(?,?,?,?,?,?,?,?)"
_INSERT: Final = "INSERT INTO message (topic, id, rank, priority, accepted_at, key, headers, body) VALUES "
# A handful of statements for any number of rows: SQLite prepares each once, and runs it in one step.
_INSERTS: Final = {
    2**n: _INSERT + ",".join([_ROW] * 2**n) + " ON CONFLICT DO NOTHING" for n in range(LARGEST_INSERT.bit_length())
}
_PAIRS: Final = """
    seq IN (SELECT m.seq FROM json_each(?1) AS held CROSS JOIN message AS m ON m.seq = held.value ->> 0
            WHERE m.lease = held.value ->> 1)"""

Handle = tuple[int, int]  # seq and lease
Row = tuple[int, str, int, int, float, str | None, str | None, bytes]


def open_topic(connection: apsw.Connection, name: str, asked: Discipline | None) -> tuple[int, Discipline]:
    """Return the number and the discipline of a topic; a new one gets the discipline that is asked for, or FIFO.

    Raises:
        UsageError: it has messages and another discipline.
    """
    first = asked or Discipline.FIFO
    _run(connection, "INSERT INTO topic (name, discipline) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, first))
    number, text = one_row(connection, "SELECT number, discipline FROM topic WHERE name = ?", (name,))
    if asked is not None and asked != text:
        if one_value(connection, "SELECT EXISTS (SELECT 1 FROM message WHERE topic = ?)", (number,)):
            raise UsageError(
                f"the topic {name!r} of this file is {text}, and not empty",
                "leave the discipline out, or drain it first",
            )
        _run(connection, "UPDATE topic SET discipline = ? WHERE number = ?", (asked, number))
        text = asked
    return number, Discipline(text)


def row_of(message: Message, topic: int, discipline: Discipline, now: float) -> Row:
    """Return the row of a message that was accepted now."""
    return (
        topic,
        message.id,
        -message.priority if discipline is Discipline.PRIORITY else 0,
        message.priority,
        message.accepted_at or now,
        message.key,
        msgspec.json.encode(message.headers).decode() if message.headers else None,
        message.body,
    )


def insert(connection: apsw.Connection, topic: int, rows: Sequence[Row]) -> int:
    """Accept messages; return how many were new."""
    before, begin = connection.total_changes(), 0
    while begin < len(rows):
        size = min(LARGEST_INSERT, 1 << (len(rows) - begin).bit_length() - 1)
        values = [value for row in rows[begin : begin + size] for value in row]
        connection.execute(_INSERTS[size], values)
        begin += size
    new = connection.total_changes() - before
    _run(connection, "UPDATE topic SET accepted = accepted + ? WHERE number = ?", (new, topic))
    return new


def promote(connection: apsw.Connection, topic: int, now: float) -> None:
    """Make ready what is due: ended leases keep their attempt, for their worker may have died of the message."""
    expired, due = one_row(
        connection,
        """SELECT EXISTS (SELECT 1 FROM message WHERE topic = ?1 AND state = 1 AND due <= ?2),
                  EXISTS (SELECT 1 FROM message WHERE topic = ?1 AND state = 2 AND due <= ?2)""",
        (topic, now),
    )
    ready = "UPDATE message SET state = 0, lease = NULL, due = NULL WHERE topic = ? AND state = {} AND due <= ?"
    if expired:
        _leave_work(connection, topic, _run(connection, ready.format(1), (topic, now)))
    if due:
        _run(connection, ready.format(2), (topic, now))


def claim(
    connection: apsw.Connection, topic: int, discipline: Discipline, limit: int, lease: int, due: float
) -> list[Delivery]:
    """Lease up to `limit` messages, in the order of the discipline."""
    order = ORDERS[discipline]
    rows: list[Any] = connection.execute(
        f"""UPDATE message SET state = 1, lease = ?, due = ?, attempt = attempt + 1
            WHERE seq IN (SELECT seq FROM message WHERE topic = ? AND state = 0 ORDER BY {order} LIMIT ?)
            RETURNING rank, seq, attempt, id, body, key, headers, priority, accepted_at""",
        (lease, due, topic, limit),
    ).fetchall()
    if rows:
        rows.sort(reverse=discipline is Discipline.LIFO)  # RETURNING knows no order; rank and seq come first
        _run(connection, "UPDATE topic SET in_work = in_work + ? WHERE number = ?", (len(rows), topic))
    return [Delivery(message_of(*row[3:]), row[2], (row[1], lease)) for row in rows]


def finish(connection: apsw.Connection, topic: int, handles: Sequence[Handle]) -> set[Handle]:
    """Remove messages that are done; return those whose lease was still held."""
    removed = connection.execute(f"DELETE FROM message WHERE {_PAIRS} RETURNING seq, lease", (as_json(handles),))
    gone: set[Any] = set(removed.fetchall())
    if gone:
        _run(
            connection,
            "UPDATE topic SET in_work = in_work - ?1, done = done + ?1 WHERE number = ?2",
            (len(gone), topic),
        )
    return gone


def settle_other(connection: apsw.Connection, topic: int, settlement: Settlement, now: float) -> bool:
    """End one delivery in another way than done; False when its lease was lost."""
    ending = settlement.ending
    changes = {
        Ending.RETRY: "state = 2, due = ?1",
        Ending.DEAD: "state = 3, due = NULL",
        Ending.RELEASE: "state = 0, due = NULL, attempt = attempt - 1",
    }[ending]
    headers = as_json(settlement.headers) if settlement.headers is not None and ending is not Ending.RELEASE else None
    held = _run(
        connection,
        f"UPDATE message SET {changes}, lease = NULL, headers = coalesce(?2, headers) WHERE seq = ?3 AND lease = ?4",
        (now + settlement.delay, headers, *settlement.delivery.handle),
    )
    if held:
        _leave_work(connection, topic, 1, dead=ending is Ending.DEAD)
    return bool(held)


def extend(connection: apsw.Connection, handles: Sequence[Handle], due: float) -> None:
    """Let leases that are still held end at `due`."""
    _run(connection, f"UPDATE message SET due = ?2 WHERE {_PAIRS}", (as_json(handles), due))


def release_all(connection: apsw.Connection, topic: int, first_lease: int, last_lease: int) -> int:
    """Give back all that is leased under these numbers; return how many."""
    released = _run(
        connection,
        """UPDATE message SET state = 0, lease = NULL, due = NULL, attempt = attempt - 1
           WHERE topic = ? AND state = 1 AND lease BETWEEN ? AND ?""",
        (topic, first_lease, last_lease),
    )
    _leave_work(connection, topic, released)
    return released


def return_dead(connection: apsw.Connection, topic: int, ids: Sequence[str]) -> int:
    """Make dead letters ready, at the place in the order that they had."""
    returned = _run(
        connection,
        """UPDATE message SET state = 0, attempt = 0
           WHERE topic = ? AND state = 3 AND id IN (SELECT value FROM json_each(?))""",
        (topic, as_json(list(ids))),
    )
    _run(connection, "UPDATE topic SET dead = dead - ? WHERE number = ?", (returned, topic))
    return returned


def drop_dead(connection: apsw.Connection, topic: int, ids: Sequence[str]) -> int:
    """Remove dead letters."""
    dropped = _run(
        connection,
        "DELETE FROM message WHERE topic = ? AND state = 3 AND id IN (SELECT value FROM json_each(?))",
        (topic, as_json(list(ids))),
    )
    _run(
        connection,
        "UPDATE topic SET dead = dead - ?1, discarded = discarded + ?1 WHERE number = ?2",
        (dropped, topic),
    )
    return dropped


def purge(connection: apsw.Connection, topic: int) -> int:
    """Remove what is ready or retrying."""
    purged = _run(connection, "DELETE FROM message WHERE topic = ? AND state = 0", (topic,))
    purged += _run(connection, "DELETE FROM message WHERE topic = ? AND state = 2", (topic,))
    _run(connection, "UPDATE topic SET discarded = discarded + ? WHERE number = ?", (purged, topic))
    return purged


def _leave_work(connection: apsw.Connection, topic: int, count: int, dead: bool = False) -> None:
    _run(
        connection,
        "UPDATE topic SET in_work = in_work - ?1, dead = dead + ?1 * ?2 WHERE number = ?3",
        (count, int(dead), topic),
    )


def message_of(
    id: str, body: bytes, key: str | None, headers: str | None, priority: int, accepted_at: float
) -> Message:
    """Return the message of a row; its columns in the order of the arguments."""
    return Message(id, body, key, headers_of(headers), priority, accepted_at)


def headers_of(text: str | None) -> dict[str, str]:
    """Return the headers that a column holds."""
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}


def as_json(value: object) -> str:
    """Return a value as `json_each` and the column of headers take it."""
    return msgspec.json.encode(value).decode()


def _run(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> int:
    connection.execute(statement, values)
    return connection.changes()


def one_row(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> Any:
    """Return the first row that a statement gives, None when there is none."""
    return connection.execute(statement, values).fetchone()


def one_value(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> Any:
    """Return the first column of the first row; there must be one."""
    return one_row(connection, statement, values)[0]
