"""The lookout while a run is fired: shows how it goes, writes it down, and hears who wants it to end."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from forebay.cli.firing_view import FiringView
from forebay.cli.pools import Pooled
from forebay.cli.recording import Recording
from forebay.errors import ForebayError
from forebay.load.results.autostop import Autostop
from forebay.load.results.runfile import Record
from forebay.load.salvo import Salvo


def fired(
    pooled: Sequence[Pooled], recordings: Sequence[Recording], stop: Autostop | None
) -> tuple[list[Record], ForebayError | None]:
    """Fire all pools at once; return what became of each, and what went wrong on the way, which is to be told last.

    Arguments:
        recordings: of each pool. stop: says whether all have to end before their time.

    Raises:
        ForebayError: what went wrong before the first shot.
    """
    salvo, failures = Salvo([pool.battery for pool in pooled]), list[ForebayError]()
    with _interruptible(salvo), FiringView(salvo.run.seconds) as view:
        lookout = _Lookout(salvo, view, recordings, stop)
        try:
            salvo.fire(lookout)
        except ForebayError as error:
            if not salvo.run.total.planned:
                raise
            failures.append(error)
    if lookout.stopped:
        click.echo(f"stopped: {lookout.stopped}", err=True)
    records = [recording.close(lookout.stopped) for recording in recordings]
    failures += [recording.error for recording in recordings if recording.error is not None]
    for pool in pooled:
        try:
            pool.finish()
        except ForebayError as error:
            failures.append(error)
    return records, failures[0] if failures else None


@dataclass(slots=True)
class _Lookout:
    """Looks at what is fired about once a second: shows it, writes it down, and has it stopped where it went wrong."""

    salvo: Salvo
    view: FiringView
    recordings: Sequence[Recording]
    autostop: Autostop | None
    looked: float = 0.0
    stopped: str = ""
    """Why it had to end before its time."""

    def __call__(self) -> None:
        run = self.salvo.run
        elapsed = max(0.0, (time.perf_counter_ns() - run.zero) / 1e9)
        self.view.tick(elapsed, run)
        for recording in self.recordings:
            recording.look(elapsed)
        if self.autostop is not None and not self.stopped and not run.interrupted:
            self.stopped = self.autostop(run, elapsed - self.looked) or ""
            if self.stopped:
                self.salvo.stop()
        self.looked = elapsed


@contextlib.contextmanager
def _interruptible(salvo: Salvo) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the firing, and the second what is in flight."""
    heard = 0

    def hear(number: int, frame: object) -> None:
        nonlocal heard
        heard += 1
        salvo.stop() if heard == 1 else salvo.halt()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
