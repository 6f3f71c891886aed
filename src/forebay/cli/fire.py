"""forebay fire."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forebay.cli.firings import Asked, firing_options
from forebay.cli.output import Exit, json_line
from forebay.version import __version__

if TYPE_CHECKING:
    from forebay.load.battery import Battery
    from forebay.load.run import Run


@click.command()
@click.argument("url")
@firing_options
@click.option("--require", "requirements", multiple=True, metavar="WHAT", help="p99<200ms, failed<1%; again: more")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="the file of the run")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def fire(url: str, requirements: tuple[str, ...], out: Path | None, as_json: bool, asked: Asked) -> None:
    """Fire at URL by a plan, and say how long each user would have waited.

    \b
    forebay fire http://127.0.0.1:8080/orders --profile 'sine(0, 100, 60s)' --for 2m --ammo forebay:orders
    forebay fire http://127.0.0.1:8080/status --rate 50/s --require 'p99<200ms' --require 'failed<1%' --out run
    forebay fire http://127.0.0.1:8080/status -c 400 -t 2 -d 30s
    """
    from forebay.cli.results import Judgement
    from forebay.load.battery import Battery
    from forebay.load.requirements import requirement
    from forebay.load.runfile import Writer

    required = [requirement(text) for text in requirements]
    firing = asked.firing(url)
    battery = Battery(firing, asked.enough_processes(firing))
    writer = None
    if out is not None:
        writer = Writer(out, battery.run, _about(battery, asked, requirements), firing.timeout + 1)

    def look(run: Run) -> None:
        if writer is not None:
            writer.look(time.time() - run.started_at)

    with _interruptible(battery):
        run = battery.fire(look)
    if writer is not None:
        writer.close({"busy": battery.busy})
    judgement = Judgement(run, required)
    json_line(run.as_dict() | judgement.as_dict()) if as_json else judgement.show()
    if judgement.exit_code is not Exit.DONE:
        raise click.exceptions.Exit(judgement.exit_code)


def _about(battery: Battery, asked: Asked, requirements: tuple[str, ...]) -> dict[str, Any]:
    """Return what else is to be known of a run; no headers, which may hold a password."""
    firing = battery.firing
    return {
        "forebay": __version__,
        "python": platform.python_version(),
        "host": platform.node(),
        "cores": os.cpu_count(),
        "processes": battery.processes,
        "connections": firing.connections,
        "open_loop": firing.profile is not None,
        "timeout": firing.timeout,
        "ammo": asked.ammo or "",
        "seed": asked.seed,
        "requirements": list(requirements),
    }


@contextlib.contextmanager
def _interruptible(battery: Battery) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the firing, and the second what is in flight."""

    def hear(number: int, frame: object) -> None:
        battery.halt() if battery.run.interrupted else battery.stop()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
