"""Every order that the queue accepted is in the store once, or a dead letter; whatever is killed, at whatever stage."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from datetime import UTC, datetime

import pytest

import killed_at
from asking import ask
from forebay import ForebayError, Message, open_store, open_topic
from forebay.lab.programs import Intake
from forebay.lab.servers import PostgreSQL, Redis
from forebay.message import new_id
from forebay.queue.opening import open_driver
from forebay.services.orderstore.generating.orders import Orders
from forebay.services.orderstore.keeping import says_the_same

BROKEN = 0.05
PAGE = 1_000


class OrderStore(Intake):
    """The order store as a process; the first time it may be one that dies at a stage."""

    def __init__(self, folder, queue, store, *, dies=None):
        folder.mkdir(exist_ok=True)
        options = ["--workers", "2", "--readers", "2", "--cleanup", "1s"]
        super().__init__(["orderstore", "--queue", queue, "--store", store, *options], folder)
        self.dies = dies

    def _command(self):
        command = super()._command()
        if self.dies is None:
            return command
        stage, call = self.dies
        return [sys.executable, killed_at.__file__, stage, str(call), *command[3:]]

    def _answers(self):
        """Whoever is to die may do so before it has answered anybody."""
        return self.dies is not None or super()._answers()

    async def died(self):
        """Wait until it has killed itself."""
        async with asyncio.timeout(60):
            while self.exit_code is None:
                await asyncio.sleep(0.02)


class Books:
    """What was put into the queue, and what became of it there."""

    def __init__(self, queue, share_broken=BROKEN):
        self.queue = queue
        self.orders = Orders(11, datetime(2026, 1, 31, tzinfo=UTC), share_broken=share_broken)
        self.ids, self.bodies = {}, {}
        self.accepted, self.unknown = set(), set()

    async def fill(self, until, rate=400):
        """Publish orders until an event is set, one after the other, a little slower than they can be kept."""
        topic = await open_topic(self.queue, "orders")
        try:
            while not until.is_set():
                await asyncio.gather(*(self._publish(topic) for _ in range(rate // 20)))
                await asyncio.sleep(0.05)
        finally:
            await topic.close()

    async def _publish(self, topic):
        index = len(self.ids)
        id, body = self.ids[index], self.bodies[index] = new_id(), self.orders.body(index)
        try:
            await topic.publish(Message(id, body, accepted_at=time.time()))
        except ForebayError:
            self.unknown.add(index)
        else:
            self.accepted.add(index)

    async def more(self, count=200):
        """Wait until so many more have been accepted."""
        enough = len(self.accepted) + count
        async with asyncio.timeout(60):
            while len(self.accepted) < enough:
                await asyncio.sleep(0.01)

    def good(self, indexes):
        """Return the bodies of those that are orders, by uid."""
        return {self.orders.uid(index): self.bodies[index] for index in indexes if self.orders.flaw(index) is None}

    def broken(self, indexes):
        """Return the message ids of those that are none."""
        return {self.ids[index] for index in indexes if self.orders.flaw(index) is not None}


async def rows_of(store):
    collection = await store.collection("orders")
    rows, before = {}, None
    while page := await collection.newest(PAGE, before):
        before = page[-1].number
        assert not rows.keys() & {document.key for document in page}
        rows |= {document.key: document for document in page}
    return rows


async def settled(driver, seconds=90.0):
    async with asyncio.timeout(seconds):
        while (await driver.counts()).unfinished:
            await asyncio.sleep(0.1)  # other processes work it off, and tell us nothing


async def dead_ids(driver):
    ids, after = [], ""
    while page := await driver.dead_letters(PAGE, after):
        ids += [letter.message.id for letter in page]
        after = ids[-1]
    assert len(set(ids)) == len(ids)
    return set(ids)


async def assert_kept(books, store_url):
    """Compare the rows of the store and the dead letters with what was accepted."""
    driver, store = await open_driver(books.queue, "orders"), await open_store(store_url)
    try:
        await settled(driver)
        rows, dead = await rows_of(store), await dead_ids(driver)
    finally:
        await driver.close()
        await store.close()
    sure, perhaps = books.good(books.accepted), books.good(books.unknown)
    assert sure.keys() <= rows.keys() <= sure.keys() | perhaps.keys()
    assert all(says_the_same(rows[uid].value, body) for uid, body in sure.items())
    broken = books.broken(books.accepted)
    assert broken <= dead <= broken | books.broken(books.unknown)
    assert len(sure) > 100
    assert broken
    return rows


async def assert_told(program, rows):
    """Compare what a fresh process has restored with the rows of the store."""
    async with asyncio.timeout(60):
        while (await ask(program.port, "/readyz")).status != 200:
            await asyncio.sleep(0.05)
    assert (await ask(program.port, "/stats")).json["orders"] == len(rows)
    for uid, document in list(rows.items())[:: max(1, len(rows) // 100)]:
        told = await ask(program.port, f"/orders/{uid}")
        assert told.status == 200
        assert says_the_same(told.body, document.value)


@pytest.mark.server
@pytest.mark.parametrize("stage", killed_at.STAGES)
async def test_a_service_that_is_killed_at_any_stage_loses_and_repeats_nothing(stage, tmp_path, kafka, postgres):
    name = f"killed{killed_at.STAGES.index(stage)}"
    queue, store = f"{kafka.url}/{name}?partitions=4&lease=6s", f"{postgres.url}?schema={name}"
    books, over = Books(queue), asyncio.Event()
    filling = asyncio.create_task(books.fill(over))
    with OrderStore(tmp_path / "dies", queue, store, dies=(stage, 5)) as first:
        await first.died()
    with OrderStore(tmp_path / "lives", queue, store) as second:
        await books.more()  # under load
        over.set()
        await filling
        await assert_kept(books, store)
        second.kill()
        rows = await assert_kept(books, store)
        await asyncio.to_thread(second.restart)
        await assert_told(second, rows)


async def test_two_replicas_of_which_now_one_and_now_the_other_is_killed_keep_everything_once(tmp_path):
    queue = f"sqlite:///{tmp_path}/queue.db?topic=orders&lease=2s"
    store = f"sqlite:///{tmp_path}/orders.db"
    books, over = Books(queue), asyncio.Event()
    with OrderStore(tmp_path / "a", queue, store) as one, OrderStore(tmp_path / "b", queue, store) as other:
        filling = asyncio.create_task(books.fill(over))
        for victim in (one, other, one):
            await books.more()
            victim.kill()
            await asyncio.to_thread(victim.restart)
        over.set()
        await filling
        rows = await assert_kept(books, store)
        for program in (one, other):
            await asyncio.to_thread(program.restart)
            await assert_told(program, rows)


@pytest.mark.server
async def test_what_was_accepted_outlives_the_kill_of_the_broker_and_of_the_database(tmp_path, own_servers):
    broker, database = own_servers(Redis), own_servers(PostgreSQL)
    queue, store = f"{broker.url}/orders?lease=2s", database.url
    books, over = Books(queue), asyncio.Event()
    with OrderStore(tmp_path / "a", queue, store) as program:
        filling = asyncio.create_task(books.fill(over))
        for server in (database, broker, database):
            await books.more()
            server.kill()
            await asyncio.to_thread(server.restart)
        await books.more()
        over.set()
        await filling
        rows = await assert_kept(books, store)
        await asyncio.to_thread(program.restart)
        await assert_told(program, rows)


async def test_the_judgement_sees_an_order_that_is_missing(tmp_path):
    """The test of the test: a row that is taken out of the store makes it fail."""
    queue, store = f"sqlite:///{tmp_path}/queue.db?topic=orders", f"sqlite:///{tmp_path}/orders.db"
    books, over = Books(queue), asyncio.Event()
    with OrderStore(tmp_path / "a", queue, store):
        filling = asyncio.create_task(books.fill(over))
        await books.more()
        over.set()
        await filling
        rows = await assert_kept(books, store)
    with contextlib.closing(sqlite3.connect(f"{tmp_path}/orders.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM orders WHERE key = ?", (next(iter(rows)),))
    with pytest.raises(AssertionError):
        await assert_kept(books, store)
