"""The statements between receiving and the end of a delivery: claims, leases, endings.

A handle names one lease of one message; what is done with a handle whose lease has ended meanwhile changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.sqlite.lanes import advance
from forebay.queue.drivers.sqlite.rows import COLUMNS, as_json, column, make_ready, message_of, one_row, rows, run

FARTHEST_RANK: Final = 1 << 62  # under RANDOM ranks grow; before they leave 64 bits they are counted from 0 again

_HELD: Final = """
    seq IN (SELECT w.seq FROM json_each(?1) AS held CROSS JOIN at_work AS w ON w.seq = held.value ->> 0
            WHERE w.lease = held.value ->> 1)"""


Handle = tuple[int, int]
"""The seq of a message, and the number of its lease."""


def promote(connection: apsw.Connection, group: int, now: float) -> None:
    """Make ready what is due: ended leases keep their attempt, for their worker may have died of the message."""
    expired, due = one_row(
        connection,
        """SELECT EXISTS (SELECT 1 FROM at_work WHERE of_group = ?1 AND due <= ?2),
                  EXISTS (SELECT 1 FROM message WHERE of_group = ?1 AND state = 2 AND due <= ?2)""",
        (group, now),
    )
    if expired:
        ended = rows(
            connection,
            "DELETE FROM at_work WHERE of_group = ? AND due <= ? RETURNING seq, attempt",
            (group, now),
        )
        run(
            connection,
            "UPDATE message SET attempt = e.value ->> 1 FROM json_each(?) AS e WHERE seq = e.value ->> 0",
            (as_json(ended),),
        )
        _give_back(connection, group, [seq for seq, _ in ended], now)
    if due:
        to_wake = "UPDATE message SET state = 0, due = NULL WHERE of_group = ? AND state = 2 AND due <= ? RETURNING seq"
        make_ready(connection, column(connection, to_wake, (group, now)))


def claim(connection: apsw.Connection, group: int, limit: int, lease: int, due: float) -> list[Delivery]:
    """Lease up to `limit` messages, those of the lowest rank first."""
    found = rows(
        connection,
        f"""SELECT r.rank, r.seq, m.attempt + 1, {COLUMNS}
            FROM ready AS r CROSS JOIN message AS m ON m.seq = r.seq
            WHERE r.of_group = ? ORDER BY r.rank, r.seq LIMIT ?""",
        (group, limit),
    )
    if not found:
        return []
    rank, seq, *_ = found[-1]
    run(connection, "DELETE FROM ready WHERE of_group = ? AND (rank, seq) <= (?, ?)", (group, rank, seq))
    run(
        connection,
        """INSERT INTO at_work (seq, of_group, attempt, lease, due)
           SELECT value ->> 0, ?, value ->> 1, ?, ? FROM json_each(?)""",
        (group, lease, due, as_json([row[1:3] for row in found])),
    )
    run(
        connection,
        "UPDATE worker_group SET in_work = in_work + ?, floor = max(floor, ?) WHERE number = ?",
        (len(found), rank, group),
    )
    if rank > FARTHEST_RANK:
        _count_ranks_anew(connection, group, rank)
    return [Delivery(message_of(*row[3:]), row[2], (row[1], lease)) for row in found]


def _count_ranks_anew(connection: apsw.Connection, group: int, floor: int) -> None:
    random = (
        "(SELECT discipline FROM topic WHERE number = (SELECT topic FROM worker_group WHERE number = ?1)) = 'random'"
    )
    if run(connection, f"UPDATE worker_group SET floor = 0 WHERE number = ?1 AND {random}", (group,)):
        run(connection, "UPDATE ready SET rank = rank - ?2 WHERE of_group = ?1", (group, floor))


def finish(connection: apsw.Connection, group: int, handles: Sequence[Handle], now: float) -> tuple[set[Handle], bool]:
    """Remove messages that are done; return the leases that were still held, and whether others were behind them."""
    held = rows(connection, f"DELETE FROM at_work WHERE {_HELD} RETURNING seq, lease", (as_json(handles),))
    lanes = column(
        connection,
        "DELETE FROM message WHERE seq IN (SELECT value FROM json_each(?)) RETURNING lane",
        (as_json([seq for seq, _ in held]),),
    )
    run(
        connection,
        "UPDATE worker_group SET in_work = in_work - ?1, done = done + ?1 WHERE number = ?2",
        (len(held), group),
    )
    return set(held), advance(connection, group, lanes, now)


def settle_other(connection: apsw.Connection, group: int, settlement: Settlement, now: float) -> bool:
    """End one delivery in another way than done; False when its lease was lost."""
    seq, lease = settlement.delivery.handle
    held = one_row(connection, "DELETE FROM at_work WHERE seq = ? AND lease = ? RETURNING attempt", (seq, lease))
    if held is None:
        return False
    if settlement.ending is Ending.RELEASE:
        make_ready(connection, [seq])
    else:
        headers = None if settlement.headers is None else as_json(settlement.headers)
        dead = settlement.ending is Ending.DEAD
        run(
            connection,
            "UPDATE message SET state = ?, due = ?, attempt = ?, headers = coalesce(?, headers) WHERE seq = ?",
            (3 if dead else 2, None if dead else now + settlement.delay, *held, headers, seq),
        )
    _leave_work(connection, group, 1, dead=settlement.ending is Ending.DEAD)
    advance(connection, group, column(connection, "SELECT lane FROM message WHERE seq = ?", (seq,)), now)
    return True


def extend(connection: apsw.Connection, handles: Sequence[Handle], due: float) -> None:
    """Let leases that are still held end at `due`."""
    run(connection, f"UPDATE at_work SET due = ?2 WHERE {_HELD}", (as_json(handles), due))


def release_all(connection: apsw.Connection, group: int, first_lease: int, last_lease: int, now: float) -> None:
    """Give back all that is leased under these numbers, as if it had not been delivered."""
    released = column(
        connection,
        "DELETE FROM at_work WHERE of_group = ? AND lease BETWEEN ? AND ? RETURNING seq",
        (group, first_lease, last_lease),
    )
    _give_back(connection, group, released, now)


def _give_back(connection: apsw.Connection, group: int, seqs: Sequence[int], now: float) -> None:
    make_ready(connection, seqs)
    _leave_work(connection, group, len(seqs))
    lanes = "SELECT DISTINCT lane FROM message WHERE seq IN (SELECT value FROM json_each(?)) AND lane IS NOT NULL"
    advance(connection, group, column(connection, lanes, (as_json(seqs),)), now)


def _leave_work(connection: apsw.Connection, group: int, count: int, dead: bool = False) -> None:
    run(
        connection,
        "UPDATE worker_group SET in_work = in_work - ?1, dead = dead + ?1 * ?2 WHERE number = ?3",
        (count, int(dead), group),
    )
