"""What is read from the tables of a queue in SQLite, and changes nothing in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw

from forebay.queue.admin import Lag, TopicInfo, lag_of
from forebay.queue.driver import Counts, DeadLetter, Found, State
from forebay.queue.drivers.sqlite.groups import Removed, groups_of, lives
from forebay.queue.drivers.sqlite.rows import COLUMNS, headers_of, message_of, one_row, one_value, rows

MOST_MEASURED: Final = 100_000
"""Messages whose bodies are measured; of more, each row would have to be read."""

_AT_REST: Final = {0: State.WAITING, 2: State.RETRYING, 3: State.DEAD, 4: State.WAITING}


def peek(connection: apsw.Connection, group: int, now: float) -> tuple[bool, float | None]:
    """Return whether something is ready, and when the next lease or delay ends.

    Raises:
        Removed: it was.
    """
    if not lives(connection, group, now):
        raise Removed("the group is gone")
    ready, due = one_row(
        connection,
        """SELECT EXISTS (SELECT 1 FROM ready WHERE of_group = ?1),
                  (SELECT min(due) FROM (SELECT min(due) AS due FROM at_work WHERE of_group = ?1 UNION ALL
                                         SELECT min(due) FROM message WHERE of_group = ?1 AND state = 2))""",
        (group,),
    )
    return bool(ready), due


def counts(connection: apsw.Connection, group: int, now: float) -> Counts:
    """Count the rows of each state, and read what the group counted.

    Raises:
        Removed: it was.
    """
    counted = one_row(connection, "SELECT accepted, done, discarded FROM worker_group WHERE number = ?", (group,))
    if counted is None:
        raise Removed("the group is gone")
    accepted, done, discarded = counted
    ready = one_value(connection, "SELECT count(*) FROM ready WHERE of_group = ?", (group,))
    in_work, expired = _by_time(connection, "at_work WHERE of_group = ?", group, now)
    retrying, due = _by_time(connection, "message WHERE of_group = ? AND state = 2", group, now)
    later, behind = _by_time(connection, "message WHERE of_group = ? AND state = 4", group, now)
    dead = one_value(connection, "SELECT count(*) FROM message WHERE of_group = ? AND state = 3", (group,))
    oldest = _oldest(connection, group)
    return Counts(
        accepted=accepted,
        waiting=ready + expired + due + behind,
        in_work=in_work,
        retrying=retrying + later,
        done=done,
        dead=dead,
        discarded=discarded,
        oldest_seconds=0.0 if oldest is None else max(0.0, now - oldest),
    )


def _by_time(connection: apsw.Connection, of: str, group: int, now: float) -> tuple[int, int]:
    """Count the rows whose time is still to come, and the others."""
    ahead, all_ = one_row(connection, f"SELECT count(*) FILTER (WHERE due > ?), count(*) FROM {of}", (now, group))
    return ahead, all_ - ahead


def _oldest(connection: apsw.Connection, group: int) -> float | None:
    """Return when the oldest unfinished message was accepted; of those that wait, the first stands for all."""
    oldest: float | None = one_value(
        connection,
        """SELECT min(accepted_at) FROM message WHERE seq IN (
               SELECT min(seq) FROM ready WHERE of_group = ?1 UNION ALL
               SELECT min(seq) FROM message WHERE of_group = ?1 AND state = 4 UNION ALL
               SELECT seq FROM at_work WHERE of_group = ?1 UNION ALL
               SELECT seq FROM message WHERE of_group = ?1 AND state = 2)""",
        (group,),
    )
    return oldest


def find(connection: apsw.Connection, group: int, id: str, now: float) -> Found | None:
    """Return where a message is."""
    row = one_row(
        connection,
        """SELECT m.state, coalesce(w.due, m.due), m.accepted_at, m.attempt, m.headers, w.attempt
           FROM message AS m LEFT JOIN at_work AS w ON w.seq = m.seq WHERE m.of_group = ? AND m.id = ?""",
        (group, id),
    )
    if row is None:
        return None
    state, due, accepted_at, attempt, headers, in_work = row
    seen = State.IN_WORK if in_work else _AT_REST[state]
    if due is not None:  # it is leased, or has to wait for its time
        seen = State.WAITING if due <= now else State.IN_WORK if in_work else State.RETRYING
    return Found(seen, accepted_at, in_work or attempt, headers_of(headers))


def dead_letters(connection: apsw.Connection, group: int, limit: int, after: str) -> list[DeadLetter]:
    """Return dead letters in the order of their ids."""
    found = rows(
        connection,
        f"""SELECT attempt, {COLUMNS} FROM message
            WHERE of_group = ? AND state = 3 AND id > ? ORDER BY id LIMIT ?""",
        (group, after, limit),
    )
    return [DeadLetter(message_of(*row[1:]), row[0]) for row in found]


def lag(connection: apsw.Connection, name: str, group: int, now: float) -> Lag:
    """Return how far a group is behind."""
    told = counts(connection, group, now)
    return lag_of(name, told)


def topics(connection: apsw.Connection) -> list[TopicInfo]:
    """Return all topics, by name."""
    named = "SELECT number, name, discipline FROM topic WHERE name NOT LIKE '%:%' ORDER BY name"
    return [_topic(connection, *row) for row in rows(connection, named, ())]


def _topic(connection: apsw.Connection, number: int, name: str, discipline: str) -> TopicInfo:
    known = groups_of(connection, number)
    unfinished = "SELECT sum(accepted - done - dead - discarded) FROM worker_group WHERE topic = ? AND heard_at IS NULL"
    messages = one_value(connection, unfinished, (number,))
    return TopicInfo(
        name=name,
        groups=list(known),
        discipline=discipline,
        messages=messages,
        bytes=_size(connection, known.values()) if messages <= MOST_MEASURED else None,
    )


def _size(connection: apsw.Connection, groups: Iterable[int]) -> int:
    """Return the bytes of the bodies that are unfinished, each group's own."""
    each = "SELECT coalesce(sum(length(body)), 0) FROM message WHERE of_group = ? AND state <> 3"
    return sum(one_value(connection, each, (group,)) for group in groups)
