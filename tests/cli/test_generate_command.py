"""forebay generate orders, as its users have it."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime

import pytest

from forebay.lab.servers import Redis
from forebay.queue.driver import Settlement
from forebay.queue.opening import open_driver
from forebay.services.orderstore.generating.orders import Orders

QUEUE = "sqlite:///q.db?topic=orders"
START = "2026-01-31T12:00:00Z"
ROW = (7, datetime(2026, 1, 31, 12, tzinfo=UTC))


@pytest.fixture
def taken(tmp_path):
    """Return the messages of the queue, key and body each."""

    async def take(count):
        driver = await open_driver(f"sqlite:///{tmp_path}/q.db?topic=orders")
        found = []
        while len(found) < count and (deliveries := await driver.receive(count, 1)):
            found += [(delivery.message.key, delivery.message.body) for delivery in deliveries]
            await driver.settle([Settlement(delivery) for delivery in deliveries])
        assert (await driver.counts()).waiting == 0
        await driver.close()
        return found

    return lambda count: asyncio.run(take(count))


@pytest.mark.parametrize("options", [("--writers", "1"), ("--writers", "4"), ("--rate", "2000/s", "--writers", "3")])
def test_the_orders_are_the_same_whoever_writes_them(options, forebay, taken):
    told = forebay("generate", "orders", "--to", QUEUE, "--count", "301", "--seed", "7", "--start", START, *options)
    assert (told.returncode, told.stdout[:27]) == (0, b"301 written; 0 refused; 0 u"), told.stderr
    assert f"orders of --seed 7 --start {START} to sqlite:///".encode() in told.stderr
    row = Orders(*ROW)
    assert sorted(taken(301)) == sorted((row.uid(i), row.body(i)) for i in range(301))


def test_a_share_of_them_is_broken_and_counted(forebay, taken):
    told = forebay(
        "generate",
        "orders",
        "--to",
        QUEUE,
        "--count",
        "500",
        "--seed",
        "7",
        "--start",
        START,
        "--broken",
        "20%",
        "--json",
    )
    row = Orders(*ROW, share_broken=0.2)
    figures = json.loads(told.stdout)
    assert (figures["written"], figures["refused"], figures["unknown"]) == (500, 0, 0)
    assert figures["broken"] == sum(row.flaw(i) is not None for i in range(500)) > 0
    assert {body for _, body in taken(500)} == {row.body(i) for i in range(500)}


def test_a_plan_ends_with_its_time(forebay):
    told = forebay("generate", "orders", "--to", QUEUE, "--rate", "200/s", "--for", "1s", "--writers", "2", "--json")
    assert (told.returncode, json.loads(told.stdout)["written"]) == (0, 200)
    told = forebay("generate", "orders", "--to", QUEUE, "--profile", "once(20) const(10, 500ms)", "--json")
    assert (told.returncode, json.loads(told.stdout)["written"]) == (0, 25)


@pytest.mark.parametrize(("limit", "code"), [((), 0), (("--for", "1h"), 130), (("--count", "1000000000"), 130)])
def test_an_interruption_ends_it_in_order(limit, code, tmp_path, beginning):
    with beginning("generate", "orders", "--to", QUEUE, "--rate", "50/s", *limit, until=b"orders of") as process:
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert int(stdout.split()[0]) == asyncio.run(_accepted(tmp_path))


async def _accepted(folder):
    driver = await open_driver(f"sqlite:///{folder}/q.db?topic=orders")
    try:
        return (await driver.counts()).accepted
    finally:
        await driver.close()


def test_a_broker_that_is_not_there_is_told_as_such(forebay):
    told = forebay("generate", "orders", "--to", "redis://127.0.0.1:1/orders", "--count", "10")
    assert told.returncode == 3


def test_every_order_is_counted_when_the_broker_dies_on_the_way(own_server, beginning):
    server = own_server(Redis)
    options = ("--count", "600", "--rate", "120/s", "--writers", "2", "--json")  # 5 s: it dies before the last is due
    with beginning("generate", "orders", "--to", f"{server.url}/orders", *options, until=b"orders of") as process:
        server.kill()
        stdout, _ = process.communicate(timeout=60)
    figures = json.loads(stdout)
    assert process.returncode == 3
    assert figures["written"] + figures["refused"] + figures["unknown"] == 600
    assert figures["refused"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rate", "0/s"), "at 0 a second"),
        (("--rate", "50"), "not a rate"),
        (("--rate", "1/s", "--profile", "const(5)"), "two loads"),
        (("--profile", "const(5)"), "has no end"),
        (("--broken", "1"), "not a share"),
        (("--broken", "101%"), "not a share"),
        (("--start", "yesterday"), "not an instant"),
        (("--start", "2026-01-31T12:00:00"), "write it as 2026-01-31T12:00:00Z for UTC"),
        (("--start", "2026-01-31"), "write it as 2026-01-31T00:00:00Z for UTC"),
        (("--start", "0001-01-01T12:00:00Z"), "at the end of all dates"),
        (("--start", "9999-12-31T23:00:00-05:00"), "at the end of all dates"),
        (("--for", "5"), "not a duration"),
        (("--largest", "much"), "not a size"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(options, said, forebay):
    told = forebay("generate", "orders", "--to", QUEUE, "--count", "1", *options)
    assert told.returncode == 2
    assert said in told.stderr.decode()


def test_without_the_package_its_extra_is_named(forebay, tmp_path):
    (tmp_path / "mimesis.py").write_text("raise ModuleNotFoundError('no', name='mimesis')\n")
    told = forebay("generate", "orders", "--to", QUEUE, "--count", "1")
    assert told.returncode == 2
    assert b"pip install 'forebay[generate]'" in told.stderr
