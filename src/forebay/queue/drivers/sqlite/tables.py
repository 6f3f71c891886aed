"""The tables of queues in one SQLite file, and how a file of an older layout becomes one of this.

A message of a group is one row of `message` from its acceptance to its end. What moves often is kept apart from what is
large, so that a body is written once and removed once:

    ready    a row here: it may be claimed; they are claimed from the lowest rank on, then from the lowest seq
    at_work  a row here: it is leased

`message.state` tells the rest apart:

    0 ready or at work  --retry-->  2 retrying until `due`  --due-->  0
                        --dead-->   3 dead                  --returned-->  0 or 4
    4 behind another of its lane (see lanes.py), which has to end first; not before `due` if there is one

The row of a group counts what happened, in the same transactions. So the room in the queue is known without counting
rows, and rows counted against it show whether anything was lost.
"""

from __future__ import annotations

from typing import Final

import apsw

from forebay.errors import UsageError
from forebay.queue.drivers.sqlite.rows import one_value

LAYOUT: Final = 2
"""The number of this layout: PRAGMA user_version of the file."""
FIRST: Final = 1
"""The number of the layout that did not have any: it had no groups, and the state in the row of the message."""

TABLES: Final = """
CREATE TABLE topic (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    discipline TEXT NOT NULL
) STRICT;
CREATE TABLE worker_group (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    name TEXT NOT NULL,
    kept_order TEXT NOT NULL DEFAULT 'none',
    heard_at REAL,
    floor INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    in_work INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    discarded INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, name)
) STRICT;
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    of_group INTEGER NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL,
    due REAL,
    attempt INTEGER NOT NULL DEFAULT 0,
    lane TEXT,
    priority INTEGER NOT NULL,
    accepted_at REAL NOT NULL,
    not_before REAL NOT NULL DEFAULT 0,
    key TEXT,
    headers TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_id ON message (of_group, id);
CREATE INDEX message_retrying ON message (of_group, due) WHERE state = 2;
CREATE INDEX message_dead ON message (of_group, id) WHERE state = 3;
CREATE UNIQUE INDEX message_front ON message (of_group, lane) WHERE lane IS NOT NULL AND state < 3;
CREATE INDEX message_behind ON message (of_group, lane, seq, due) WHERE state = 4;
CREATE TABLE ready (
    of_group INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (of_group, rank, seq)
) WITHOUT ROWID, STRICT;
CREATE TABLE at_work (
    seq INTEGER PRIMARY KEY,
    of_group INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    due REAL NOT NULL
) STRICT;
CREATE INDEX at_work_due ON at_work (of_group, due);
"""

_FROM_THE_FIRST: Final = (
    """
DROP INDEX message_id; DROP INDEX message_ready; DROP INDEX message_in_work;
DROP INDEX message_retrying; DROP INDEX message_dead;
ALTER TABLE topic RENAME TO old_topic;
ALTER TABLE message RENAME TO old_message;
""",
    TABLES,
    """
INSERT INTO topic (number, name, discipline) SELECT number, name, discipline FROM old_topic;
INSERT INTO worker_group (number, topic, name, accepted, in_work, done, dead, discarded)
    SELECT number, number, name, accepted, in_work, done, dead, discarded FROM old_topic;
INSERT INTO message (seq, of_group, id, state, due, attempt, priority, accepted_at, key, headers, body)
    SELECT seq, topic, id, iif(state = 1, 0, state), iif(state = 2, due, NULL), attempt - (state = 1), priority,
           accepted_at, key, headers, body
    FROM old_message ORDER BY seq;
INSERT INTO ready (of_group, rank, seq)
    SELECT topic, CASE discipline WHEN 'lifo' THEN -seq WHEN 'priority' THEN -priority ELSE 0 END, seq
    FROM old_message JOIN old_topic ON number = topic WHERE state = 0;
INSERT INTO at_work (seq, of_group, attempt, lease, due)
    SELECT seq, topic, attempt, lease, due FROM old_message WHERE state = 1;
DROP TABLE old_message; DROP TABLE old_topic;
""",
)


def prepare(connection: apsw.Connection) -> None:
    """Make the tables where they are missing, and move over what a file of the first layout holds.

    Raises:
        UsageError: a newer forebay made the file, or another program, which numbers its own layouts.
    """
    layout, version = layout_of(connection), connection.pragma("user_version")
    if layout == LAYOUT:
        return
    if layout is None and version:
        raise UsageError(f"the file belongs to another program (its user_version is {version})", "name another file")
    if layout not in {None, FIRST}:
        raise UsageError(f"a newer forebay made this file (layout {layout}, known up to {LAYOUT})", "upgrade forebay")
    for statements in (TABLES,) if layout is None else _FROM_THE_FIRST:
        for _ in connection.execute(statements):
            pass
    connection.pragma("user_version", LAYOUT)


def layout_of(connection: apsw.Connection) -> int | None:
    """Return the layout of a file's queues; None of a file that has none."""
    if one_value(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'worker_group'", ()):
        return int(connection.pragma("user_version"))
    old = "SELECT count(*) FROM pragma_table_info('message') WHERE name IN ('topic', 'rank', 'lease')"
    return FIRST if one_value(connection, old, ()) == 3 else None
