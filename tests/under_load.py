"""How far the load on a deployment is: what breaks it then does so at a known moment, however slow the machine is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from forebay.lab.programs import Program
from forebay.lab.proof import Deployment
from forebay.load.ledger import read

T = TypeVar("T")
Leases = dict[tuple[int, int], float]

BEATS = 2


async def until(condition: Callable[[], T], seconds: float = 30) -> T:
    """Wait for what other processes do, which tell us nothing; return what the condition has found."""
    deadline = time.monotonic() + seconds
    while not (found := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


async def until_accepted(deployment: Deployment, count: int = 20) -> None:
    """Wait until clients have heard of so many orders that they were accepted."""
    ledger = deployment.folder / "ledger.jsonl"
    await until(lambda: sum(tally.accepted for tally in read(ledger).values()) >= count)


async def until_turned_away(deployment: Deployment, count: int) -> None:
    """Wait until so many orders have met a 503."""
    ledger = deployment.folder / "ledger.jsonl"
    await until(lambda: ledger.read_bytes().count(b'"status":503') >= count)


def leases(queue: Path) -> Leases:
    """Return until when each message in hand is leased, by the message and the lease, in a queue in SQLite."""
    return {(seq, lease): due for seq, lease, due in _rows(queue, "SELECT seq, lease, due FROM at_work")}


async def stand_still_at_work(worker: Program, queue: Path, store: Path) -> None:
    """Pause one of two workers that both have messages in hand; return when all of these are done, by the other.

    Not in the midst of a commit: nobody could write then until it goes on.
    """
    async with asyncio.timeout(30):
        while True:
            await asyncio.to_thread(worker.pause)
            held = leases(queue)
            both = len({lease >> 24 for _, lease in held}) == 2  # each has numbers of its own
            if both and await asyncio.to_thread(lambda: all(map(_can_be_written, (queue, store)))):
                break
            worker.resume()
            await asyncio.sleep(0.02)
    messages = {seq for seq, _ in held}
    await until(lambda: messages.isdisjoint(seq for (seq,) in _rows(queue, "SELECT seq FROM message")))


async def until_held_up(queue: Path) -> None:
    """Wait until what is in hand stays there: the lease of some message has been renewed again and again."""
    dues: dict[tuple[int, int], set[float]] = {}

    def renewed() -> bool:
        for held, due in leases(queue).items():
            dues.setdefault(held, set()).add(due)
        return any(len(seen) > BEATS for seen in dues.values())

    await until(renewed)


def _can_be_written(path: Path) -> bool:
    """Whether nobody keeps the lock for himself: who stands still does, all others for a moment only."""
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.set_busy_timeout(1_000)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            return False
        connection.execute("ROLLBACK")
    return True


def _rows(path: Path, statement: str) -> list[Any]:
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.set_busy_timeout(30_000)
        return connection.execute(statement).fetchall()
