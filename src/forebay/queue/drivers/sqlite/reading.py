"""What is read from the tables of a queue in SQLite, and changes nothing in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw

from forebay.queue.driver import Counts, DeadLetter, Found, State
from forebay.queue.drivers.sqlite_schema import as_json, headers_of, message_of, one_row, one_value

STATES: Final = (State.WAITING, State.IN_WORK, State.RETRYING, State.DEAD)


def waiting(connection: apsw.Connection, topic: int) -> int:
    """Return how many messages wait or retry."""
    unended = "SELECT accepted - in_work - done - dead - discarded FROM topic WHERE number = ?"
    return int(one_value(connection, unended, (topic,)))


def known(connection: apsw.Connection, topic: int, ids: Iterable[str]) -> set[str]:
    """Return those of the ids that are in the queue."""
    rows = connection.execute(
        "SELECT id FROM message WHERE topic = ? AND id IN (SELECT value FROM json_each(?))", (topic, as_json(list(ids)))
    )
    return {id for (id,) in rows}


def peek(connection: apsw.Connection, topic: int) -> tuple[bool, float | None]:
    """Return whether something is ready, and when the next lease or delay ends."""
    ready, due = one_row(
        connection,
        """SELECT EXISTS (SELECT 1 FROM message WHERE topic = ?1 AND state = 0),
                  (SELECT min(due) FROM (SELECT min(due) AS due FROM message WHERE topic = ?1 AND state = 1 UNION ALL
                                         SELECT min(due) FROM message WHERE topic = ?1 AND state = 2))""",
        (topic,),
    )
    return bool(ready), due


def counts(connection: apsw.Connection, topic: int, now: float) -> Counts:
    """Count the rows of each state, and read what the topic counted."""
    accepted, done, discarded = one_row(
        connection, "SELECT accepted, done, discarded FROM topic WHERE number = ?", (topic,)
    )
    ready, first = one_row(connection, "SELECT count(*), min(seq) FROM message WHERE topic = ? AND state = 0", (topic,))
    in_work, expired = _sleeping(connection, topic, 1, now)
    retrying, due = _sleeping(connection, topic, 2, now)
    dead = one_value(connection, "SELECT count(*) FROM message WHERE topic = ? AND state = 3", (topic,))
    oldest = one_value(
        connection,
        """SELECT min(accepted_at) FROM (SELECT accepted_at FROM message WHERE seq = ?1 UNION ALL
           SELECT min(accepted_at) FROM message WHERE topic = ?2 AND state = 1 UNION ALL
           SELECT min(accepted_at) FROM message WHERE topic = ?2 AND state = 2)""",
        (first, topic),
    )
    return Counts(
        accepted=accepted,
        waiting=ready + expired + due,
        in_work=in_work,
        retrying=retrying,
        done=done,
        dead=dead,
        discarded=discarded,
        oldest_seconds=0.0 if oldest is None else max(0.0, now - oldest),
    )


def find(connection: apsw.Connection, topic: int, id: str, now: float) -> Found | None:
    """Return where a message is."""
    row = connection.execute(
        "SELECT state, due, accepted_at, attempt, headers FROM message WHERE topic = ? AND id = ?", (topic, id)
    ).fetchone()
    if row is None:
        return None
    state, due, accepted_at, attempt, headers = row
    ended = due is not None and due <= now
    return Found(State.WAITING if ended else STATES[state], accepted_at, attempt, headers_of(headers))


def dead_letters(connection: apsw.Connection, topic: int, limit: int, after: str) -> list[DeadLetter]:
    """Return dead letters in the order of their ids."""
    rows = connection.execute(
        """SELECT attempt, id, body, key, headers, priority, accepted_at FROM message
           WHERE topic = ? AND state = 3 AND id > ? ORDER BY id LIMIT ?""",
        (topic, after, limit),
    )
    return [DeadLetter(message_of(*row[1:]), row[0]) for row in rows]


def _sleeping(connection: apsw.Connection, topic: int, state: int, now: float) -> tuple[int, int]:
    """Count the rows of a state whose time is still to come, and those whose time has come."""
    ahead, all_ = one_row(
        connection,
        f"SELECT count(*) FILTER (WHERE due > ?), count(*) FROM message WHERE topic = ? AND state = {state}",
        (now, topic),
    )
    return ahead, all_ - ahead
