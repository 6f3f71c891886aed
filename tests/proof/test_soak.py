"""Minutes of faults, again and again: `make soak`. The figures are printed; the promise is asserted."""

import asyncio
import itertools
import random
import signal
import time

import pytest

from forebay.lab.proof import Deployment, prove
from forebay.load.profile import Const

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

CYCLES = 20
SECONDS_OF_A_CYCLE = 4
STEADY = Const(60)
OPTIONS = ["--workers", "4", "--work", "10ms"]


class Faults:
    """Does one thing after the other to a deployment, as long as the load lasts.

    Arguments:
        cycles: how many.
        do: what is done in one cycle; it leaves everything running.
    """

    def __init__(self, cycles, do):
        self.cycles = cycles
        self.done = 0
        self._do = do

    async def __call__(self, deployment):
        for _ in range(self.cycles):
            began = time.monotonic()
            await asyncio.sleep(random.uniform(0.2, 1.5))  # a kill has no event to be awaited
            await self._do(deployment)
            self.done += 1
            await asyncio.sleep(max(0.0, began + SECONDS_OF_A_CYCLE - time.monotonic()))


async def assert_kept_through(faults, deployment, capsys):
    began = time.monotonic()
    with deployment:
        proof = await prove(deployment, STEADY, faults.cycles * SECONDS_OF_A_CYCLE, faults, drain_seconds=120)
    judgement = proof.judgement
    with capsys.disabled():
        print(
            f"\n{faults.done} cycles in {time.monotonic() - began:.0f} s: {judgement.accepted} accepted, "
            f"{judgement.unknown} unknown, {len(judgement.lost)} lost, {len(judgement.duplicated)} duplicated, "
            f"{proof.counts.dead} dead, {proof.deliveries - proof.counts.done} redelivered"
        )
    assert judgement.kept, judgement
    assert proof.counts.lost == 0
    assert faults.done == faults.cycles


async def kill_some(deployment):
    victims = random.sample(deployment.programs, random.randint(1, len(deployment.programs)))
    deployment.kill(*victims)
    await asyncio.to_thread(deployment.restart, *victims)


async def freeze_one(deployment):
    victim = random.choice(deployment.workers)
    await asyncio.to_thread(victim.pause)
    await asyncio.sleep(2.5)  # longer than its leases
    victim.resume()


async def stop_some(deployment):
    victims = random.sample(deployment.programs, random.randint(1, len(deployment.programs)))
    for victim in victims:
        victim.send(signal.SIGTERM)
    for victim in victims:
        assert await asyncio.to_thread(victim.wait) == 0
    await asyncio.to_thread(deployment.restart, *victims)


FAULTS = {"kills": kill_some, "freezes": freeze_one, "stops": stop_some}


@pytest.mark.parametrize("fault", FAULTS)
async def test_on_sqlite_the_promise_outlives_twenty(fault, tmp_path, capsys):
    queue = f"sqlite:///{tmp_path}/queue.db?topic=orders&lease=2s"
    # Kills are many: nothing is at fault here but its worker, however often that dies.
    options = [*OPTIONS, "--attempts", "50"]
    deployment = Deployment(tmp_path, queue, f"sqlite:///{tmp_path}/results.db", options=options)
    await assert_kept_through(Faults(CYCLES, FAULTS[fault]), deployment, capsys)


async def test_on_kafka_and_postgresql_the_promise_outlives_twenty_faults_of_all_kinds(tmp_path, own_server, capsys):
    from forebay.lab.servers import Kafka, PostgreSQL

    broker, database = own_server(Kafka), own_server(PostgreSQL)
    kinds = itertools.cycle([kill_some, stop_some, freeze_one, "store", "broker"])

    async def next_fault(deployment):
        kind = next(kinds)
        if kind == "store":
            await asyncio.to_thread(database.restart)
        elif kind == "broker":
            await asyncio.to_thread(broker.restart)
        else:
            await kind(deployment)

    queue = f"{broker.url}/orders?partitions=4&lease=6s"
    deployment = Deployment(tmp_path, queue, database.url, options=OPTIONS)
    await assert_kept_through(Faults(CYCLES, next_fault), deployment, capsys)
