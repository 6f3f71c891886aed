"""Every request that got a 2xx ends exactly once as done, or as a dead letter with its story: proved by killing."""

import asyncio
import random
import signal

import pytest

from forebay.lab.proof import Deployment, prove
from forebay.load.profiles.shapes import Const, Sine
from forebay.queue.opening import open_driver
from forebay.stores.opening import open_store
from under_load import until_accepted

WAVE = Sine(0, 150, 6)
STEADY = Const(100)

SOON_OVER = "&lease=2s"
"""Where workers are killed. Where none is, no lease may end: a machine can stand still for seconds."""


@pytest.fixture
def files(tmp_path):
    return f"sqlite:///{tmp_path}/queue.db?topic=orders", f"sqlite:///{tmp_path}/results.db"


def assert_kept(proof):
    assert proof.judgement.kept, proof.judgement
    assert proof.counts.lost == 0
    assert proof.judgement.accepted > 100


async def test_a_wave_is_levelled_and_everything_accepted_is_done_once(tmp_path, files):
    with Deployment(tmp_path, *files, options=["--workers", "4", "--work", "10ms"]) as deployment:
        proof = await prove(deployment, WAVE, 6)
    assert_kept(proof)
    assert proof.judgement.unknown == 0
    assert proof.counts.done == proof.judgement.accepted


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(lambda d: d.workers[:1], id="a worker"),
        pytest.param(lambda d: d.intakes[:1], id="an intake"),
        pytest.param(lambda d: d.programs, id="all of them"),
    ],
)
async def test_what_was_accepted_survives_the_kill_of(victims, tmp_path, files):
    queue, store = files

    async def kill_and_restart(deployment):
        for _ in range(2):
            await until_accepted(deployment, 101)
            await asyncio.sleep(random.uniform(0.4, 1.4))  # a kill has no event to be awaited
            killed = victims(deployment)
            deployment.kill(*killed)
            await asyncio.to_thread(deployment.restart, *killed)

    options = ["--workers", "4", "--work", "5ms"]
    with Deployment(tmp_path, queue + SOON_OVER, store, options=options) as deployment:
        assert_kept(await prove(deployment, STEADY, 5, kill_and_restart))


async def test_the_harness_catches_a_setting_that_is_known_to_lose(tmp_path, files):
    """Acknowledged before the handler: a worker that is killed takes with it what it had in hand."""
    queue, store = files

    async def kill_and_restart(deployment):
        [worker] = deployment.workers
        await until_accepted(deployment, 101)
        await until_it_stands_still_at_work(worker, queue, store)
        deployment.kill(worker)
        await asyncio.to_thread(deployment.restart, worker)

    unsafe = ["--workers", "32", "--work", "300ms", "--guarantee", "at-most-once"]
    with Deployment(tmp_path, queue + SOON_OVER, store, workers=1, options=unsafe) as deployment:
        proof = await prove(deployment, STEADY, 4, kill_and_restart)
    assert proof.judgement.lost
    assert not proof.judgement.kept


async def until_it_stands_still_at_work(worker, queue, store):
    """Pause the only worker while something is acknowledged and has no result yet."""
    driver, results = await open_driver(queue), await open_store(store)
    async with asyncio.timeout(30):
        while True:
            await asyncio.to_thread(worker.pause)
            if (await driver.counts()).done > await results.count("orders"):
                break
            worker.resume()
            await asyncio.sleep(0.02)
    await driver.close()
    await results.close()


async def test_a_stop_under_load_hands_over_without_handling_anything_twice(tmp_path, files):
    async def stop_one_by_one(deployment):
        for program in [*deployment.workers, *deployment.intakes]:
            await asyncio.sleep(0.5)
            program.send(signal.SIGTERM)
            assert await asyncio.to_thread(program.wait) == 0
            await asyncio.to_thread(program.restart)

    options = ["--workers", "4", "--work", "20ms"]
    with Deployment(tmp_path, *files, options=options) as deployment:
        proof = await prove(deployment, STEADY, 5, stop_one_by_one)
    assert_kept(proof)
    assert proof.deliveries == proof.counts.done


async def test_on_kafka_and_postgresql_a_wave_is_levelled_and_done_once(tmp_path, kafka, postgres):
    queue = f"{kafka.url}/wave?partitions=4&lease=6s"
    options = ["--workers", "4", "--work", "10ms"]
    with Deployment(tmp_path, queue, f"{postgres.url}?schema=wave", options=options) as deployment:
        proof = await prove(deployment, WAVE, 6)
    assert_kept(proof)
    assert proof.judgement.unknown == 0


async def test_on_kafka_what_was_accepted_survives_the_kill_of_everything(tmp_path, own_server, postgres):
    from forebay.lab.servers import Kafka

    broker = own_server(Kafka)

    async def kill_and_restart(deployment):
        await until_accepted(deployment, 101)
        deployment.kill()
        broker.kill()
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(deployment.restart)

    queue = f"{broker.url}/orders?partitions=4&lease=6s"
    options = ["--workers", "4", "--work", "5ms"]
    with Deployment(tmp_path, queue, f"{postgres.url}?schema=killed", options=options) as deployment:
        proof = await prove(deployment, STEADY, 5, kill_and_restart, drain_seconds=90)
    assert_kept(proof)
