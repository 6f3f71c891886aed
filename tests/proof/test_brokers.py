"""What befalls a broker, and the workers on it: on every one of them nothing accepted is lost."""

import asyncio
import http.client
import json
import random
import time

from forebay.durability import Durability
from forebay.lab.proof import Deployment, prove
from forebay.load.profiles.shapes import Const
from forebay.queue.opening import open_driver
from under_load import until_accepted

STEADY = Const(60)
ACCEPTED = 20
DEADLINE = 5.0
SLACK = 4.5
"""For a machine that stands still; with the deadline it must be less than the broker does."""

# A broker that dies takes its connections with it: no message is at fault, however often that happens.
OPTIONS = ["--workers", "4", "--work", "10ms", "--attempts", "50"]


async def under_load(deployment):
    """Wait until orders were accepted, and a moment longer: a kill has no event to be awaited."""
    await until_accepted(deployment, ACCEPTED)
    await asyncio.sleep(random.uniform(0, 0.5))


def accepts_again(intake, within=30):
    """Order until the service accepts: the broker's death is over for it."""
    deadline = time.monotonic() + within
    order = {"product_id": "1", "count": "1", "username": "afterwards"}
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", intake.port, timeout=15)
        connection.request("POST", "/orders", json.dumps(order), {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
        assert time.monotonic() < deadline, status


def deployment_on(broker, tmp_path, options=OPTIONS, **sizes):
    return Deployment(tmp_path, broker.topic(), f"sqlite:///{tmp_path}/results.db", options=options, **sizes)


async def assert_kept(proof, queue):
    driver = await open_driver(queue, "orders")
    features = driver.features
    await driver.close()
    assert proof.judgement.kept, proof.judgement
    assert proof.judgement.accepted >= ACCEPTED
    assert not features.totals or proof.counts.lost == 0, proof.counts
    assert proof.counts.dead == 0


async def test_the_kill_of_the_broker_under_load_loses_nothing(broker, tmp_path):
    async def kill_and_restart(deployment):
        await under_load(deployment)
        await asyncio.to_thread(broker.server.restart)

    with deployment_on(broker, tmp_path, intakes=1) as deployment:
        proof = await prove(deployment, STEADY, 3 + broker.start_seconds, kill_and_restart, drain_seconds=60)
        await asyncio.to_thread(accepts_again, deployment.intakes[0])
    await assert_kept(proof, deployment.queue)


async def test_a_broker_that_stands_still_keeps_nobody_waiting_beyond_the_deadline(broker, tmp_path):
    async def freeze(deployment):
        await under_load(deployment)
        await asyncio.to_thread(broker.server.pause)
        await asyncio.sleep(2 * DEADLINE)
        broker.server.resume()

    with deployment_on(broker, tmp_path, intakes=1, workers=1) as deployment:
        proof = await prove(deployment, Const(30), 2 * DEADLINE + 3, freeze, drain_seconds=60)
    await assert_kept(proof, deployment.queue)
    [run] = proof.runs
    assert run.unknown == 0, run.reasons  # whoever asked was answered, with a status
    assert run.statuses[503] > 100, run.statuses
    assert run.response.percentile(100) < DEADLINE + SLACK


async def test_the_kill_of_a_worker_amid_its_messages_loses_none_of_them(broker, tmp_path):
    async def kill_and_restart(deployment):
        await under_load(deployment)
        deployment.kill(deployment.workers[0])
        await asyncio.to_thread(deployment.restart, deployment.workers[0])

    options = ["--workers", "16", "--work", "200ms", "--attempts", "50"]
    with deployment_on(broker, tmp_path, options, intakes=1) as deployment:
        proof = await prove(deployment, STEADY, 3, kill_and_restart, drain_seconds=60)
    await assert_kept(proof, deployment.queue)


async def test_a_worker_that_stood_still_beyond_its_lease_has_no_second_effect(broker, tmp_path):
    async def freeze(deployment):
        await under_load(deployment)
        await asyncio.to_thread(deployment.workers[0].pause)
        await asyncio.sleep(broker.lease * 1.5)  # its leases end, the other one does its work
        deployment.workers[0].resume()

    options = ["--workers", "8", "--work", "60ms", "--attempts", "50"]
    with deployment_on(broker, tmp_path, options, intakes=1) as deployment:
        proof = await prove(deployment, STEADY, broker.lease * 1.5 + 2, freeze, drain_seconds=60)
    await assert_kept(proof, deployment.queue)


async def test_it_says_that_what_it_accepts_survives_a_kill(broker):
    driver = await open_driver(broker.topic())
    await driver.close()
    assert driver.durability.covers(Durability.OS)
