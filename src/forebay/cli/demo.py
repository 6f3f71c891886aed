"""forebay demo."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from forebay.cli.output import Exit, json_line
from forebay.cli.running import Interruption, run
from forebay.cli.settings import flags
from forebay.errors import UsageError
from forebay.lab.demo import Demo
from forebay.lab.verdict import Verdict
from forebay.load.profiles.notation import parse as parse_profile
from forebay.quantity import duration, show_seconds
from forebay.settings import Settings
from forebay.telemetry.live import LiveView

DEFAULTS = {"workers": "6", "port": "0"}
"""What the demonstration has otherwise than `forebay serve`."""


@click.command()
@click.option("--for", "seconds", default="60s", metavar="TIME", show_default=True, help="how long the load lasts")
@click.option("--profile", metavar="LOAD", help="orders a second  [one wave: sine(0, 100, TIME)]")
@click.option(
    "--work", default="100ms", metavar="TIME", show_default=True, help="the work on one order: 100ms, M(100ms)"
)
@flags(
    "workers", "places", "limit", "overload", "queue", "store", "port", "journal",
    otherwise={**DEFAULTS, "queue": "a temporary file"},
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="the verdict as a line of JSON")
def demo(seconds: str, profile: str | None, work: str, as_json: bool, **texts: str | None) -> None:
    """Play the whole story in one process, without a server.

    The orders service takes a wave of 0 to 100 orders a second into a durable queue (SQLite, in a temporary folder);
    its pool of 6 workers, 100 ms an order, can do 60. At the end everything that was accepted must be done, and the
    backlog and the longest wait stand beside what the fluid model said before. Ctrl-C ends it with the verdict so far.
    Only the flags count: environment and forebay.toml, which may name the queue of real work, are left aside.
    """
    length = duration(seconds)
    load = parse_profile(profile or f"sine(0, 100, {seconds})", length)
    with _temporary_queue(texts["queue"]) as queue:
        settings = _settings({**texts, "queue": queue})
        if not (settings.workers or texts["queue"]):
            raise UsageError("nobody would work off what comes", "give it --workers, 1 or more")
        story = Demo(load, length, work, settings)
        _introduce(story, work, settings)
        verdict, interrupted = run(_play(story, length))
    json_line(verdict.as_dict()) if as_json else click.echo(f"\n{verdict}")
    if not verdict.kept:
        raise click.exceptions.Exit(Exit.PROMISE_BROKEN)
    if interrupted:
        raise click.exceptions.Exit(Exit.INTERRUPTED)


async def _play(story: Demo, seconds: float) -> tuple[Verdict, bool]:
    async with Interruption() as interruption:
        with LiveView(seconds) as view:
            verdict = await story.play(interruption.wished, view.tick)
        return verdict, interruption.wished.is_set()


def _introduce(story: Demo, work: str, settings: Settings) -> None:
    prediction, workers = story.prediction, settings.workers
    wait = show_seconds(prediction.longest_wait)
    click.echo(f"load        {story.profile} orders a second", err=True)
    click.echo(f"pool        {workers} workers, {work} an order: {prediction.capacity:.4g} a second", err=True)
    click.echo(f"prediction  backlog up to {prediction.peak_backlog:,.0f}, wait up to {wait}\n", err=True)


def _settings(texts: Mapping[str, str | None]) -> Settings:
    """Return the settings by flags alone: a demonstration must not find its way to the queue or store of real work."""
    flags = {name: texts[name] or text for name, text in DEFAULTS.items()}
    return Settings({**texts, **flags}, environment={}, folder=Path(os.sep))


@contextlib.contextmanager
def _temporary_queue(queue: str | None) -> Iterator[str]:
    """Give a queue of one's own in a folder that goes with the demonstration, unless one was named."""
    if queue is not None:
        yield queue
        return
    with tempfile.TemporaryDirectory(prefix="forebay-demo-") as folder:
        yield f"sqlite:///{folder}/orders.db"
