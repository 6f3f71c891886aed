"""forebay lag."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import click
import msgspec

from forebay.cli.existing import administered, existing
from forebay.cli.output import Exit, json_line, table
from forebay.cli.running import Interruption, run
from forebay.cli.topics import lag_row
from forebay.quantity import show_seconds
from forebay.queue.admin import Admin, Lag
from forebay.queue.driver import Counts, Driver
from forebay.queue.opening import open_driver, queue_url
from forebay.url import URL

EVERY_SECONDS = 1.0

Reading = Mapping[str, Counts]
"""The counts of each group."""


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON for each group, and for each of its partitions")
@click.option("--watch", is_flag=True, help="again every second, with what goes in and out, until Ctrl-C")
def lag(url: str, as_json: bool, watch: bool) -> None:
    """Say how far the groups of the queue at URL are behind: how many messages are where, how old the oldest is.

    Every group, or the one that the URL names; then by partition, where there are any. Ends with 4 when messages are
    lost.
    """
    queue_url(url)  # says first that it names no topic
    if run(_show(url, as_json, watch)):
        raise click.exceptions.Exit(Exit.PROMISE_BROKEN)


async def _show(url: str, as_json: bool, watch: bool) -> int:
    async with administered(url) as (full, admin), _groups(admin, full) as drivers, Interruption() as interruption:
        before: tuple[float, Reading] | None = None
        while True:
            now = asyncio.get_running_loop().time()
            reading = {group: await driver.counts() for group, driver in drivers.items()}
            rows = [_row(full.options["topic"], group, reading, now, before) for group in reading]
            parts = [lag for lag in await admin.lags(full.options["topic"]) if lag.partition and lag.group in reading]
            _print(full.options["topic"], rows, parts, as_json)
            lost = sum(counts.lost for counts in reading.values())
            if not watch:
                return lost
            before = now, reading
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(interruption.wished.wait(), EVERY_SECONDS)
                return lost


@contextlib.asynccontextmanager
async def _groups(admin: Admin, url: URL) -> AsyncIterator[dict[str, Driver]]:
    """Open the topic for each of its groups, or for the one that the URL names."""
    topic = await existing(admin, url)
    groups = [url.options["group"]] if "group" in url.options else topic.groups or [topic.name]
    async with contextlib.AsyncExitStack() as stack:
        drivers = {}
        for group in groups:
            drivers[group] = await open_driver(url.with_options(group=group))
            stack.push_async_callback(drivers[group].close)
        yield drivers


def _row(topic: str, group: str, reading: Reading, now: float, before: tuple[float, Reading] | None) -> dict[str, Any]:
    counts = reading[group]
    fields = {"topic": topic, "group": group, **msgspec.to_builtins(counts), "lost": counts.lost}
    if before is not None:
        then, earlier = before[0], before[1][group]
        into = (counts.accepted - earlier.accepted) / (now - then)
        out = (counts.done + counts.dead - earlier.done - earlier.dead) / (now - then)
        fields |= {"in_a_second": into, "out_a_second": out, "drains_in": _drains_in(counts.unfinished, out - into)}
    return fields


def _print(topic: str, rows: list[dict[str, Any]], parts: list[Lag], as_json: bool) -> None:
    if as_json:
        for row in [*rows, *({"topic": topic, **msgspec.to_builtins(part)} for part in parts)]:
            json_line(row)
        return
    table(rows)
    if parts:
        click.echo()
        table([lag_row(part) for part in parts])


def _drains_in(unfinished: int, rate: float) -> str:
    if not unfinished:
        return "now"
    return show_seconds(unfinished / rate) if rate > 0 else "growing"
