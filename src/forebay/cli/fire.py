"""forebay fire."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forebay.cli.firings import Asked, firing_options
from forebay.errors import UsageError

if TYPE_CHECKING:
    from forebay.cli.pools import Pooled
    from forebay.load.runfile import Record
    from forebay.load.salvo import Salvo


@click.command()
@click.argument("target", metavar="URL|FILE")
@firing_options
@click.option("--require", "requirements", multiple=True, metavar="WHAT", help="p99<200ms, failed<1%; again: more")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="the file of the run")
@click.option("--shots", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="every single shot")
@click.option("--latency", is_flag=True, help="at the end the text of wrk --latency")
@click.option("--json", "as_json", is_flag=True, help="at the end everything as a line of JSON")
def fire(
    target: str,
    requirements: tuple[str, ...],
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

    It ends with 3 where nobody could be reached, with 5 where the generator itself was the limit (the run is not valid),
    with 4 where a requirement is missed. Ctrl-C ends the firing and waits for what is in flight; a second time, at
    once; the report comes all the same.
    """
    from forebay.cli.pools import pools
    from forebay.cli.results import exit_code
    from forebay.load.reports.formats import FORMATS
    from forebay.load.requirements import requirement
    from forebay.load.verdict import verdict

    for text in requirements:
        requirement(text)
    if latency and as_json:
        raise UsageError(
            "--latency and --json are two reports", "`forebay report` makes the other from the file of --out"
        )
    with tempfile.TemporaryDirectory(prefix="forebay-fire-") as folder:
        pooled = pools(target, asked, Path(folder), shots)
        record = _fired(pooled, requirements, asked, out, Path(folder) if latency or as_json else None)
    sys.stdout.write(FORMATS["json" if as_json else "wrk" if latency else "text"].write(record))
    if code := exit_code(record.run, verdict(record)):
        raise click.exceptions.Exit(code)


def _fired(
    pooled: Sequence[Pooled], requirements: Sequence[str], asked: Asked, out: Path | None, folder: Path | None
) -> Record:
    """Fire, show how it goes, and return what became of it.

    Arguments:
        folder: for the files of runs that need one and have no other; None: they need none.
    """
    from forebay.cli.firing_view import FiringView
    from forebay.cli.recording import Recording, together
    from forebay.load.salvo import Salvo

    salvo = Salvo([pool.battery for pool in pooled])
    alone = len(pooled) == 1
    recordings = [
        Recording(
            pool.battery, pool.about(requirements, asked.seed), out if alone and out else folder and folder / f"{i}"
        )
        for i, pool in enumerate(pooled)
    ]

    def look() -> None:
        run = salvo.run
        view.tick((time.perf_counter_ns() - run.zero) / 1e9, run)
        for recording in recordings:
            recording.look()

    with _interruptible(salvo), FiringView(salvo.run.seconds) as view:
        salvo.fire(look)
    records = [recording.close() for recording in recordings]
    for pool in pooled:
        pool.finish()
    return records[0] if alone else together(records, [pool.name for pool in pooled], out)


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
