"""forebay fire."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forebay.cli.firings import Asked, firing_options
from forebay.errors import UsageError

if TYPE_CHECKING:
    from forebay.cli.firing_view import FiringView
    from forebay.cli.pools import Pooled
    from forebay.cli.recording import Recording
    from forebay.load.autostop import Autostop
    from forebay.load.runfile import Record
    from forebay.load.salvo import Salvo


@click.command()
@click.argument("target", metavar="URL|FILE")
@firing_options
@click.option("--require", "requirements", multiple=True, metavar="WHAT", help="p99<200ms, failed<1%; again: more")
@click.option("--autostop", metavar="WHEN", help="end before the time: 'http(5xx,25%,10) time(1500,15)'")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="the file of the run")
@click.option("--shots", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="every single shot")
@click.option("--latency", is_flag=True, help="at the end the text of wrk --latency")
@click.option("--json", "as_json", is_flag=True, help="at the end everything as a line of JSON")
def fire(
    target: str,
    requirements: tuple[str, ...],
    autostop: str | None,
    out: Path | None,
    shots: Path | None,
    latency: bool,
    as_json: bool,
    asked: Asked,
) -> None:
    """Fire at URL by a plan, and say how long each user would have waited.

    The plan does not wait for answers (an open loop): a server that stalls is measured as its users would feel it. The
    response time counts from the plan, the service time from the sending. Every shot ends as answered, refused
    (certainly not sent) or unknown. Without a load, -c 400 is wrk's closed loop: each connection fires again as soon as
    it has its answer. FILE is a configuration of Pandora.

    \b
    forebay fire http://127.0.0.1:8080/orders --profile 'sine(0, 100, 60s)' --for 2m --ammo forebay:orders
    forebay fire http://127.0.0.1:8080/status --rate 50/s --require 'p99<200ms' --require 'failed<1%' --out run
    forebay fire http://127.0.0.1:8080/status -c 400 -t 2 -d 30s --latency
    forebay fire load.yaml

    It ends with 3 where nobody could be reached, with 5 where the generator was the limit (the run is not valid), with 4
    where a requirement is missed or --autostop came true. Ctrl-C ends the firing and waits for what is in flight; a
    second time, at once; the report comes all the same.
    """
    from forebay.cli.pools import pools
    from forebay.cli.recording import together
    from forebay.cli.results import exit_code
    from forebay.load.reports.formats import FORMATS
    from forebay.load.requirements import requirement

    for text in requirements:
        requirement(text)
    if latency and as_json:
        raise UsageError(
            "--latency and --json are two reports", "`forebay report` makes the other from the file of --out"
        )
    with tempfile.TemporaryDirectory(prefix="forebay-fire-") as name:
        folder = Path(name)
        pooled = pools(target, asked, folder, shots)
        stop = _autostop(autostop, pooled)
        alone, needed = len(pooled) == 1, bool(out or latency or as_json)
        paths = [out if alone and out else folder / f"{i}" if needed else None for i, _ in enumerate(pooled)]
        abouts = [pool.about(requirements, asked.seed) for pool in pooled]
        records = _fired(pooled, abouts, stop, paths)
        record = records[0] if alone else together(records, [pool.name for pool in pooled], out)
    sys.stdout.write(FORMATS["json" if as_json else "wrk" if latency else "text"].write(record))
    if code := exit_code(record):
        raise click.exceptions.Exit(code)


def _autostop(text: str | None, pooled: Sequence[Pooled]) -> Autostop | None:
    from forebay.load.autostop import autostop

    return None if text is None else autostop(text, sum(pool.battery.firing.connections for pool in pooled))


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


def _fired(
    pooled: Sequence[Pooled],
    asked: Asked,
    requirements: Sequence[str],
    stop: Autostop | None,
    paths: Sequence[Path | None],
) -> list[Record]:
    """Fire, show how it goes, and return what became of each pool.

    Arguments:
        abouts: what is to be known of each run. paths: of its file; None: it needs none.
        stop: says whether all have to end before their time.
    """
    from forebay.cli.firing_view import FiringView
    from forebay.cli.recording import Recording
    from forebay.load.salvo import Salvo

    salvo = Salvo([pool.battery for pool in pooled])
    recordings = [Recording(pool.battery, about, path) for pool, about, path in zip(pooled, abouts, paths, strict=True)]
    with _interruptible(salvo), FiringView(salvo.run.seconds) as view:
        lookout = _Lookout(salvo, view, recordings, stop)
        salvo.fire(lookout)
    if lookout.stopped:
        click.echo(f"stopped: {lookout.stopped}", err=True)
    records = [recording.close(lookout.stopped) for recording in recordings]
    for pool, recording in zip(pooled, recordings, strict=True):
        pool.finish()
        if recording.error is not None:
            raise recording.error
    return records


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
