"""forebay fire."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forebay.cli.firings import Asked, firing_options
from forebay.cli.output import json_line
from forebay.version import __version__

if TYPE_CHECKING:
    from forebay.load.battery import Battery
    from forebay.load.run import Run
    from forebay.load.runfile import Writer


@click.command()
@click.argument("url")
@firing_options
@click.option("--require", "requirements", multiple=True, metavar="WHAT", help="p99<200ms, failed<1%; again: more")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="the file of the run")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def fire(url: str, requirements: tuple[str, ...], out: Path | None, as_json: bool, asked: Asked) -> None:
    """Fire at URL by a plan, and say how long each user would have waited.

    The plan does not wait for answers (an open loop): a server that stalls is measured as its users would feel it. The
    response time counts from the plan, the service time from the sending. Every shot ends as answered, refused
    (certainly not sent) or unknown. A run whose generator was the limit is not valid, and ends with 5; a requirement
    that is missed, with 4; a target that nobody can reach, with 3. Ctrl-C ends the firing and waits for what is in
    flight; a second time, at once.

    \b
    forebay fire http://127.0.0.1:8080/orders --profile 'sine(0, 100, 60s)' --for 2m --ammo forebay:orders
    forebay fire http://127.0.0.1:8080/status --rate 50/s --require 'p99<200ms' --require 'failed<1%' --out run
    forebay fire http://127.0.0.1:8080/status -c 400 -t 2 -d 30s
    """
    from forebay.cli.results import exit_code, show
    from forebay.load.battery import Battery
    from forebay.load.requirements import requirement
    from forebay.load.verdict import judge

    for text in requirements:
        requirement(text)
    firing = asked.firing(url)
    battery = Battery(firing, asked.enough_processes(firing))
    about = _about(battery, asked.seed, requirements)
    run = _fired(battery, about, out)
    verdict = judge(run, requirements)
    if as_json:
        json_line(run.as_dict() | {"about": about} | verdict.as_dict())
    else:
        show(run, verdict)
    if code := exit_code(run, verdict):
        raise click.exceptions.Exit(code)


def _fired(battery: Battery, about: dict[str, Any], out: Path | None) -> Run:
    """Fire, show how it goes, and write the file."""
    from forebay.cli.firing_view import FiringView
    from forebay.load.runfile import Writer

    writer = None if out is None else Writer(out, battery.run, about, battery.firing.timeout + 1)

    def look(run: Run) -> None:
        now = time.time() - run.started_at
        view.tick(now, run)
        if writer is not None:
            writer.look(now)

    with _interruptible(battery), FiringView(battery.firing.seconds) as view:
        try:
            battery.fire(look)
        finally:
            _end(battery, about, writer)
    return battery.run


def _end(battery: Battery, about: dict[str, Any], writer: Writer | None) -> None:
    about["busy"] = battery.busy
    if writer is not None:
        writer.close({"busy": battery.busy})


def _about(battery: Battery, seed: int, requirements: Sequence[str]) -> dict[str, Any]:
    """Return what is to be known of a run besides its figures, so that its file can be read without who has made it."""
    firing = battery.firing
    return {
        "requirements": list(requirements),
        "expected": None if firing.profile is None else firing.profile.cumulative(firing.seconds),
        "connections": firing.connections,
        "timeout_seconds": firing.timeout,
        "processes": battery.processes,
        "seed": seed,
        "command": shlex.join(_discreet(sys.argv[1:])),
        "host": socket.gethostname(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "versions": {"forebay": __version__, "python": platform.python_version()},
    }


def _discreet(words: Sequence[str]) -> list[str]:
    """Return the words of a command line without the values of headers, which may be passwords."""
    shown: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        header = before in ("-H", "--header") or word.startswith(("-H", "--header="))
        shown.append(f"{word.partition(':')[0]}: ..." if header and ":" in word else word)
    return shown


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
