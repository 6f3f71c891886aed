"""How a message stands in a row, and how a statement is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import msgspec

from forebay.message import Message

COLUMNS: Final = "id, body, key, headers, priority, accepted_at, not_before"
"""The columns of a message, as `message_of` takes them."""


def message_of(
    id: str,
    body: bytes,
    key: str | None,
    headers: str | None,
    priority: int,
    accepted_at: float,
    not_before: float,
) -> Message:
    """Return the message of a row; its columns in the order of the arguments."""
    return Message(id, body, key, headers_of(headers), priority, accepted_at, not_before)


def headers_of(text: str | None) -> dict[str, str]:
    """Return the headers that a column holds."""
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}


def as_json(value: object) -> str:
    """Return a value as `json_each` and the column of headers take it."""
    return msgspec.json.encode(value).decode()


def run(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> int:
    """Run a statement that changes rows; return how many it changed."""
    connection.execute(statement, values)
    return connection.changes()


def rows(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """Return all rows that a statement gives."""
    return connection.execute(statement, values).fetchall()


def column(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """Return the first column of all rows that a statement gives."""
    return [value for value, *_ in connection.execute(statement, values)]


def one_row(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> Any:
    """Return the first row that a statement gives, None when there is none."""
    return connection.execute(statement, values).fetchone()


def one_value(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> Any:
    """Return the first column of the first row; there must be one."""
    return one_row(connection, statement, values)[0]


def make_ready(connection: apsw.Connection, seqs: Iterable[int]) -> None:
    """Let messages be claimed; their rank is what the discipline of their topic says.

    Under RANDOM the rank is exponentially distributed above the rank of the last message that was claimed. That is
    memoryless: whatever waits, for however long, has the same chance to have the lowest rank.
    """
    run(connection, f"{INTO_READY} WHERE m.seq IN (SELECT value FROM json_each(?))", (as_json(list(seqs)),))


_CHANCE: Final = "((random() & 0x1FFFFFFFFFFFFF) + 1) / 9007199254740992.0"  # above 0, at most 1
_UNIT: Final = 1 << 30  # of the exponential law, in ranks

INTO_READY: Final = f"""
    INSERT INTO ready (of_group, rank, seq)
    SELECT m.of_group, CASE t.discipline WHEN 'fifo' THEN 0 WHEN 'lifo' THEN -m.seq WHEN 'priority' THEN -m.priority
                       ELSE g.floor + CAST(-ln({_CHANCE}) * {_UNIT} AS INTEGER) END, m.seq
    FROM message AS m
         CROSS JOIN worker_group AS g ON g.number = m.of_group
         CROSS JOIN topic AS t ON t.number = g.topic"""
"""To be followed by which of the messages `m`."""
