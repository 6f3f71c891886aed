"""Groups on one SQLite file: between processes, and what becomes of those who are gone."""

from __future__ import annotations

import asyncio
import math
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from driving import ids
from forebay.clock import ManualClock
from forebay.errors import QueueFull, Unavailable, UsageError
from forebay.message import Message
from forebay.queue.driver import Driver, Settlement
from forebay.queue.drivers import sqlite
from forebay.queue.drivers.sqlite import groups
from forebay.url import parse

Open = Callable[..., Awaitable[Driver]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def opened(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Open]:
    """Return what opens a handle on the file of this test."""
    drivers: list[Driver] = []

    async def open(**options: str) -> Driver:
        url = parse(f"sqlite:///{tmp_path}/queue.db?topic=t").with_options(**options)
        drivers.append(await sqlite.connect(url, clock=clock))
        return drivers[-1]

    yield open
    for driver in drivers:
        await driver.close()


def rows(tmp_path: Path, statement: str) -> list[Any]:
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


WORKER = """
import asyncio, sys
from forebay.queue.driver import Settlement
from forebay.queue.drivers import sqlite
from forebay.url import parse

async def main():
    queue = await sqlite.connect(parse("{url}"))
    print("ready", flush=True)
    while (await queue.counts()).done < 200:
        deliveries = await queue.receive(10, 0.2)
        await queue.settle([Settlement(delivery) for delivery in deliveries])
        for delivery in deliveries:
            print(delivery.message.id, flush=True)
    await queue.close()

asyncio.run(asyncio.wait_for(main(), 90))
"""


async def test_processes_of_two_groups_and_two_subscribers_of_their_own_get_what_is_theirs(
    tmp_path: Path, opened: Open
) -> None:
    publisher = await opened()
    workers = []
    for group in ("t", "t", "audit", "audit", "each", "each"):
        code = textwrap.dedent(WORKER).format(url=f"sqlite:///{tmp_path}/queue.db?topic=t&group={group}")
        command = [sys.executable, "-c", code]
        workers.append(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE))
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    sent = [f"m{n:03}" for n in range(200)]
    for n in range(0, 200, 20):
        await publisher.publish([Message(id, b"x") for id in sent[n : n + 20]], math.inf)
    heard = [(await worker.communicate())[0].decode().split() for worker in workers]
    assert sorted(heard[0] + heard[1]) == sorted(heard[2] + heard[3]) == sent
    assert heard[4] == heard[5] == sent
    assert rows(tmp_path, "SELECT count(*) FROM message") == [(0,)]
    assert rows(tmp_path, "SELECT name FROM worker_group ORDER BY name") == [("audit",), ("t",)]


async def test_the_fullest_durable_group_decides_whether_there_is_room(opened: Open) -> None:
    own, audit, each = await opened(), await opened(group="audit"), await opened(group="each")
    assert list(await own.publish([Message("1", b""), Message("2", b"")], 2)) == ["1", "2"]
    await own.settle([Settlement(delivery) for delivery in await own.receive(9, 0)])
    results = await own.publish([Message("2", b""), Message("3", b"")], 2)
    assert results[0] == "2"  # the full group has it already
    assert isinstance(results[1], QueueFull)
    assert "'t'" in str(results[1])
    assert [(await queue.counts()).accepted for queue in (own, audit, each)] == [3, 2, 2]
    await audit.receive(9, 0)
    assert list(await own.publish([Message("3", b"")], 2)) == ["3"]  # what `each` has not read takes no place


async def test_a_killed_subscriber_is_swept_away_by_those_who_publish(
    tmp_path: Path, opened: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "PORTION", 10)
    publisher, dead = await opened(), await opened(group="each")
    await publisher.publish([Message(f"m{n}", b"") for n in range(25)], math.inf)
    await dead.receive(5, 0)
    clock.advance(groups.SILENCE + 1)
    for n in range(6):
        await publisher.publish([Message(f"after {n}", b"")], math.inf)
        await publisher.extend([])  # behind the sweeping in the same line
    assert rows(tmp_path, "SELECT name FROM worker_group") == [("t",)]
    for table in ("message", "ready", "at_work"):
        of = "SELECT count(*) FROM {} WHERE of_group <> (SELECT number FROM worker_group)"
        assert rows(tmp_path, of.format(table)) == [(0,)]
    assert (await publisher.counts()).waiting == 31


async def test_a_subscriber_that_was_silent_for_too_long_is_told_so_and_listens_again(
    opened: Open, clock: ManualClock
) -> None:
    publisher, sleeper = await opened(), await opened(group="each")
    await publisher.publish([Message("early", b"")], math.inf)
    clock.advance(groups.SILENCE + 1)
    await publisher.publish([Message("missed", b"")], math.inf)
    await publisher.extend([])  # behind the sweeping in the same line
    with pytest.raises(Unavailable, match="silent"):
        await sleeper.receive(9, 0)
    await publisher.publish([Message("heard", b"")], math.inf)
    assert ids(await sleeper.receive(9, 0)) == ["heard"]


async def test_a_subscriber_that_finds_itself_gone_in_several_calls_at_once_takes_one_new_place(
    tmp_path: Path, opened: Open, clock: ManualClock
) -> None:
    sleeper = await opened(group="each")
    clock.advance(groups.SILENCE + 1)
    calls = [sleeper.publish([Message(str(n), b"")], math.inf) for n in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert len(rows(tmp_path, f"SELECT 1 FROM worker_group WHERE heard_at >= {clock.time()}")) == 1
    assert list(await sleeper.publish([Message("1", b"")], math.inf)) == ["1"]


async def test_a_subscriber_that_is_heard_of_lives_however_long_nothing_comes(opened: Open, clock: ManualClock) -> None:
    publisher, subscriber = await opened(), await opened(group="each")
    for _ in range(3):
        clock.advance(groups.SILENCE * 0.9)
        subscriber._beat_now()  # type: ignore[attr-defined]
        await subscriber.extend([])  # behind it in the same line
        assert list(await subscriber.receive(1, 0)) == []
    await publisher.publish([Message("1", b"")], math.inf)
    assert ids(await subscriber.receive(9, 0)) == ["1"]


async def test_a_removed_group_tells_all_who_have_it_open(tmp_path: Path, opened: Open) -> None:
    own, audit = await opened(), await opened(group="audit")
    [held] = [*await own.publish([Message("1", b"")], math.inf), *await audit.receive(1, 0)][1:]
    admin = await sqlite.administer(parse(f"sqlite:///{tmp_path}/queue.db"))
    await admin.remove("t", "audit")
    assert list(await audit.settle([Settlement(held)])) == [False]
    for call in (audit.receive(1, 0), audit.counts(), audit.publish([Message("2", b"")], math.inf)):
        with pytest.raises(Unavailable, match="removed"):
            await call
    assert list(await own.publish([Message("2", b"")], math.inf)) == ["2"]
    again = await opened(group="audit")
    assert (await again.counts()).accepted == 0


# Order, kept in the file


async def test_an_order_stays_with_its_group_whoever_opens_it(opened: Open) -> None:
    worker = await opened(order="key")
    other = await opened()
    await other.publish([Message(id, b"", "k") for id in "123"], math.inf)
    assert ids(await other.receive(9, 0)) == ["1"]
    with pytest.raises(UsageError, match="order=key"):
        await opened(order="partition")
    await worker.purge()


async def test_an_empty_group_may_change_its_order(opened: Open) -> None:
    queue = await opened(order="key")
    await (await opened(order="partition")).publish([Message("1", b""), Message("2", b"")], math.inf)
    assert ids(await queue.receive(9, 0)) == ["1"]


async def test_an_order_is_refused_while_several_of_one_key_are_in_work(opened: Open) -> None:
    loose = await opened()
    await loose.publish([Message(id, b"", "k") for id in "123"], math.inf)
    held = await loose.receive(2, 0)
    with pytest.raises(UsageError, match="in work"):
        await opened(order="key")
    await loose.settle([Settlement(held[0])])
    strict = await opened(order="key")
    assert list(await strict.receive(9, 0)) == []
    await loose.settle([Settlement(held[1])])
    assert ids(await strict.receive(9, 0)) == ["3"]


async def test_an_order_is_refused_where_the_topic_has_another_discipline(opened: Open) -> None:
    await opened(discipline="lifo")
    with pytest.raises(UsageError, match="lifo"):
        await opened(order="key")
