"""Minutes of faults, again and again: `make soak ARGS='--cycles 100'`. Figures are printed; the promise is asserted."""

import asyncio
import itertools
import random
import signal
import time

import pytest

from forebay.lab.proof import Deployment, prove
from forebay.load.profiles.shapes import Const

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

SECONDS_OF_A_CYCLE = 4
STEADY = Const(60)
OPTIONS = ["--workers", "4", "--work", "10ms"]


class Faults:
    """Does one thing after the other to a deployment, as long as the load lasts.

    Arguments:
        cycles: how many.
        do: what is done in one cycle; it leaves everything running.
        seconds: of one cycle.
    """

    def __init__(self, cycles, do, seconds=SECONDS_OF_A_CYCLE):
        self.cycles = cycles
        self.seconds = seconds
        self.done = 0
        self._do = do

    async def __call__(self, deployment):
        for _ in range(self.cycles):
            began = time.monotonic()
            await asyncio.sleep(random.uniform(0.2, 1.5))  # a kill has no event to be awaited
            await self._do(deployment)
            self.done += 1
            await asyncio.sleep(max(0.0, began + self.seconds - time.monotonic()))


async def assert_kept_through(faults, deployment, capsys):
    began = time.monotonic()
    with deployment:
        proof = await prove(deployment, STEADY, faults.cycles * faults.seconds, faults, drain_seconds=120)
    judgement = proof.judgement
    with capsys.disabled():
        print(
            f"\n{faults.done} cycles in {time.monotonic() - began:.0f} s: {judgement.accepted} accepted, "
            f"{judgement.unknown} unknown, {len(judgement.lost)} lost, {len(judgement.duplicated)} duplicated, "
            f"{proof.counts.dead} dead, {proof.deliveries - judgement.ended + proof.counts.dead} redelivered"
        )
    assert judgement.kept, judgement
    assert faults.done == faults.cycles
    return proof


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


@pytest.fixture
def cycles(request):
    """How many faults a run has."""
    return request.config.getoption("--cycles")


@pytest.mark.parametrize("fault", FAULTS)
async def test_on_sqlite_the_promise_outlives_many(fault, tmp_path, capsys, cycles):
    queue = f"sqlite:///{tmp_path}/queue.db?topic=orders&lease=2s"
    # Kills are many: nothing is at fault here but its worker, however often that dies.
    options = [*OPTIONS, "--attempts", "50"]
    deployment = Deployment(tmp_path, queue, f"sqlite:///{tmp_path}/results.db", options=options)
    proof = await assert_kept_through(Faults(cycles, FAULTS[fault]), deployment, capsys)
    assert proof.counts.lost == 0


async def test_on_every_broker_the_promise_outlives_many_faults_of_all_kinds(broker, tmp_path, capsys, cycles):
    """Each broker dies and stands still, its workers and intakes die, stand still and stop."""
    kinds = itertools.cycle(["broker killed", kill_some, "broker frozen", freeze_one, "broker killed", stop_some])

    async def next_fault(deployment):
        kind = next(kinds)
        if kind == "broker killed":
            await asyncio.to_thread(broker.server.restart)
        elif kind == "broker frozen":
            await asyncio.to_thread(broker.server.pause)
            await asyncio.sleep(broker.lease * 1.5)
            broker.server.resume()
        else:
            await kind(deployment)

    options = [*OPTIONS, "--attempts", "1000"]
    deployment = Deployment(tmp_path, broker.topic(), f"sqlite:///{tmp_path}/results.db", options=options)
    faults = Faults(cycles, next_fault, SECONDS_OF_A_CYCLE + broker.lease + broker.start_seconds)
    await assert_kept_through(faults, deployment, capsys)


async def test_on_every_broker_the_promise_outlives_many_kills_of_the_broker(broker, tmp_path, capsys, cycles):
    async def kill_broker(_):
        await asyncio.to_thread(broker.server.restart)

    options = [*OPTIONS, "--attempts", "1000"]
    deployment = Deployment(tmp_path, broker.topic(), f"sqlite:///{tmp_path}/results.db", options=options)
    faults = Faults(cycles, kill_broker, SECONDS_OF_A_CYCLE + broker.start_seconds)
    await assert_kept_through(faults, deployment, capsys)


async def test_on_kafka_and_postgresql_the_promise_outlives_many_faults_of_all_kinds(
    tmp_path, own_server, capsys, cycles
):
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
    await assert_kept_through(Faults(cycles, next_fault), deployment, capsys)
