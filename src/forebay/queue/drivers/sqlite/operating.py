"""The statements behind an operator's commands: what becomes of dead letters, and what is thrown away."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from forebay.queue.drivers.sqlite.lanes import advance
from forebay.queue.drivers.sqlite.rows import as_json, make_ready, rows, run


def return_dead(connection: apsw.Connection, group: int, ids: Sequence[str], now: float) -> int:
    """Let dead letters wait again, at the place in the order that they had."""
    returned = rows(
        connection,
        """UPDATE message SET state = iif(lane IS NULL, 0, 4), attempt = 0
           WHERE of_group = ? AND state = 3 AND id IN (SELECT value FROM json_each(?)) RETURNING seq, lane""",
        (group, as_json(list(ids))),
    )
    make_ready(connection, (seq for seq, lane in returned if lane is None))
    advance(connection, group, {lane for _, lane in returned}, now)
    run(connection, "UPDATE worker_group SET dead = dead - ? WHERE number = ?", (len(returned), group))
    return len(returned)


def drop_dead(connection: apsw.Connection, group: int, ids: Sequence[str]) -> int:
    """Remove dead letters."""
    dropped = run(
        connection,
        "DELETE FROM message WHERE of_group = ? AND state = 3 AND id IN (SELECT value FROM json_each(?))",
        (group, as_json(list(ids))),
    )
    run(
        connection,
        "UPDATE worker_group SET dead = dead - ?1, discarded = discarded + ?1 WHERE number = ?2",
        (dropped, group),
    )
    return dropped


def purge(connection: apsw.Connection, group: int) -> int:
    """Remove what waits or retries."""
    purged = run(connection, "DELETE FROM message WHERE seq IN (SELECT seq FROM ready WHERE of_group = ?)", (group,))
    run(connection, "DELETE FROM ready WHERE of_group = ?", (group,))
    for state in (2, 4):
        purged += run(connection, f"DELETE FROM message WHERE of_group = ? AND state = {state}", (group,))
    run(connection, "UPDATE worker_group SET discarded = discarded + ? WHERE number = ?", (purged, group))
    return purged
