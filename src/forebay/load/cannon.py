"""The cannon for programs of asyncio: an engine in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

from forebay.load.engines.book import OnOutcome
from forebay.load.firing import Firing
from forebay.load.results.run import Run


class Cannon:
    """Fires one run; `run` holds the figures, also while it goes on.

    Arguments:
        firing: what is fired.
        on_outcome: called once with the outcome of each shot, in the thread of the engine; its exception ends the run.
    """

    def __init__(self, firing: Firing, on_outcome: OnOutcome | None = None) -> None:
        self.run = firing.run()
        self._engine = firing.engine(self.run, on_outcome=on_outcome)

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
            self.run.interrupted = self.run.interrupted or not ended.done()
            self._engine.halt()
            _uncancel()
            await _over(ended)
            ended.result()
        finally:
            stopping.cancel()
            await _over(stopping)
        return self.run

    def _fire(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        error: BaseException | None = None
        try:
            self._engine.fire()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, ended, error)


async def _over(future: asyncio.Future[Any]) -> None:
    """Return when it has ended, however often the task that waits is cancelled meanwhile."""
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            _uncancel()


def _uncancel() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def _settle(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)


async def fire(firing: Firing, on_outcome: OnOutcome | None = None, *, stop: asyncio.Event | None = None) -> Run:
    """Fire one run and return its figures; see `Cannon` and `Cannon.fire`."""
    return await Cannon(firing, on_outcome).fire(stop)
