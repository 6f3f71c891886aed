"""The cannon for programs of asyncio: an engine in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

from forebay.errors import UsageError
from forebay.load.engine import OnOutcome
from forebay.load.magazine import Magazine
from forebay.load.open_loop import OpenLoop
from forebay.load.profile import Profile
from forebay.load.run import Run
from forebay.load.shot import Ammo
from forebay.load.target import Target


class Cannon:
    """Fires one run at one URL; `run` holds the figures, also while it goes on.

    Arguments:
        url: ``http://host:port/path``.
        profile: shots a second. seconds: the length of the run.
        ammo: see `Ammo`.
        on_outcome: called once with the outcome of each shot, in the thread of the engine; its exception ends the run.
        connections: open at most at once; shots beyond them wait, and after `timeout` without one are refused.
        timeout: seconds after the sending at which an answer is given up: the outcome is unknown, never failed.

    Raises:
        UsageError: a URL or number that has no meaning.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        seconds: float,
        ammo: Ammo,
        *,
        on_outcome: OnOutcome | None = None,
        connections: int = 1000,
        timeout: float = 10.0,
    ) -> None:
        if not (connections >= 1 and timeout > 0 and seconds > 0):
            raise UsageError("a run needs a duration, a timeout and a connection", "all three are above 0")
        target = Target(url)
        self.run = Run(url, str(profile), seconds)
        self._engine = OpenLoop(
            target,
            Magazine(ammo, target),
            self.run,
            connections=connections,
            timeout=timeout,
            on_outcome=on_outcome,
            plan=iter(profile.shots(seconds)),
            seconds=seconds,
        )

    async def fire(self, stop: asyncio.Event | None = None) -> Run:
        """Fire all shots, wait for their answers, and return the run.

        When `stop` is set no more are fired, and what is in flight is waited for. When the caller's task is cancelled
        everything ends at once: what was sent and not answered is unknown, and the run that is returned says that it
        was interrupted. (The cancellation is thereby answered; it is not raised again.)
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        thread = threading.Thread(target=self._fire, args=(loop, ended), name="forebay-cannon", daemon=True)
        thread.start()
        stopping = asyncio.create_task((stop or asyncio.Event()).wait())
        try:
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self.run.interrupted = True
                self._engine.stop()
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            if not ended.cancelled():
                self.run.interrupted = True
                self._engine.halt()
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()
                await ended
        finally:
            stopping.cancel()
            await asyncio.wait({stopping})
        return self.run

    def _fire(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        error: BaseException | None = None
        try:
            self._engine.fire()
        except BaseException as raised:
            error = raised
        loop.call_soon_threadsafe(_settle, ended, error)


def _settle(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)


async def fire(
    url: str,
    profile: Profile,
    seconds: float,
    ammo: Ammo,
    on_outcome: OnOutcome | None = None,
    *,
    connections: int = 1000,
    timeout: float = 10.0,
    stop: asyncio.Event | None = None,
) -> Run:
    """Fire one run and return its figures; see `Cannon` and `Cannon.fire`."""
    cannon = Cannon(url, profile, seconds, ammo, on_outcome=on_outcome, connections=connections, timeout=timeout)
    return await cannon.fire(stop)
