"""The law of an SQLite queue: whatever is killed whenever, each unfinished message is in exactly one place."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import apsw
import pytest

Start = Callable[[str], Awaitable[asyncio.subprocess.Process]]

LAW = {
    "is ready or at work, and not both, exactly when its state says so": """
        SELECT m.seq FROM message AS m WHERE (m.state = 0) <>
            (SELECT count(*) FROM ready AS r WHERE r.of_group = m.of_group AND r.seq = m.seq)
          + (SELECT count(*) FROM at_work AS w WHERE w.of_group = m.of_group AND w.seq = m.seq)""",
    "nothing is ready that is no message": "SELECT seq FROM ready WHERE seq NOT IN (SELECT seq FROM message)",
    "nothing is at work that is no message": "SELECT seq FROM at_work WHERE seq NOT IN (SELECT seq FROM message)",
    "whatever is behind has one in front of it": """
        SELECT b.seq FROM message AS b WHERE b.state = 4 AND NOT EXISTS (
            SELECT 1 FROM message AS f WHERE f.of_group = b.of_group AND f.lane = b.lane AND f.state < 3)""",
    "a group has counted what its rows tell": """
        SELECT number FROM worker_group AS g WHERE coalesce(heard_at > 0, TRUE) AND (
            in_work <> (SELECT count(*) FROM at_work WHERE of_group = number)
            OR dead <> (SELECT count(*) FROM message WHERE of_group = number AND state = 3)
            OR accepted - done - discarded <> (SELECT count(*) FROM message WHERE of_group = number))""",
}

PROGRAM = """
import asyncio, random, sys, time
from forebay.errors import ForebayError, Unavailable
from forebay.message import Message, new_id
from forebay.queue.driver import Ending, Settlement
from forebay.queue.drivers.sqlite import connect
from forebay.url import parse

async def publish(driver):
    due = random.choice([0.0, 0.0, time.time() + 0.1])
    batch = [Message(new_id(), b"x", random.choice([None, "a", "b"]), not_before=due) for _ in range(5)]
    if all(isinstance(one, str) for one in await driver.publish(batch, float("inf"))):
        print(*(one.id for one in batch), sep="\\n", flush=True)

async def work(driver):
    taken = await driver.receive(10, 0.02)
    ends = [Ending.DONE, Ending.DONE, *Ending]
    await driver.settle([Settlement(one, random.choice(ends), 0.1) for one in taken if random.random() < 0.9])

async def decide(driver):
    ids = [letter.message.id for letter in await driver.dead_letters(5)]
    await random.choice([driver.return_dead, driver.drop_dead])(ids)

async def opened():
    while True:
        try:
            return await connect(parse(sys.argv[1]))
        except Unavailable:  # another one held the lock for long
            pass

async def main():
    driver = await opened()
    while True:
        try:
            await random.choice([publish, work, work, decide])(driver)
        except ForebayError:
            pass

asyncio.run(main())
"""


def broken(path: Path) -> dict[str, list[object]]:
    """Return what breaks the law, of one moment."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    with connection:
        found = {name: connection.execute(query).fetchall() for name, query in LAW.items()}
    connection.close()
    return {name: rows for name, rows in found.items() if rows}


async def kill_them_in_turn(path: Path, start: Start, asked: Sequence[str]) -> None:
    running = [await start(options) for options in [*asked, "group=each"]]
    for options in [*asked, "group=each", *asked]:
        await asyncio.sleep(random.uniform(0.0, 0.3))  # any moment will do
        victim = running.pop(0)
        assert victim.returncode is None  # none ends by itself
        victim.kill()
        await victim.wait()
        assert broken(path) == {}
        running.append(await start(options))


@pytest.mark.parametrize("orders", [("none", "key"), ("partition", "none")])
async def test_workers_that_are_killed_at_any_moment_break_no_law(tmp_path: Path, orders: tuple[str, str]) -> None:
    path = tmp_path / "orders.db"
    asked = [f"group={group}&order={order}" for group, order in zip(("orders", "audit"), orders, strict=True)]
    printed: list[asyncio.Task[bytes]] = []

    async def start(options: str) -> asyncio.subprocess.Process:
        url = f"sqlite:///{path}?topic=orders&lease=1s&{options}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        first = await process.stdout.readline()  # it has begun
        printed.append(asyncio.create_task(process.stdout.read()))
        begun.append(process)
        ids.add(first.decode().strip())
        return process

    ids: set[str] = set()
    begun: list[asyncio.subprocess.Process] = []
    try:
        await kill_them_in_turn(path, start, asked)
    finally:
        for process in begun:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert broken(path) == {}
    for output in await asyncio.gather(*printed):
        ids |= {line for line in output.decode().split("\n")[:-1] if line}
    connection = apsw.Connection(str(path))
    [(accepted,)] = connection.execute("SELECT accepted FROM worker_group WHERE name = 'orders'")
    connection.close()
    assert accepted >= len(ids) > 0


async def test_the_law_can_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    connection = apsw.Connection(str(path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, f"sqlite:///{path}?topic=orders", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.kill()
    await process.communicate()
    connection.execute(
        "INSERT INTO message (of_group, id, state, priority, accepted_at, body) VALUES (1, 'a', 0, 0, 0, x'')"
    )
    assert set(broken(path)) == {next(iter(LAW)), list(LAW)[-1]}
    connection.close()
