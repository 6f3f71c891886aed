"""Strict order: of the messages of one lane only one is in front, and the next comes there when that one has ended.

A lane is a key where a group keeps the order of keys, all of a group where it keeps the order of the partition. The
front is what waits, is in work or retries; all others are behind it, and no receiver finds them. So receivers need no
rule at all, and an index over the fronts allows one for each lane and no second.

A group without order has no lanes, and no row of these indexes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import apsw

from forebay.disciplines import Discipline, Order
from forebay.errors import UsageError
from forebay.queue.drivers.sqlite.rows import as_json, column, make_ready, one_row, one_value, run

LANES: Final = {Order.KEY: "key", Order.PARTITION: "''"}
"""The lane of a message, in SQL."""

_LISTED: Final = "(SELECT value FROM json_each(?2))"
_LOWEST_BEHIND: Final = """
    (SELECT min(b.seq) FROM message AS b WHERE b.of_group = ?1 AND b.lane = l.value AND b.state = 4)"""


def advance(connection: apsw.Connection, group: int, lanes: Collection[str | None], now: float) -> bool:
    """Bring into front what comes next in each of these lanes; return whether they were lanes at all.

    A front that is not in work gives way to one that is older: a dead letter that was returned.
    """
    named = as_json([lane for lane in set(lanes) if lane is not None])
    if named == "[]":
        return False
    _give_way(connection, group, named)
    ready = column(
        connection,
        f"""WITH lowest AS (
                SELECT {_LOWEST_BEHIND} AS seq FROM json_each(?2) AS l
                WHERE NOT EXISTS (SELECT 1 FROM message AS f
                                  WHERE f.of_group = ?1 AND f.lane = l.value AND f.lane IS NOT NULL AND f.state < 3))
            UPDATE message SET state = iif(due > ?3, 2, 0), due = iif(due > ?3, due, NULL)
            WHERE seq IN (SELECT seq FROM lowest) RETURNING iif(state = 0, seq, NULL)""",
        (group, named, now),
    )
    make_ready(connection, (seq for seq in ready if seq is not None))
    return True


def _give_way(connection: apsw.Connection, group: int, named: str) -> None:
    resting = column(
        connection,
        f"""SELECT f.seq FROM json_each(?2) AS l CROSS JOIN message AS f
            ON f.of_group = ?1 AND f.lane = l.value AND f.lane IS NOT NULL AND f.state < 3
            WHERE f.seq > {_LOWEST_BEHIND} AND NOT EXISTS (SELECT 1 FROM at_work AS w WHERE w.seq = f.seq)""",
        (group, named),
    )
    if resting:
        _put_behind(connection, group, resting)


def _put_behind(connection: apsw.Connection, group: int, seqs: Sequence[int]) -> None:
    listed = as_json(seqs)
    run(connection, f"DELETE FROM ready WHERE of_group = ?1 AND rank = 0 AND seq IN {_LISTED}", (group, listed))
    run(connection, f"UPDATE message SET state = 4 WHERE of_group = ?1 AND seq IN {_LISTED}", (group, listed))


def keep_order(connection: apsw.Connection, group: int, asked: Order, now: float) -> None:
    """Let a group keep this order from now on, whoever publishes or receives; it applies to what it holds already.

    Raises:
        UsageError: the group keeps another order and is not empty, its topic has another discipline than FIFO, or
            several messages of one lane are in work.
    """
    if asked is Order.NONE:
        return
    name, kept, discipline = one_row(
        connection,
        """SELECT g.name, g.kept_order, t.discipline FROM worker_group AS g JOIN topic AS t ON t.number = g.topic
           WHERE g.number = ?""",
        (group,),
    )
    if kept == asked:
        return
    if discipline != Discipline.FIFO:
        raise UsageError(
            f"the topic is {discipline}, and an order needs fifo", "drain it first, or leave the order out"
        )
    filled = one_value(connection, "SELECT EXISTS (SELECT 1 FROM message WHERE of_group = ?)", (group,))
    if kept != Order.NONE and filled:
        raise UsageError(
            f"the group {name!r} keeps order={kept}, and is not empty", f"take order={kept}, or drain it first"
        )
    run(connection, "UPDATE worker_group SET kept_order = ? WHERE number = ?", (asked, group))
    if filled:
        _line_up(connection, group, name, LANES[asked], now)


def _line_up(connection: apsw.Connection, group: int, name: str, lane: str, now: float) -> None:
    """Give what a group holds its lanes."""
    try:
        run(
            connection,
            f"UPDATE message SET lane = {lane} WHERE seq IN (SELECT seq FROM at_work WHERE of_group = ?)",
            (group,),
        )
    except apsw.ConstraintError as error:
        raise UsageError(
            f"several messages of one key of the group {name!r} are in work",
            "stop the workers that keep no order first",
        ) from error
    waiting = f"SELECT seq FROM message WHERE of_group = ? AND state < 3 AND lane IS NULL AND {lane} IS NOT NULL"
    _put_behind(connection, group, column(connection, waiting, (group,)))
    run(connection, f"UPDATE message SET lane = {lane} WHERE of_group = ? AND state > 2", (group,))
    lanes = "SELECT DISTINCT lane FROM message WHERE of_group = ? AND state = 4"
    advance(connection, group, column(connection, lanes, (group,)), now)
