"""What befalls a service at three in the morning: each time the promise holds, or the intake refuses."""

import asyncio
import contextlib
import http.client
import json
import random
import signal
import socket
import struct
from functools import partial

import apsw
import pytest
from confluent_kafka.admin import AdminClient

from forebay.lab.programs import Intake, Workers
from forebay.lab.proof import Deployment, prove
from forebay.load.profiles.shapes import Const
from forebay.queue.opening import open_driver
from forebay.stores.opening import open_store
from forebay.workers import story
from under_load import stand_still_at_work, until, until_accepted, until_held_up, until_turned_away

STEADY = Const(100)

SOON_OVER = "&lease=2s"
"""For what has to go to others while a test lasts; elsewhere no lease may end because the machine stands still."""

OUTAGE = "&lease=6s"
"""Renewed often enough for a test to see it, and long enough for a machine that stands still."""


@pytest.fixture
def files(tmp_path):
    return f"sqlite:///{tmp_path}/queue.db?topic=orders", f"sqlite:///{tmp_path}/results.db"


@pytest.fixture
def small_disk(mounted):
    """A file system that can be filled; it has room for what the tests bring themselves."""
    return mounted(24)


def assert_kept(proof, at_least=100):
    assert proof.judgement.kept, proof.judgement
    assert proof.counts.lost == 0
    assert proof.judgement.accepted > at_least


def post(url, username, key=None, seconds=30, padding=0):
    """Return status, headers and body of the answer to an order; so many blanks stand behind it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=seconds)
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    body = json.dumps({"product_id": 1, "count": 1, "username": username}) + " " * padding
    try:
        connection.request("POST", "/orders", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


async def test_a_worker_that_stood_still_beyond_its_leases_has_no_second_effect(tmp_path, files):
    queue, store = files

    async def freeze(deployment):
        for _ in range(2):
            await stand_still_at_work(deployment.workers[0], tmp_path / "queue.db", tmp_path / "results.db")
            deployment.workers[0].resume()
            await asyncio.sleep(0.3)

    options = ["--workers", "8", "--work", "60ms"]
    with Deployment(tmp_path, queue + SOON_OVER, store, options=options) as deployment:
        proof = await prove(deployment, STEADY, 4, freeze)
    assert_kept(proof)
    assert proof.deliveries > proof.counts.done  # some were delivered twice indeed


async def test_a_stop_of_everything_at_once_under_load_loses_nothing(tmp_path, files):
    async def stop_all(deployment):
        await until_accepted(deployment, 200)
        for program in deployment.programs:
            program.send(signal.SIGTERM)
        ends = [await asyncio.to_thread(program.wait) for program in deployment.programs]
        assert ends == [0] * len(ends)
        await asyncio.to_thread(deployment.restart)

    options = ["--workers", "4", "--work", "20ms"]
    with Deployment(tmp_path, *files, options=options) as deployment:
        proof = await prove(deployment, STEADY, 4, stop_all)
    assert_kept(proof)
    assert proof.deliveries == proof.counts.done  # nothing was handled twice


async def test_with_few_places_an_overload_is_refused_and_a_kill_loses_nothing(tmp_path, files):
    queue, store = files

    async def kill_and_restart(deployment):
        await until_accepted(deployment, 51)
        await until_turned_away(deployment, 51)
        await asyncio.sleep(random.uniform(0, 1))  # a kill has no event to be awaited
        deployment.kill()
        await asyncio.to_thread(deployment.restart)

    slow = ["--workers", "2", "--work", "40ms"]
    with Deployment(tmp_path, queue + SOON_OVER, store, options=slow, places=20) as deployment:
        proof = await prove(deployment, STEADY, 4, kill_and_restart)
    assert_kept(proof, at_least=50)
    assert proof.judgement.unknown > 50  # a 503 is "unknown" to the judge


async def test_a_full_disk_refuses_and_loses_nothing(tmp_path, small_disk):
    queue = f"sqlite:///{small_disk}/queue.db?topic=orders"

    async def fill(deployment):
        await until_accepted(deployment, 100)
        await asyncio.to_thread(fill_up, small_disk / "ballast")
        await until(lambda: post(deployment.intakes[0].url, "too-much", padding=200_000)[0] == 503)
        await asyncio.sleep(0.5)
        (small_disk / "ballast").unlink()

    slow = ["--workers", "2", "--work", "50ms"]  # what was worked off leaves room in the file, which must not do
    with Deployment(tmp_path, queue, f"sqlite:///{tmp_path}/results.db", options=slow) as deployment:
        proof = await prove(deployment, STEADY, 4, fill)
    assert set(proof.judgement.unexpected) <= {"too-much"}  # those before the disk was full
    judgement = proof.judgement
    assert (judgement.lost, judgement.duplicated, judgement.contradicted) == ({}, {}, {})
    assert proof.counts.lost == 0


async def test_a_store_on_a_full_disk_holds_the_work_up_and_kills_no_message(tmp_path, small_disk):
    async def fill(deployment):
        await until_accepted(deployment)
        await asyncio.to_thread(fill_up, small_disk / "ballast")
        await until_held_up(tmp_path / "queue.db")  # what was handled and cannot be saved keeps its lease
        (small_disk / "ballast").unlink()

    queue = f"sqlite:///{tmp_path}/queue.db?topic=orders{OUTAGE}"
    with Deployment(tmp_path, queue, f"sqlite:///{small_disk}/results.db") as deployment:
        proof = await prove(deployment, STEADY, 4, fill)
    assert_kept(proof)
    assert proof.counts.dead == 0
    assert proof.deliveries == proof.counts.done


def fill_up(path):
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


async def test_a_store_that_is_gone_for_seconds_makes_no_dead_letters(tmp_path, own_server):
    from forebay.lab.servers import PostgreSQL

    server = own_server(PostgreSQL)

    async def kill_and_restart(deployment):
        await until_accepted(deployment)
        server.kill()
        await until_held_up(tmp_path / "queue.db")
        await asyncio.to_thread(server.start)

    queue = f"sqlite:///{tmp_path}/queue.db?topic=orders{OUTAGE}"
    with Deployment(tmp_path, queue, server.url, options=["--workers", "4", "--work", "5ms"]) as deployment:
        proof = await prove(deployment, STEADY, 5, kill_and_restart)
    assert_kept(proof, at_least=900)  # the intake does not need the store
    assert proof.counts.dead == 0
    assert proof.deliveries == proof.counts.done


async def test_a_service_whose_file_was_removed_refuses_instead_of_writing_into_nothing(tmp_path, files):
    queue, store = files
    with Intake(["orders", "--queue", queue, "--store", store, "--workers", "0"], tmp_path) as intake:
        assert (await asyncio.to_thread(post, intake.url, "before"))[0] == 200
        for file in tmp_path.glob("queue.db*"):
            file.unlink()
        await until(lambda: post(intake.url, "after")[0] == 503)
        assert (await asyncio.to_thread(post, intake.url, "later"))[0] == 503


POISON = """
import asyncio, os
from forebay import App

app = App("poisoned")

@app.post("/orders")
async def work_off(order: dict) -> dict:
    if order["username"] == "poison":
        os._exit(3)
    await asyncio.sleep(0.05)
    return order
"""


async def test_a_message_that_kills_its_worker_is_a_dead_letter_and_its_neighbours_are_done(tmp_path):
    names = ["a", "b", "poison", "c", "d"]
    queue = f"sqlite:///{tmp_path}/q.db"
    counts, letter, deaths = await poisoned(tmp_path, queue, names, 3, lambda: end_leases(tmp_path / "q.db"))
    told = story.read(letter.message.headers)
    assert (counts.done, counts.dead, counts.lost) == (4, 1, 0)
    assert json.loads(letter.message.body)["username"] == "poison"
    assert (told.reason, told.attempts, deaths) == ("its worker died each time", 3, 3)


async def test_on_kafka_a_message_that_kills_its_worker_is_a_dead_letter_too(tmp_path, kafka):
    names = [*map(str, range(20)), "poison", *map(str, range(20, 49))]
    queue = f"{kafka.url}/poisoned?partitions=2"
    end_of_a_worker = partial(leave_for_the_dead, kafka.port, "poisoned")
    counts, letter, deaths = await poisoned(tmp_path, queue, names, 2, end_of_a_worker)
    told = story.read(letter.message.headers)
    assert (counts.done, counts.dead, counts.lost) == (49, 1, 0)
    assert json.loads(letter.message.body)["username"] == "poison"
    assert (told.reason, told.attempts) == ("its worker died each time", 2)
    assert deaths == 3  # the first one is not counted


def end_leases(path):
    """End the leases of the dead: a lease that ends by itself while a test waits for it may end for the living too."""
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.set_busy_timeout(30_000)
        connection.execute("UPDATE at_work SET due = 0")


def leave_for_the_dead(port, topic):
    """Tell Kafka, for the members of all groups of a topic, that they have left: it would wait for their sessions."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
    names = [group.group_id for group in admin.list_consumer_groups().result(30).valid if topic in group.group_id]
    for name, found in admin.describe_consumer_groups(names).items() if names else ():
        for member in found.result(30).members:
            leave = struct.pack(">hhihh", 13, 0, 1, -1, len(name)) + name.encode()  # LeaveGroup, version 0
            leave += struct.pack(">h", len(member.member_id)) + member.member_id.encode()
            with socket.create_connection(("127.0.0.1", port), 30) as connection:
                connection.sendall(struct.pack(">i", len(leave)) + leave)
                *_, error = struct.unpack(">iih", connection.recv(10, socket.MSG_WAITALL))
            assert error == 0, error


async def poisoned(tmp_path, queue, names, attempts, end_of_a_worker):
    """Take orders in and work them off by a process that is started again whenever one of them has killed it."""
    (tmp_path / "poisoned.py").write_text(POISON)
    place = ["poisoned:app", "--queue", queue, "--store", f"sqlite:///{tmp_path}/r.db"]
    with Intake([*place, "--workers", "0"], tmp_path) as intake:
        for name in names:
            assert (await asyncio.to_thread(post, intake.url, name))[0] == 202
    driver = await open_driver(queue, "orders")
    worker = Workers([*place, "--workers", "4", "--attempts", str(attempts)], tmp_path)
    deaths = 0
    with worker:
        while (await driver.counts()).unfinished:
            if worker.exit_code is not None:
                deaths += 1
                await asyncio.to_thread(end_of_a_worker)
                await asyncio.to_thread(worker.restart)
            await asyncio.sleep(0.02)
    counts, [letter] = await driver.counts(), await driver.dead_letters()
    await driver.close()
    return counts, letter, deaths


async def test_a_key_whose_service_died_between_claim_and_publish_accepts_once(tmp_path, files):
    queue, store = files
    place = ["orders", "--queue", queue, "--store", store]
    lock = apsw.Connection(str(tmp_path / "queue.db"))
    with Intake([*place, "--workers", "0"], tmp_path) as intake:
        lock.execute("BEGIN IMMEDIATE")  # the claim goes to the store, the publish waits for us
        asking = asyncio.ensure_future(asyncio.to_thread(post, intake.url, "once", "key-1"))
        await until(lambda: claims(tmp_path / "results.db") == 1)
        intake.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            await asking
        lock.execute("ROLLBACK")
        await asyncio.to_thread(intake.start)
        first = await asyncio.to_thread(post, intake.url, "once", "key-1")
        second = await asyncio.to_thread(post, intake.url, "once", "key-1")
        other = await asyncio.to_thread(post, intake.url, "other", "key-1")
    driver = await open_driver(queue, "orders")
    counts = await driver.counts()
    await driver.close()
    lock.close()
    assert (first[0], second[0], other[0]) == (200, 200, 422)
    assert first[1]["forebay-id"] == second[1]["forebay-id"]
    assert second[1]["idempotency-replayed"] == "true"
    assert (counts.accepted, counts.waiting) == (1, 1)


def claims(path):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return connection.execute("SELECT count(*) FROM claim").get
    finally:
        connection.close()


async def test_a_key_that_was_published_and_worked_off_but_never_confirmed_is_not_accepted_twice(tmp_path, files):
    """The service died between publish and confirm; the client asks again when all is done."""
    queue, store = files
    place = ["orders", "--queue", queue, "--store", store]
    with Intake([*place, "--workers", "2"], tmp_path) as intake:
        first = await asyncio.to_thread(post, intake.url, "once", "key-1")
        driver, results = await open_driver(queue, "orders"), await open_store(store)
        while (await driver.counts()).unfinished:
            await asyncio.sleep(0.02)
        forgetful = apsw.Connection(str(tmp_path / "results.db"))
        forgetful.set_busy_timeout(5000)
        forgetful.execute("UPDATE claim SET reference = ''")
        forgetful.close()
        again = await asyncio.to_thread(post, intake.url, "once", "key-1")
        while (await driver.counts()).unfinished:
            await asyncio.sleep(0.02)
        counts, stored = await driver.counts(), await results.count("orders")
        await driver.close()
        await results.close()
    assert (first[0], again[0]) == (200, 200)
    assert first[1]["forebay-id"] == again[1]["forebay-id"]
    assert (counts.accepted, counts.done, stored) == (1, 1, 1)
