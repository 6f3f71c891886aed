# ruff: noqa: ASYNC240 - these tests have the loop for themselves

from __future__ import annotations

import asyncio
import math
import sys
import textwrap
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, UsageError
from forebay.message import Message, new_id
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver, Settlement
from forebay.queue.drivers import sqlite
from forebay.sqlitefile import SQLiteFile
from forebay.url import URL, parse


class TestSQLite(ConformanceSuite):
    features = sqlite.FEATURES
    clock = ManualClock()

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "queue.db"

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"sqlite:///{self.path}").with_options(topic=topic, **options)


def script(path: Path, work: str, lease: str = "60s") -> list[str]:
    """Return the command of a process of its own that has the topic open as `queue`."""
    code = f"""
import asyncio, math, sys
from forebay.message import Message, new_id
from forebay.queue.driver import Settlement
from forebay.queue.drivers import sqlite
from forebay.url import parse

async def main():
    queue = await sqlite.connect(parse("sqlite:///{path}?topic=t&lease={lease}"))
{textwrap.indent(textwrap.dedent(work), "    ")}
    await queue.close()

asyncio.run(asyncio.wait_for(main(), 90))
"""
    return [sys.executable, "-c", code]


PUBLISH_FOR_EVER = """
while True:
    messages = [Message(new_id(), b"x") for _ in range(20)]
    for reference in await queue.publish(messages, math.inf):
        if isinstance(reference, str):
            print(reference, flush=True)
"""

WORK_UNTIL_ALL_IS_DONE = """
print("ready", flush=True)
while (await queue.counts()).done < 600:
    deliveries = await queue.receive(10, 0.2)
    for delivery, held in zip(deliveries, await queue.settle([Settlement(d) for d in deliveries])):
        if held:
            print(delivery.message.id, flush=True)
"""

TAKE_AND_DIE = """
import os
print(len(await queue.receive(5, 1.0)), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Driver]:
    queue = await sqlite.connect(parse(f"sqlite:///{tmp_path}/queue.db?topic=t&lease=60s"))
    yield queue
    await queue.close()


async def drained(queue: Driver) -> list[str]:
    """Work off all that waits; return the ids."""
    done: list[str] = []
    while deliveries := await queue.receive(500, 0):
        assert all(await queue.settle([Settlement(delivery) for delivery in deliveries]))
        done += [delivery.message.id for delivery in deliveries]
    return done


async def run(command: list[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def test_what_a_killed_publisher_was_told_is_there(tmp_path: Path, queue: Driver) -> None:
    publishers = [await run(script(tmp_path / "queue.db", PUBLISH_FOR_EVER)) for _ in range(2)]
    told: list[str] = []
    for publisher in publishers:
        assert publisher.stdout is not None
        told += [(await publisher.stdout.readline()).decode().strip() for _ in range(500)]
    for publisher in publishers:
        publisher.kill()
        rest, _ = await publisher.communicate()
        told += rest.decode().split("\n")[:-1]  # the last line may be torn
    done = await drained(queue)
    assert set(told) <= set(done)
    assert len(done) == len(set(done))
    assert (await queue.counts()).lost == 0


async def test_several_processes_share_the_work_and_nothing_is_done_twice(tmp_path: Path, queue: Driver) -> None:
    workers = [await run(script(tmp_path / "queue.db", WORK_UNTIL_ALL_IS_DONE)) for _ in range(3)]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    sent = [Message(new_id(), b"x") for _ in range(600)]
    for n in range(0, 600, 20):
        assert all(isinstance(result, str) for result in await queue.publish(sent[n : n + 20], math.inf))
    outputs = [(await worker.communicate())[0].decode().split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert Counter(id for output in outputs for id in output) == Counter(message.id for message in sent)
    counts = await queue.counts()
    assert (counts.done, counts.unfinished, counts.lost) == (600, 0, 0)


async def test_what_a_killed_worker_held_comes_back_when_its_lease_ends(tmp_path: Path, queue: Driver) -> None:
    sent = [Message(new_id(), b"x") for _ in range(5)]
    await queue.publish(sent, math.inf)
    before = ManualClock(time.time())  # whoever goes by it sees what is held now, however late it is when he looks
    looking = await sqlite.connect(parse(f"sqlite:///{tmp_path}/queue.db?topic=t"), clock=before)
    worker = await run(script(tmp_path / "queue.db", TAKE_AND_DIE, lease="1s"))
    assert (await worker.communicate())[0] == b"5\n"
    assert worker.returncode == -9
    assert (await looking.counts()).in_work == 5
    await looking.close()
    deliveries = await queue.receive(5, 30.0)
    assert [(d.message.id, d.attempt) for d in deliveries] == [(message.id, 2) for message in sent]


async def test_an_idle_receiver_is_woken_by_another_process_and_writes_nothing(tmp_path: Path, queue: Driver) -> None:
    log = tmp_path / "queue.db-wal"
    assert list(await queue.receive(1, 0)) == []
    before = (log.stat().st_mtime_ns, log.stat().st_size)
    other = apsw.Connection(str(tmp_path / "queue.db"))
    other.execute("BEGIN IMMEDIATE")  # an idle receiver does not even want the lock
    assert list(await queue.receive(1, 0.1)) == []
    other.execute("ROLLBACK")
    other.close()
    assert (log.stat().st_mtime_ns, log.stat().st_size) == before
    receiving = asyncio.create_task(queue.receive(1, 30.0))
    publisher = await run(script(tmp_path / "queue.db", 'await queue.publish([Message("one", b"")], math.inf)'))
    [delivery] = await receiving
    assert delivery.message.id == "one"
    await publisher.communicate()
    assert publisher.returncode == 0


async def test_a_full_disk_refuses_and_keeps_what_was_accepted(tmp_path: Path, queue: Driver) -> None:
    file = await SQLiteFile.open(str(tmp_path / "queue.db"), "")
    pages = await file.write(lambda connection: connection.pragma("page_count"))
    await file.write(lambda connection: connection.pragma("max_page_count", pages + 50))
    accepted: list[str | ForebayError] = []
    with suppress(Unavailable):
        while len(accepted) < 3_000:
            accepted += await queue.publish([Message(new_id(), b"x" * 500) for _ in range(3)], math.inf)
    with pytest.raises(Unavailable, match="full") as caught:
        await queue.publish([Message(new_id(), b"x" * 5_000)], math.inf)
    assert "free some space" in caught.value.hint
    counts = await queue.counts()
    assert (counts.accepted, counts.waiting, counts.lost) == (len(accepted), len(accepted), 0)
    await file.write(lambda connection: connection.pragma("max_page_count", 1_000_000))
    accepted += await queue.publish([Message(new_id(), b"after")], math.inf)
    assert sorted(await drained(queue)) == sorted(map(str, accepted))
    await file.close()


async def test_a_topic_that_is_not_empty_keeps_its_discipline(tmp_path: Path, queue: Driver) -> None:
    url = parse(f"sqlite:///{tmp_path}/queue.db?topic=t")
    await queue.publish([Message(new_id(), b"x")], math.inf)
    with pytest.raises(UsageError, match="fifo"):
        await sqlite.connect(url.with_options(discipline="lifo"))
    await drained(queue)
    await (await sqlite.connect(url.with_options(discipline="lifo"))).close()
    await (await sqlite.connect(url)).close()


async def test_topics_of_one_file_do_not_see_each_other(tmp_path: Path, queue: Driver) -> None:
    other = await sqlite.connect(parse(f"sqlite:///{tmp_path}/queue.db?topic=other"))
    one = Message(new_id(), b"x")
    await queue.publish([one], math.inf)
    await other.publish([one], math.inf)
    assert await drained(other) == [one.id]
    assert await queue.purge() == 1
    assert (await other.counts()).done == 1
    await other.close()


async def test_the_file_may_stand_beside_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    queue = await sqlite.connect(parse("sqlite:///beside.db?topic=t&synchronous=normal"))
    assert queue.durability is Durability.OS
    await queue.close()
    assert (tmp_path / "beside.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://queue.db?topic=t",
        "sqlite:///?topic=t",
        "sqlite:///queue.db?lease=0",
        "sqlite:///queue.db?lease=inf",
        "sqlite:///queue.db?synchronous=off",
    ],
)
async def test_a_url_that_cannot_be_meant_is_refused_before_anything_is_made(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        await sqlite.connect(parse(url))
    assert list(tmp_path.iterdir()) == []
