"""The whole story in one process: a wave of orders, a durable queue, a pool at its own pace, a verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from forebay.lab.verdict import Measured, Verdict
from forebay.load.ammo.orders import orders as ammunition
from forebay.load.cannon import Cannon
from forebay.load.firing import Firing
from forebay.load.profiles.profile import Profile
from forebay.load.results.run import Run
from forebay.running import Running
from forebay.services.orders import orders
from forebay.services.work_time import work_time
from forebay.serving import serving
from forebay.settings import Settings
from forebay.telemetry.ring import Ring, Snapshot
from forebay.theory.varying.fluid import Prediction, capacity, predict

LOOK_SECONDS = 0.1

Show = Callable[[float, Snapshot, str], None]
"""Takes the seconds since the beginning, how things stand, and a word on what goes on."""


def predicted(profile: Profile, seconds: float, work: str, workers: int, places: float) -> Prediction:
    """Return what the fluid model says of the demonstration, before it begins."""
    time_of_work = work_time(work)
    basin = places + workers if places else 0.0
    C = capacity(workers, time_of_work.mean)  # noqa: N806 - the letter of the formula
    return predict(profile.rate, seconds, C, q=basin, cs2=time_of_work.cs2)


class Demo:
    """One demonstration; `play` it once.

    Arguments:
        profile: orders a second.
        seconds: how long the load lasts; working off comes after it.
        work: how long the work on one order takes, as the orders service takes it.
        settings: of the service.
    """

    def __init__(self, profile: Profile, seconds: float, work: str, settings: Settings) -> None:
        self.profile = profile
        self.prediction = predicted(profile, seconds, work, settings.workers, settings.places)
        self._seconds = seconds
        self._work = work
        self._settings = settings
        self._drained_seconds: float | None = None

    async def play(self, stop: asyncio.Event, show: Show) -> Verdict:
        """Serve, fire, work off, and return the verdict; when `stop` is set, end with the verdict so far.

        Arguments:
            stop: the wish to end early.
            show: called ten times a second.
        """
        async with serving(orders(self._work), self._settings) as (running, server):
            ring = Ring()
            running.listen(ring)
            url = f"http://{self._settings.host}:{server.port}/orders"
            firing = Firing(url, ammunition(), self._seconds, self.profile, timeout=self._settings.deadline * 2)
            cannon = Cannon(firing)
            watching = asyncio.create_task(self._watch(running, ring, cannon.run, show))
            try:
                run = await cannon.fire(stop)
                await self._work_off(running, run, stop)
            finally:
                watching.cancel()
                await asyncio.wait({watching})
            await self._look(running, ring, run, show)  # the last picture shows the end
            return Verdict(await self._measured(running, ring), self._prediction_of(run), run)

    def _prediction_of(self, run: Run) -> Prediction:
        """Return what was to be expected of the part that was played."""
        if not run.interrupted:
            return self.prediction
        played = min(max(run.elapsed_seconds, LOOK_SECONDS), self._seconds)
        return predicted(self.profile, played, self._work, self._settings.workers, self._settings.places)

    async def _work_off(self, running: Running, run: Run, stop: asyncio.Event) -> None:
        draining = asyncio.create_task(running.drained())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({draining, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if draining.done():
            draining.result()
            self._drained_seconds = time.time() - run.started_at
        for task in (draining, stopping):
            task.cancel()
        await asyncio.wait({draining, stopping})

    async def _watch(self, running: Running, ring: Ring, run: Run, show: Show) -> None:
        while True:
            await self._look(running, ring, run, show)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, running: Running, ring: Ring, run: Run, show: Show) -> None:
        unfinished = 0
        for counts in (await running.counts()).values():
            ring.look(counts)
            unfinished += counts.unfinished
        elapsed = time.time() - run.started_at if run.started_at else 0.0
        note = "working off what waits" if unfinished and elapsed > self._seconds else ""
        show(elapsed, ring.snapshot(), note)

    async def _measured(self, running: Running, ring: Ring) -> Measured:
        (ledger,) = await running.ledgers()
        seen = ring.snapshot()
        return Measured(
            accepted=ledger.accepted,
            done=ledger.done,
            dead=ledger.dead,
            discarded=ledger.discarded,
            unfinished=ledger.waiting + ledger.in_work + ledger.retrying,
            lost=ledger.lost,
            refused=seen.total.refused,
            peak_backlog=seen.peak_backlog,
            longest_wait_seconds=seen.longest_wait_seconds,
            drained_seconds=self._drained_seconds,
        )
