"""forebay generate: believable messages for a service that is to be tried out."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from forebay.cli.output import Exit, json_line
from forebay.cli.running import Interruption, run
from forebay.errors import UsageError
from forebay.quantity import duration, rate, show_seconds, size
from forebay.queue.opening import open_topic
from forebay.url import parse

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Profile
    from forebay.services.orderstore.generating.orders import Orders
    from forebay.services.orderstore.generating.writing import Writing, Written

LOOK = 0.5
"""Seconds between two looks at how it goes."""
EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
LATE = 0.1
"""Seconds behind the plan that are worth a word."""


@click.group()
def generate() -> None:
    """Make believable messages, and put them into a queue."""


@generate.command("orders")
@click.option("--to", "url", required=True, metavar="URL", help="the queue, with its topic")
@click.option("--rate", "constant", metavar="RATE", help="by plan so many: 1000/s  [as fast as the queue takes them]")
@click.option("--profile", metavar="LOAD", help="orders a second over time: sine(0, 1000, 60s)")
@click.option(
    "--writers", type=click.IntRange(1, 64), default=1, metavar="N", show_default=True, help="connections that write"
)
@click.option("-d", "--for", "length", metavar="TIME", help="how long  [until it is interrupted]")
@click.option("--count", type=click.IntRange(1), metavar="N", help="how many at most  [no limit]")
@click.option(
    "--seed", type=click.IntRange(0), default=0, metavar="N", show_default=True, help="same seed and start, same orders"
)
@click.option("--start", metavar="WHEN", help="they were created within the day before: 2026-01-31T12:00:00Z  [now]")
@click.option("--broken", default="0%", metavar="SHARE", show_default=True, help="that no service may take: 1%")
@click.option("--largest", default="20000", metavar="SIZE", show_default=True, help="of an order that is not too large")
@click.option("--json", "as_json", is_flag=True, help="at the end a line of JSON")
def generate_orders(
    url: str,
    constant: str | None,
    profile: str | None,
    writers: int,
    length: str | None,
    count: int | None,
    seed: int,
    start: str | None,
    broken: str,
    largest: str,
    as_json: bool,
) -> None:
    """Write orders into the queue at URL, as the service orderstore takes them.

    Order i is made of the seed, the start and i alone: the same whoever writes it, and however fast. Its order_uid is
    the key of its message. The writers keep to the plan whatever the queue answers. Every order ends as written,
    refused (certainly not in the queue) or unknown, and the last line counts them.

    \b
    forebay generate orders --to kafka://localhost:9092/orders --rate 1000/s --writers 4 --for 1m --broken 1%
    forebay generate orders --to 'sqlite:///forebay.db?topic=orders' --count 1000 --seed 7

    It ends with 3 where an order was not written, with 130 where it was interrupted before its time. Ctrl-C begins no
    further order and waits for the answers; a second time, at once.
    """
    from forebay.services.orderstore.generating.orders import Orders

    load, seconds = _load(constant, profile, length)
    row = Orders(seed, _start(start), share_broken=_share(broken), largest=size(largest))
    told = f"orders of --seed {seed} --start {_text(row.start)} to {parse(url)}"
    figures, took, interrupted = run(_write(told, row, [url] * writers, load, seconds, count or math.inf))
    _report(figures, took, as_json)
    if figures.error is not None:
        raise figures.error
    if interrupted and (count or seconds < math.inf):
        raise click.exceptions.Exit(Exit.INTERRUPTED)


async def _write(
    told: str, row: Orders, urls: Sequence[str], load: Profile | None, seconds: float, count: float
) -> tuple[Written, float, bool]:
    """Return what became of the orders, the seconds it took, and whether it was interrupted.

    Arguments:
        told: the line that it begins with.
        urls: one for each writer.
    """
    from forebay.services.orderstore.generating.writing import Writing

    async with contextlib.AsyncExitStack() as stack:
        topics = []
        for url in urls:
            topics.append(await open_topic(url))
            stack.push_async_callback(topics[-1].close)
        interruption = await stack.enter_async_context(Interruption())
        click.echo(told, err=True)
        writing, began = Writing(row, topics, load, seconds=seconds, count=count), time.perf_counter()
        await _watched(writing, interruption, began)
        return writing.figures, time.perf_counter() - began, interruption.wished.is_set()


async def _watched(writing: Writing, interruption: Interruption, began: float) -> None:
    """Let the writers write, show how it goes, and have them stop when the user wishes it."""
    from rich.text import Text

    from forebay.telemetry.live import picture_on

    moving, next_line = picture_on(sys.stderr, os.environ), EVERY
    work = asyncio.create_task(writing.run())
    wish = asyncio.create_task(interruption.wished.wait())
    with moving or contextlib.nullcontext():
        while not work.done():
            await asyncio.wait({work} if wish.done() else {work, wish}, timeout=LOOK, return_when="FIRST_COMPLETED")
            elapsed = time.perf_counter() - began
            if wish.done():
                writing.stop()
            if moving is not None:
                moving.update(Text(_line(elapsed, writing.figures)), refresh=True)
            elif elapsed >= next_line:
                next_line = elapsed - elapsed % EVERY + EVERY
                click.echo(_line(elapsed, writing.figures), err=True)
    wish.cancel()
    work.result()


def _load(constant: str | None, profile: str | None, length: str | None) -> tuple[Profile | None, float]:
    """Return the plan, None for as fast as possible, and the seconds it lasts."""
    from forebay.load.profiles import notation
    from forebay.load.profiles.shapes import Const

    seconds = math.inf if length is None else duration(length)
    if constant is not None and profile is not None:
        raise UsageError("--rate and --profile are two loads", "say one of them")
    if constant is not None:
        if not (wanted := rate(constant)):
            raise UsageError("at 0 a second nothing is ever written", "leave --rate out for as fast as possible")
        return Const(wanted), seconds
    if profile is None:
        return None, seconds
    load = notation.parse(profile, math.nan if length is None else seconds)
    if math.isinf(seconds := min(seconds, load.span)):
        raise UsageError(f"the load {load} has no end", "say how long: --for 2m")
    return load, seconds


def _share(text: str) -> float:
    """Return the share of ``1%`` or ``0.01``; a bare 1 may mean one order, and is refused."""
    bare = text.removesuffix("%")
    number = float(bare) if re.fullmatch(r"\d*\.?\d+", bare, re.ASCII) else math.nan
    if not number <= 100 or (number >= 1 and bare == text):
        raise UsageError(f"{text!r} is not a share of all orders", "write it as 1% or 0.01")
    return number if bare == text else number / 100


def _start(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an instant", "write it as 2026-01-31T12:00:00Z") from None
    if instant.tzinfo is None:
        raise UsageError(f"{text!r} does not say of which zone it is", f"write it as {instant.isoformat()}Z for UTC")
    _check_day_before(instant, text)
    return instant


def _check_day_before(instant: datetime, text: str) -> None:
    try:
        instant.astimezone(UTC) - timedelta(days=1)
    except OverflowError:
        hint = "orders are created within the day before it"
        raise UsageError(f"{text!r} is at the end of all dates", hint) from None


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _line(elapsed: float, figures: Written) -> str:
    counts = f"written {figures.written:,}  refused {figures.refused:,}  unknown {figures.unknown:,}"
    return f"{elapsed:5.0f} s  {counts}  {_late(figures)}".rstrip()


def _late(figures: Written) -> str:
    return f"up to {show_seconds(figures.late)} behind the plan" if figures.late > LATE else ""


def _report(figures: Written, took: float, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(figures, name) for name in ("written", "broken", "refused", "unknown", "late")}
        json_line({**told, "seconds": took})
        return
    speed = f"{figures.written / took:,.0f}/s" if took else "0/s"
    parts = [f"{figures.written:,} written", f"{figures.broken:,} of them broken" if figures.broken else ""]
    parts += [f"{figures.refused:,} refused", f"{figures.unknown:,} unknown", f"{show_seconds(took)}, {speed}"]
    click.echo("; ".join(part for part in (*parts, _late(figures)) if part))
