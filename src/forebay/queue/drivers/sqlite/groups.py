"""The topics of a file and their groups: how they are opened, how a subscriber is known to live, how they go.

A subscriber of its own (group `each`) is a group that must be heard of: its process writes the time now and then. One
that was silent for long, or that was removed, gets nothing more, and whoever publishes or opens a topic sweeps it away
in small portions, so that no transaction is long and nothing grows for ever.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import apsw

from forebay.disciplines import Discipline
from forebay.errors import ForebayError, UsageError
from forebay.queue.drivers.sqlite.lanes import keep_order
from forebay.queue.drivers.sqlite.rows import as_json, column, one_row, one_value, rows, run
from forebay.queue.drivers.sqlite.tables import prepare
from forebay.queue.options import EACH, Asked

SILENCE: Final = 120.0
"""Seconds after which a subscriber of its own counts as dead."""
PORTION: Final = 2_000
"""Messages that are swept away in one go."""

_PAST: Final = 0.0  # the time at which what is removed was last heard of


class Removed(ForebayError):
    """The group is not there any more."""


class Place(NamedTuple):
    """A topic and one of its groups, by number, and the topic by name."""

    topic: int
    group: int
    name: str


def open_group(connection: apsw.Connection, asked: Asked, own: str, now: float) -> Place:
    """Return the place that a URL asks for; tables, topic and group are made where they are missing.

    Arguments:
        own: what tells a subscriber of its own from others.

    Raises:
        UsageError: the topic has another discipline, or the group another order, and is not empty.
    """
    prepare(connection)
    topic = _open_topic(connection, asked.topic, asked.discipline)
    name, heard_at = (f"{EACH}:{own}", now) if asked.ephemeral else (asked.group, None)
    group = _make_group(connection, topic, name, heard_at)
    keep_order(connection, group, asked.order, now)
    sweep(connection, now)
    return Place(topic, group, asked.topic)


def _open_topic(connection: apsw.Connection, name: str, asked: Discipline | None) -> int:
    made = "INSERT INTO topic (name, discipline) VALUES (?, ?) ON CONFLICT DO NOTHING"
    new = run(connection, made, (name, asked or Discipline.FIFO))
    number, discipline = one_row(connection, "SELECT number, discipline FROM topic WHERE name = ?", (name,))
    if new:
        _make_group(connection, number, name, None)
    if asked not in {None, discipline}:
        filled = "SELECT EXISTS (SELECT 1 FROM message JOIN worker_group AS g ON of_group = g.number WHERE g.topic = ?)"
        if one_value(connection, filled, (number,)):
            raise UsageError(
                f"the topic {name!r} of this file is {discipline}, and not empty",
                "leave the discipline out, or drain it first",
            )
        run(connection, "UPDATE topic SET discipline = ? WHERE number = ?", (asked, number))
    return int(number)


def _make_group(connection: apsw.Connection, topic: int, name: str, heard_at: float | None) -> int:
    made = "INSERT INTO worker_group (topic, name, heard_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    run(connection, made, (topic, name, heard_at))
    number = one_value(connection, "SELECT number FROM worker_group WHERE topic = ? AND name = ?", (topic, name))
    return int(number)


def hear(connection: apsw.Connection, group: int, now: float) -> None:
    """Write down that a subscriber of its own lives.

    Raises:
        Removed: it was silent for too long.
    """
    heard = "UPDATE worker_group SET heard_at = ?1 WHERE number = ?2 AND heard_at > ?1 - ?3"
    if not run(connection, heard, (now, group, SILENCE)):
        raise Removed("the group is gone")


def lives(connection: apsw.Connection, group: int, now: float) -> bool:
    """Return whether a group is there and gets what is published."""
    alive = "SELECT EXISTS (SELECT 1 FROM worker_group WHERE number = ? AND coalesce(heard_at > ?, TRUE))"
    return bool(one_value(connection, alive, (group, now - SILENCE)))


def groups_of(connection: apsw.Connection, topic: int) -> dict[str, int]:
    """Return the durable groups of a topic, by name."""
    durable = "SELECT name, number FROM worker_group WHERE topic = ? AND heard_at IS NULL ORDER BY name"
    return dict(rows(connection, durable, (topic,)))


def remove_group(connection: apsw.Connection, group: int) -> None:
    """Let a group get nothing more and be found by nobody; `sweep` does the rest."""
    gone = "UPDATE worker_group SET name = 'gone:' || number, heard_at = ? WHERE number = ?"
    run(connection, gone, (_PAST, group))


def remove_topic(connection: apsw.Connection, topic: int) -> None:
    """Let a topic and all its groups be found by nobody; `sweep` does the rest."""
    run(connection, "UPDATE topic SET name = 'gone:' || number WHERE number = ?", (topic,))
    for group in column(connection, "SELECT number FROM worker_group WHERE topic = ?", (topic,)):
        remove_group(connection, group)


def sweep(connection: apsw.Connection, now: float) -> bool:
    """Remove a portion of what is left of groups that are gone; return whether there is more."""
    gone = "SELECT number, topic FROM worker_group WHERE heard_at <= ? LIMIT 1"
    found = one_row(connection, gone, (now - SILENCE,))
    if found is None:
        return False
    group, topic = found
    if not _sweep_messages(connection, group):
        run(connection, "DELETE FROM worker_group WHERE number = ?", (group,))
        left = "SELECT 1 FROM worker_group WHERE topic = ?1"
        run(connection, f"DELETE FROM topic WHERE number = ?1 AND NOT EXISTS ({left})", (topic,))
    return True


def _sweep_messages(connection: apsw.Connection, group: int) -> int:
    """Remove some messages of a group; return how many."""
    listed = as_json(column(connection, "SELECT seq FROM message WHERE of_group = ? LIMIT ?", (group, PORTION)))
    run(connection, "DELETE FROM at_work WHERE seq IN (SELECT value FROM json_each(?))", (listed,))
    lowest = "SELECT rank, seq FROM ready WHERE of_group = ?1 ORDER BY rank, seq LIMIT ?2"
    run(connection, f"DELETE FROM ready WHERE of_group = ?1 AND (rank, seq) IN ({lowest})", (group, PORTION))
    return run(connection, "DELETE FROM message WHERE seq IN (SELECT value FROM json_each(?))", (listed,))
