"""Workers of the ratings that are killed in the midst of their work, over and over: each rate is counted once."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from asking import ask
from forebay.lab.programs import Intake, Workers

pytestmark = pytest.mark.server

CLIENTS = 8
KILLS = 2


@pytest.fixture
def programs(tmp_path):
    """Start programs that share a folder; ``programs(Intake, "--queue", ...)``."""
    begun = []

    async def start(kind, *arguments):
        begun.append(kind(["ratings", *arguments, "--window", "100000"], tmp_path))
        return await asyncio.to_thread(begun[-1].start)

    yield start
    for program in begun:
        program.stop()


async def posting(intake, enough):
    """Post rates until it is enough, and return those that were accepted."""
    accepted = []
    while not enough.is_set():
        rate = len(accepted) % 11
        assert (await ask(intake.port, f"/rate?rate={rate}", b"")).status == 200
        accepted.append(rate)
    return accepted


async def book_of(intake):
    return (await ask(intake.port, "/ledger")).json["topics"][0]


async def until_done(intake, count):
    async with asyncio.timeout(60):
        while (book := await book_of(intake))["done"] < count:
            await asyncio.sleep(0.01)
    return book


async def killing(intake, start, enough):
    """Start workers, each killed when it has ended a hundred messages more."""
    for _ in range(KILLS):
        before = (await book_of(intake))["done"]
        worker = await start()
        await until_done(intake, before + 100)
        await asyncio.to_thread(worker.kill)
    enough.set()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_workers_that_are_killed_count_each_rate_once(kind, programs, tmp_path, request):
    store = f"sqlite:///{tmp_path}/kept.db"
    if kind == "redis":
        store = f"{request.getfixturevalue('redis').url}?prefix=kills-{uuid.uuid4().hex}"
    shared = ("--queue", f"sqlite:///{tmp_path}/rates.db?lease=1s", "--store", store, "--attempts", "1000")
    intake, enough = await programs(Intake, "--workers", "0", *shared), asyncio.Event()
    *accepted, _ = await asyncio.gather(
        *(posting(intake, enough) for _ in range(CLIENTS)),
        killing(intake, lambda: programs(Workers, *shared), enough),
    )
    rates = [rate for one in accepted for rate in one]
    await programs(Workers, *shared)
    book = await until_done(intake, len(rates))
    told = (await ask(intake.port, "/total", accept="application/json")).json
    assert told == {"value": sum(rates) / len(rates), "count": len(rates), "window": 100_000}
    assert (book["accepted"], book["dead"], book["lost"]) == (len(rates), 0, 0)
