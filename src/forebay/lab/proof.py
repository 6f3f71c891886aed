"""Set up, fire, break, judge: whether everything accepted ends exactly once, whatever dies meanwhile.

The client's ledger is written before each request and after each answer; the other side is read from the store and the
dead letters when all has been worked off; the judgement is by multisets of ids (see :mod:`forebay.load.ledger`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from forebay.lab.programs import Intake, Program, Workers
from forebay.load.ammo.orders import orders
from forebay.load.cannon import fire
from forebay.load.firing import Firing
from forebay.load.ledger import Judgement, Ledger, Tally, judge, read
from forebay.load.profiles.profile import Profile
from forebay.load.results.run import Run
from forebay.load.shot import Ammo
from forebay.queue.driver import Counts, Driver
from forebay.queue.opening import open_driver
from forebay.stores.opening import open_store
from forebay.stores.store import Result, Store

PAGE = 1_000
QUIET_SECONDS = 10.0
"""After which nothing more is believed to end, where the broker does not tell what is in work."""


class Deployment:
    """The orders service as processes: HTTP replicas and worker processes over one queue and one store.

    Arguments:
        folder: for the ledger and for what the programs say.
        queue, store: their URLs.
        intakes, workers: how many processes of each.
        options: further arguments for the workers, as in ``["--workers", "4", "--work", "5ms"]``.
        places: waiting places; None: as many as come.
    """

    def __init__(
        self,
        folder: Path,
        queue: str,
        store: str,
        *,
        intakes: int = 2,
        workers: int = 2,
        options: Sequence[str] = ("--workers", "8"),
        places: int | None = None,
    ) -> None:
        place = ["--queue", queue, "--store", store]
        limit = [] if places is None else ["--places", str(places)]
        self.folder, self.queue, self.store = folder, queue, store
        self.intakes = [Intake(["orders", *place, *limit, "--workers", "0"], folder) for _ in range(intakes)]
        self.workers = [Workers(["orders", *place, *options], folder / str(n)) for n in range(workers)]
        for program in self.workers:
            program.folder.mkdir(exist_ok=True)

    @property
    def programs(self) -> list[Program]:
        """All processes."""
        return [*self.intakes, *self.workers]

    def __enter__(self) -> Deployment:
        with contextlib.ExitStack() as stack:
            for program in self.programs:
                stack.callback(program.stop)
                program.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kill(self, *programs: Program) -> None:
        """Kill these processes, or all, with SIGKILL."""
        for program in programs or self.programs:
            program.kill()

    def restart(self, *programs: Program) -> None:
        """Start these processes, or all, again on their ports; those that run are killed first."""
        for program in programs or self.programs:
            program.restart()


class Proof(msgspec.Struct, frozen=True):
    """What came of an experiment.

    Arguments:
        runs: of the cannon, one for each intake.
        judgement: of the client's ledger.
        counts: the books of the queue at the end.
        deliveries: how often the messages that are done were handed to a handler, all together.
    """

    runs: list[Run]
    judgement: Judgement
    counts: Counts
    deliveries: int


Fault = Callable[[Deployment], Awaitable[None]]


async def prove(
    deployment: Deployment,
    profile: Profile,
    seconds: float,
    fault: Fault | None = None,
    *,
    drain_seconds: float = 60.0,
    invalid: float = 0.02,
) -> Proof:
    """Fire a profile at every intake, let a fault happen meanwhile, wait until all is worked off, and judge.

    Arguments:
        deployment: started.
        profile: shots a second for each intake.
        seconds: length of the load.
        fault: breaks things, and brings them back.
        drain_seconds: how long all may take to be worked off afterwards.
        invalid: the share of orders that have to be refused.

    Raises:
        TimeoutError: it was not worked off in time.
    """
    path = deployment.folder / "ledger.jsonl"
    ledger = Ledger(path, "forebay-id")
    firing = [
        fire(Firing(f"{intake.url}/orders", _ammo(ledger, index, invalid), seconds, profile, timeout=15.0), ledger.note)
        for index, intake in enumerate(deployment.intakes)
    ]
    breaking = asyncio.ensure_future(fault(deployment) if fault is not None else asyncio.sleep(0))
    runs = await asyncio.gather(*firing)
    await breaking
    ledger.close()
    driver, store = await open_driver(deployment.queue, "orders"), await open_store(deployment.store)
    tallies = read(path)
    try:
        counts = await _worked_off(driver, drain_seconds)
        judgement, results = await _judged(tallies, driver, store)
        if not driver.features.totals:  # what other processes have in work is in no count
            quiet_at = time.monotonic() + QUIET_SECONDS
            while judgement.lost and time.monotonic() < quiet_at:
                before = len(results)
                judgement, results = await _judged(tallies, driver, store)
                quiet_at = time.monotonic() + QUIET_SECONDS if len(results) > before else quiet_at
                await asyncio.sleep(0.1)
    finally:
        await driver.close()
        await store.close()
    return Proof(runs, judgement, counts, sum(result.attempts for result in results))


def _ammo(ledger: Ledger, seed: int, invalid: float) -> Ammo:
    return ledger.armed(orders(seed, invalid=invalid, marker="proof"))


async def _judged(tallies: Mapping[str, Tally], driver: Driver, store: Store) -> tuple[Judgement, list[Result]]:
    results = await _results(store)
    return judge(tallies, [*map(_username, (result.value for result in results)), *await _dead(driver)]), results


async def _worked_off(driver: Driver, seconds: float) -> Counts:
    deadline = time.monotonic() + seconds
    while (counts := await driver.counts()).unfinished:
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s there is still something to be worked off: {counts}")
        await asyncio.sleep(0.1)  # the queue is worked off by other processes, which tell us nothing
    return counts


async def _results(store: Store) -> list[Result]:
    results: list[Result] = []
    while page := await store.results("orders", PAGE, results[-1].id if results else ""):
        results += page
    return results


async def _dead(driver: Driver) -> list[str]:
    names: list[str] = []
    after = ""
    while page := await driver.dead_letters(PAGE, after):
        names += [_username(letter.message.body) for letter in page]
        after = page[-1].message.id
    return names


def _username(order: bytes) -> str:
    """Return by what the client's ledger knows an order."""
    return str(msgspec.json.decode(order)["username"])
