"""serve and work: programs that stay, share one queue, and end in order."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from asking import ask
from forebay.lab.programs import Intake, Workers
from forebay.lab.servers.process import free_port
from forebay.load.ammo.orders import orders as ammunition
from forebay.load.cannon import fire
from forebay.load.firing import Firing
from forebay.load.profiles.notation import parse as profile
from forebay.queue.opening import open_driver
from forebay.stores.opening import open_store

ORDER = {"product_id": "33", "count": "3", "username": "maksim.konovalov"}

SHOP = """
import asyncio, os
from forebay import App, Dead, Work

app = App("shop")

@app.post("/numbers")
async def handle(n: int, work: Work) -> dict:
    with open("handled.txt", "a") as file:  # one write of one line, begun and ended by whoever does it
        file.write(f"{work.message.id} {os.getpid()}\\n")
    await asyncio.sleep(0.02)
    if n < 0:
        raise Dead("negative")
    return {"n": n}
"""
BOTH = """
    while len({line.split()[1] for line in open("handled.txt").read().splitlines()}) < 2:
        await asyncio.sleep(0.02)  # nobody works all of it off before the other has begun
    await asyncio.sleep(0.02)
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def handled(folder):
    return [line.split()[0] for line in (folder / "handled.txt").read_text().splitlines()]


def end(program, number=signal.SIGTERM):
    """End a program as the system does, and return its exit code."""
    program._process.send_signal(number)
    return program._process.wait(40)


async def counts_of(folder, topic, file="forebay.db"):
    driver = await open_driver(f"sqlite:///{folder}/{file}?topic={topic}")
    try:
        return await driver.counts()
    finally:
        await driver.close()


async def stored(folder, topic, file="forebay-results.db"):
    store = await open_store(f"sqlite:///{folder}/{file}")
    try:
        return await store.count(topic)
    finally:
        await store.close()


async def test_two_intakes_and_two_workers_share_one_file_and_handle_each_message_once(shop):
    (shop / "shop.py").write_text(SHOP.replace("    await asyncio.sleep(0.02)\n", BOTH.lstrip("\n")))
    intakes = [Intake(["shop:app", "--workers", "0"], shop) for _ in range(2)]
    workers = [Workers(["shop:app", "--workers", "4"], shop) for _ in range(2)]
    for program in (*intakes, *workers):
        program.start()
    try:
        bodies = [b"%d" % n for n in range(150)]
        heard = await asyncio.gather(*[ask(intakes[n % 2].port, "/numbers", body) for n, body in enumerate(bodies)])
        assert {one.status for one in heard} == {202}
        async with asyncio.timeout(60):
            while (await counts_of(shop, "numbers")).unfinished:
                await asyncio.sleep(0.05)
        for one in heard[:4]:  # whichever intake is asked
            told = await ask(intakes[1].port, one.headers["location"])
            assert told.json["state"] == "done"
        books = [(await ask(intake.port, "/ledger")).json for intake in intakes]
        codes = [end(program) for program in (*intakes, *workers)]
    finally:
        for program in (*intakes, *workers):
            program.stop()
    assert codes == [0, 0, 0, 0]
    assert books[0]["topics"][0]["done"] == books[1]["topics"][0]["stored"] == 150
    assert books[0]["lost"] == books[1]["lost"] == 0
    ids = handled(shop)
    assert len(ids) == len(set(ids)) == 150
    pids = {line.split()[1] for line in (shop / "handled.txt").read_text().splitlines()}
    assert len(pids) == 2


async def test_a_sigterm_under_load_ends_with_0_handles_nothing_twice_and_loses_nothing(tmp_path):
    arguments = ["orders", "--workers", "4", "--work", "50ms", "--drain", "20s"]
    with Intake(arguments, tmp_path) as program:
        firing = asyncio.ensure_future(
            fire(Firing(f"{program.url}/orders", ammunition(), 3, profile("const(200)", 3), timeout=5))
        )
        async with asyncio.timeout(60):
            while (book := (await ask(program.port, "/ledger")).json["topics"][0])["waiting"] < 100 or not book["done"]:
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(end, program) == 0
        said = program.output.read_text()
        run = await firing
        counts = await counts_of(tmp_path, "orders")
        assert (counts.in_work, counts.lost) == (0, 0)
        assert run.statuses[200] <= counts.accepted <= run.statuses[200] + run.unknown
        assert counts.waiting > 0
        assert counts.done == await stored(tmp_path, "orders") > 0
        assert "stopped; nothing was in hand any more" in said
        assert "Traceback" not in said
        program.restart()
        assert (await ask(program.port, "/orders", ORDER)).status == 200
        async with asyncio.timeout(60):
            while (told := (await ask(program.port, "/ledger")).json)["topics"][0]["done"] < counts.accepted + 1:
                await asyncio.sleep(0.1)
        assert await asyncio.to_thread(end, program, signal.SIGINT) == 0
    counts = await counts_of(tmp_path, "orders")
    assert told["lost"] == counts.lost == 0
    assert counts.done == counts.accepted == await stored(tmp_path, "orders")


async def test_what_does_not_end_within_the_drain_is_given_back_and_the_exit_code_says_so(tmp_path):
    with Intake(["orders", "--workers", "2", "--work", "1h", "--drain", "200ms"], tmp_path) as program:
        for _ in range(4):
            assert (await ask(program.port, "/orders", ORDER)).status == 200
        async with asyncio.timeout(60):
            while (await ask(program.port, "/ledger")).json["topics"][0]["in_work"] < 2:
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread(end, program) == 1
        assert "2 messages were given back unfinished" in program.output.read_text()
    counts = await counts_of(tmp_path, "orders")
    assert (counts.accepted, counts.waiting, counts.in_work, counts.lost) == (4, 4, 0, 0)


async def test_a_key_is_remembered_by_the_next_process(tmp_path):
    with Intake(["orders", "--workers", "0"], tmp_path) as program:
        first = await ask(program.port, "/orders", ORDER, idempotency_key="k")
        assert await asyncio.to_thread(end, program) == 0
        program.restart()
        again = await ask(program.port, "/orders", ORDER, idempotency_key="k")
        other = await ask(program.port, "/orders", {**ORDER, "count": 4}, idempotency_key="k")
    assert first.headers["forebay-id"] == again.headers["forebay-id"]
    assert (again.status, other.status) == (200, 422)
    assert (await counts_of(tmp_path, "orders")).accepted == 1


async def test_a_poison_message_is_a_dead_letter_its_neighbours_are_done_and_it_returns_after_mending(shop, forebay):
    queue = "sqlite:///forebay.db?topic=numbers"
    with Intake(["shop:app"], shop) as program:
        for n in (1, -5, 2):
            await ask(program.port, "/numbers", b"%d" % n)
        async with asyncio.timeout(60):
            while (book := (await ask(program.port, "/ledger")).json["topics"][0])["done"] + book["dead"] < 3:
                await asyncio.sleep(0.02)
        assert (book["done"], book["dead"]) == (2, 1)
        assert await asyncio.to_thread(end, program) == 0
        letter = json.loads(forebay("dead", "ls", queue, "--json").stdout)
        assert (letter["body"], letter["story"]["reason"], letter["story"]["origin"]) == ("-5", "negative", "numbers")
        (shop / "shop.py").write_text(SHOP.replace("n < 0", "False"))
        program.restart()
        assert forebay("dead", "return", queue, "--all").returncode == 0
        async with asyncio.timeout(60):
            while (book := (await ask(program.port, "/ledger")).json["topics"][0])["done"] < 3:
                await asyncio.sleep(0.02)
    assert (book["dead"], book["lost"], book["stored"]) == (0, 0, 3)


async def test_a_sync_handler_that_does_not_end_holds_nobody_up(shop):
    (shop / "shop.py").write_text(
        "import time\nfrom forebay import App\napp = App()\n"
        "@app.post('/numbers')\ndef handle(n: int) -> None:\n    time.sleep(300)\n"
    )
    with Intake(["shop:app", "--drain", "100ms"], shop) as program:
        await ask(program.port, "/numbers", b"1")
        async with asyncio.timeout(60):
            while not (await ask(program.port, "/ledger")).json["topics"][0]["in_work"]:
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread(end, program) == 1
    assert (await counts_of(shop, "numbers")).waiting == 1


def test_an_address_that_is_taken_ends_with_3_and_names_the_flag(forebay):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = forebay("serve", "orders", "--port", str(taken.getsockname()[1]))
    assert told.returncode == 3
    assert b"--port" in told.stderr
    assert b"Traceback" not in told.stderr


async def test_serve_says_where_it_listens_and_how_it_is_built(beginning):
    port = free_port()
    command = ["serve", "orders", "--port", str(port), "--workers", "3", "--places", "10"]
    with beginning(*command, until=b"places 10") as process:
        said = process.said().decode()
        assert f"http://127.0.0.1:{port}/orders" in said
        assert "sqlite:///forebay.db" in said
        assert "workers 3" in said
        assert (await ask(port, "/orders", ORDER)).status == 200


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on the loopback interface")
def test_an_address_of_ipv6_is_said_so_that_it_can_be_opened(beginning):
    with beginning("serve", "orders", "--host", "::1", "--port", "0", until=b"workers 8") as process:
        said = re.search(r"http://\[::1\]:\d+/orders", process.said().decode())
        assert urlsplit(said[0]).port > 0


def test_work_alone_ends_with_0_when_it_is_interrupted(beginning):
    with beginning("work", "orders", until=b"places inf") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


async def test_a_second_signal_ends_at_once_and_what_was_in_work_is_not_lost(tmp_path):
    with Intake(["orders", "--workers", "1", "--work", "1h"], tmp_path) as program:
        await ask(program.port, "/orders", ORDER)
        async with asyncio.timeout(60):
            while not (await ask(program.port, "/ledger")).json["topics"][0]["in_work"]:
                await asyncio.sleep(0.01)
            program._process.send_signal(signal.SIGINT)
            while "stopping" not in program.output.read_text():
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread(end, program, signal.SIGINT) == -signal.SIGINT
    counts = await counts_of(tmp_path, "orders")
    assert (counts.accepted, counts.unfinished, counts.lost) == (1, 1, 0)


@pytest.mark.parametrize("command", ["serve", "work"])
def test_who_waits_for_a_broker_at_the_start_is_ended_by_the_first_signal(tmp_path, command):
    nobody = f"nats://127.0.0.1:{free_port()}"
    asked = [sys.executable, "-m", "forebay", command, "orders", "--queue", nobody, "--reconnects", "1000"]
    with subprocess.Popen(asked, cwd=tmp_path, stderr=subprocess.PIPE) as program:
        assert b"trying again" in program.stderr.readline()
        program.terminate()
        assert program.wait(40) == -signal.SIGTERM
