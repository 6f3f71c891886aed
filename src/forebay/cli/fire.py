"""forebay fire."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forebay.cli.firings import Asked, firing_options
from forebay.cli.stdout import write
from forebay.errors import UsageError

if TYPE_CHECKING:
    from forebay.cli.pools import Pooled
    from forebay.cli.recording import Recording
    from forebay.load.results.autostop import Autostop


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

    It ends with 3 where nobody could be reached, with 5 where the generator was the limit (the run is not valid), with
    4 where a requirement is missed or --autostop came true. Ctrl-C ends the firing and waits for what is in flight; a
    second time, at once; the report comes all the same.
    """
    from forebay.cli.files_apart import check_apart
    from forebay.cli.lookout import fired
    from forebay.cli.pools import pools
    from forebay.cli.recording import together
    from forebay.cli.report import exit_code
    from forebay.load.reports.formats import FORMATS
    from forebay.load.results.requirements import requirement

    for text in requirements:
        requirement(text)
    if latency and as_json:
        raise UsageError(
            "--latency and --json are two reports", "`forebay report` makes the other from the file of --out"
        )
    check_apart({"--out": out, "--shots": shots}, [Path(target), *asked.files()])
    with tempfile.TemporaryDirectory(prefix="forebay-fire-") as name:
        folder = Path(name)
        pooled = pools(target, asked, folder, shots, out)
        stop = _autostop(autostop, pooled)
        paths = _paths(len(pooled), out, folder, needed=bool(out or latency or as_json))
        recordings = _recordings(pooled, requirements, asked.seed, paths)
        records, failure = fired(pooled, recordings, stop)
        record = records[0] if len(pooled) == 1 else together(records, [pool.name for pool in pooled], out)
    write(FORMATS["json" if as_json else "wrk" if latency else "text"].write(record))
    if failure is not None:
        raise failure
    if code := exit_code(record):
        raise click.exceptions.Exit(code)


def _recordings(
    pooled: Sequence[Pooled], requirements: Sequence[str], seed: int, paths: Sequence[Path | None]
) -> list[Recording]:
    from forebay.cli.recording import Recording

    abouts = [pool.about(requirements, seed) for pool in pooled]
    return [Recording(pool.battery, about, path) for pool, about, path in zip(pooled, abouts, paths, strict=True)]


def _paths(count: int, out: Path | None, folder: Path, needed: bool) -> list[Path | None]:
    """Return where the file of each pool is written; that of several is made of theirs. None: none is needed."""
    if not needed:
        return [None] * count
    return [out or folder / "run"] if count == 1 else [folder / f"{i}" for i in range(count)]


def _autostop(text: str | None, pooled: Sequence[Pooled]) -> Autostop | None:
    from forebay.load.results.autostop import autostop

    return None if text is None else autostop(text, sum(pool.battery.firing.connections for pool in pooled))
