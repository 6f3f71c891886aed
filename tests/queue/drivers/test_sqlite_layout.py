"""The tables of an SQLite queue: files of the first layout, the statements' use of indexes, the law of chance."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import apsw
import pytest

from forebay.clock import ManualClock
from forebay.disciplines import Discipline
from forebay.errors import Unavailable, UsageError
from forebay.message import Message, new_id
from forebay.queue.driver import Driver, Ending, Settlement, State
from forebay.queue.drivers import sqlite
from forebay.queue.drivers.sqlite import accepting, groups, leasing, tables
from forebay.queue.options import asked_of
from forebay.url import parse

FIRST_LAYOUT = """
CREATE TABLE IF NOT EXISTS topic (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, discipline TEXT NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0, in_work INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, discarded INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY, topic INTEGER NOT NULL, id TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    rank INTEGER NOT NULL, priority INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, lease INTEGER, due REAL,
    accepted_at REAL NOT NULL, key TEXT, headers TEXT, body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS message_id ON message (topic, id);
CREATE INDEX IF NOT EXISTS message_ready ON message (topic, rank, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS message_in_work ON message (topic, due) WHERE state = 1;
CREATE INDEX IF NOT EXISTS message_retrying ON message (topic, due) WHERE state = 2;
CREATE INDEX IF NOT EXISTS message_dead ON message (topic, id) WHERE state = 3;
"""
HELD = """
INSERT INTO topic VALUES (1, 'orders', 'fifo', 9, 1, 4, 1, 0), (2, 'urgent', 'priority', 2, 0, 0, 0, 0),
                         (3, 'stack', 'lifo', 2, 0, 0, 0, 0);
INSERT INTO message VALUES (3, 1, 'ready', 0, 0, 7, 1, NULL, NULL, 99.5, 'k', '{"a":"b"}', x'00ff'),
                           (4, 1, 'at work', 1, 0, 0, 2, 77, 1050.0, 100.0, NULL, NULL, x'01'),
                           (5, 1, 'retrying', 2, 0, 0, 3, NULL, 1030.0, 100.0, NULL, NULL, x'02'),
                           (6, 1, 'dead', 3, 0, 0, 4, NULL, NULL, 100.0, NULL, '{"why":"x"}', x'03'),
                           (7, 2, 'low', 0, 0, 0, 0, NULL, NULL, 100.0, NULL, NULL, x''),
                           (8, 2, 'high', 0, -5, 5, 0, NULL, NULL, 100.0, NULL, NULL, x''),
                           (9, 3, 'under', 0, 0, 0, 0, NULL, NULL, 100.0, NULL, NULL, x''),
                           (10, 3, 'top', 0, 0, 0, 0, NULL, NULL, 100.0, NULL, NULL, x'');
"""


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """Return a file as the first version left it."""
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    for _ in connection.execute(FIRST_LAYOUT + HELD):
        pass
    connection.close()
    return path


async def opened(path: Path, clock: ManualClock, **options: str) -> Driver:
    return await sqlite.connect(parse(f"sqlite:///{path}").with_options(**options), clock=clock)


async def taken(queue: Driver) -> list[tuple[str, int]]:
    return [(delivery.message.id, delivery.attempt) for delivery in await queue.receive(9, 0)]


async def test_a_file_of_the_first_layout_keeps_all_that_it_holds(old_file: Path) -> None:
    clock = ManualClock(1_000.0)
    queue = await opened(old_file, clock, topic="orders", lease="1h")
    counts = await queue.counts()
    assert (counts.accepted, counts.done, counts.dead, counts.lost) == (9, 4, 1, 1)  # the file was short of one
    assert (counts.waiting, counts.in_work, counts.retrying) == (1, 1, 1)
    [delivery] = await queue.receive(9, 0)
    assert delivery.message == Message("ready", b"\x00\xff", "k", {"a": "b"}, 7, 99.5)
    assert delivery.attempt == 2
    clock.advance(31)
    assert await taken(queue) == [("retrying", 4)]
    clock.advance(20)
    assert ("at work", 3) in await taken(queue)
    [letter] = await queue.dead_letters()
    assert (letter.message.id, letter.message.headers, letter.attempts) == ("dead", {"why": "x"}, 4)
    await queue.close()


async def test_each_topic_of_the_first_layout_keeps_its_discipline(old_file: Path) -> None:
    urgent = await opened(old_file, ManualClock(), topic="urgent")
    stack = await opened(old_file, ManualClock(), topic="stack")
    await stack.publish([Message("newest", b"")], math.inf)
    assert await taken(urgent) == [("high", 1), ("low", 1)]
    assert [id for id, _ in await taken(stack)] == ["newest", "top", "under"]
    await urgent.close()
    await stack.close()


async def test_an_operator_who_looks_at_an_old_file_sees_its_topics(old_file: Path) -> None:
    admin = await sqlite.administer(parse(f"sqlite:///{old_file}"))
    assert [(topic.name, topic.groups) for topic in await admin.topics()] == [
        ("orders", ["orders"]),
        ("stack", ["stack"]),
        ("urgent", ["urgent"]),
    ]


@pytest.mark.parametrize(
    ("made", "told"), [("CREATE TABLE worker_group (x)", "newer"), ("SELECT 1", "another program")]
)
async def test_a_file_that_is_numbered_otherwise_is_refused_and_left_alone(
    tmp_path: Path, made: str, told: str
) -> None:
    connection = apsw.Connection(str(tmp_path / "new.db"))
    connection.execute(made)
    connection.pragma("user_version", tables.LAYOUT + 1)
    before = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    with pytest.raises(UsageError, match=told):
        await opened(tmp_path / "new.db", ManualClock(), topic="t")
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == before
    connection.close()


async def test_a_file_that_holds_the_tables_of_another_program_can_hold_queues_too(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "shared.db"))
    connection.execute("CREATE TABLE message_of_theirs (topic, rank)")
    connection.close()
    queue = await opened(tmp_path / "shared.db", ManualClock(), topic="t")
    assert (await queue.counts()).accepted == 0
    await queue.close()


# Statements


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    """Return a connection to a new file."""
    connection = apsw.Connection(str(tmp_path / "pieces.db"))
    connection.pragma("synchronous", "off")
    return connection


@pytest.fixture
def places(connection: apsw.Connection) -> dict[str, groups.Place]:
    """Return three groups of one topic: without order, with one, and a subscriber of its own."""
    orders = {"t": "none", "keys": "key", "each": "none"}
    asked = {name: asked_of(parse(f"sqlite:///x?topic=t&group={name}&order={order}")) for name, order in orders.items()}
    return {name: groups.open_group(connection, asked[name], "me", 0.0) for name in orders}


def test_no_statement_of_the_hot_path_reads_a_table_from_end_to_end(
    connection: apsw.Connection, places: dict[str, groups.Place]
) -> None:
    seen: dict[str, object] = {}
    connection.exec_trace = lambda _, statement, values: seen.update({statement: values}) is None
    place = places["keys"]
    rows = [accepting.row_of(Message(str(n), b"", key="k", not_before=5.0 * (n % 2)), 1.0) for n in range(6)]
    accepting.accept(connection, place, rows, 100.0, 1.0)
    accepting.accept(connection, place, rows, 3.0, 1.0)
    for now in (2.0, 9.0, 30.0):
        leasing.promote(connection, place.group, now)
        held = leasing.claim(connection, place.group, 1, int(now), now + 10)
        leasing.extend(connection, [delivery.handle for delivery in held], now + 10)
        leasing.settle_other(connection, place.group, Settlement(held[0], Ending.RETRY, 1.0), now)
    held = leasing.claim(connection, place.group, 1, 99, 99.0) or held
    leasing.finish(connection, place.group, [delivery.handle for delivery in held], 40.0)
    connection.exec_trace = None
    assert len(seen) > 15
    for statement, values in seen.items():
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
        assert [step for step in plan if re.match("SCAN (message|m|f|b|ready|r|at_work|w)\\b", step)] == [], statement


def test_without_an_order_no_row_stands_in_an_index_of_lanes(
    connection: apsw.Connection, places: dict[str, groups.Place]
) -> None:
    place = places["t"]
    accepting.accept(connection, place, [accepting.row_of(Message("1", b"", key="k"), 1.0)], math.inf, 1.0)
    lanes = connection.execute("SELECT g.name, lane, state FROM message JOIN worker_group AS g ON of_group = g.number")
    assert sorted(lanes) == [("each:me", None, 0), ("keys", "k", 0), ("t", None, 0)]


# Chance


def draw(connection: apsw.Connection, place: groups.Place, lease: int) -> str:
    [delivery] = leasing.claim(connection, place.group, 1, lease, 1e9)
    leasing.finish(connection, place.group, [delivery.handle], 1.0)
    return delivery.message.id


def test_under_random_old_and_new_messages_have_the_same_chance(connection: apsw.Connection) -> None:
    """Ten wait; one is taken and one comes, four thousand times: the age of what is taken is geometric."""
    place = groups.open_group(connection, asked_of(parse("sqlite:///x?topic=t&discipline=random")), "", 0.0)
    waiting, draws = 10, 4_000
    ages: Counter[int] = Counter()

    def publish(n: int) -> None:
        accepting.accept(connection, place, [accepting.row_of(Message(str(n), b""), 1.0)], math.inf, 1.0)

    with connection:
        for n in range(waiting):
            publish(n)
        for n in range(draws):
            ages[n + waiting - 1 - int(draw(connection, place, n))] += 1
            publish(n + waiting)
    for age in range(12):
        expected = draws / waiting * (1 - 1 / waiting) ** age
        assert abs(ages[age] - expected) < 7 * math.sqrt(expected), (age, ages[age], expected)


def test_ranks_that_grow_too_large_are_counted_anew_and_keep_their_order(connection: apsw.Connection) -> None:
    place = groups.open_group(connection, asked_of(parse("sqlite:///x?topic=t&discipline=random")), "", 0.0)
    connection.execute("UPDATE worker_group SET floor = ?", (leasing.FARTHEST_RANK,))
    accepting.accept(connection, place, [accepting.row_of(Message(id, b""), 1.0) for id in "abcd"], math.inf, 1.0)
    order = [id for (id,) in connection.execute("SELECT id FROM ready JOIN message USING (seq) ORDER BY rank")]
    assert draw(connection, place, 1) == order[0]
    assert connection.execute("SELECT floor FROM worker_group").fetchone() == (0,)
    assert connection.execute("SELECT max(rank) < 1 << 40, min(rank) >= 0 FROM ready").fetchone() == (1, 1)
    assert [draw(connection, place, n) for n in (2, 3, 4)] == order[1:]


async def test_a_discipline_that_another_process_changed_holds_for_all_who_publish(tmp_path: Path) -> None:
    early = await opened(tmp_path / "q.db", ManualClock(), topic="t")
    other = await opened(tmp_path / "q.db", ManualClock(), topic="t", discipline=Discipline.LIFO)
    await early.publish([Message("1", b""), Message("2", b"")], math.inf)
    assert [id for id, _ in await taken(early)] == ["2", "1"]
    found = await other.find("2")
    assert found is not None
    assert found.state is State.IN_WORK
    await early.close()
    await other.close()


async def test_tables_that_a_newer_version_has_changed_meanwhile_are_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    driver = await sqlite.connect(parse(f"sqlite:///{path}?topic=orders"))
    other = apsw.Connection(str(path))
    other.execute("ALTER TABLE ready RENAME TO prepared; PRAGMA user_version = 3")
    for call in (lambda: driver.publish([Message(new_id(), b"")], math.inf), lambda: driver.receive(1, 0.0)):
        with pytest.raises(Unavailable, match="other tables than this version knows") as caught:
            await call()
        assert "newer forebay" in str(caught.value.hint)
    other.execute("ALTER TABLE prepared RENAME TO ready; PRAGMA user_version = 2")
    assert (await driver.counts()).accepted == 0
    other.close()
    await driver.close()
