"""forebay lag."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from forebay.cli.existing import administered, existing, groups_meant
from forebay.cli.output import Exit, json_line, table
from forebay.cli.running import Interruption, run
from forebay.cli.stdout import flush
from forebay.cli.topics import lag_row
from forebay.errors import ForebayError
from forebay.quantity import show_seconds
from forebay.queue.admin import Admin, Lag
from forebay.queue.driver import Driver
from forebay.queue.opening import open_driver, queue_url
from forebay.url import URL

EVERY_SECONDS = 1.0

Row = dict[str, Any]
"""What is known of one group; None for what its broker does not tell."""


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON for each group, and for each of its partitions")
@click.option(
    "--watch",
    is_flag=True,
    help="again every second, with what goes in and out, until Ctrl-C; also of a broker that was away meanwhile",
)
def lag(url: str, as_json: bool, watch: bool) -> None:
    """Say how far the groups of the queue at URL are behind: how many messages are where, how old the oldest is.

    Every group, or the one that the URL names; then by partition, where there are any. Ends with 4 when messages are
    lost.
    """
    queue_url(url)  # says first that it names no topic
    if run(_show(url, as_json, watch)):
        raise click.exceptions.Exit(Exit.PROMISE_BROKEN)


async def _show(url: str, as_json: bool, watch: bool) -> int:
    """Print where the messages are, once or again and again; return how many were lost at last."""
    async with administered(url) as (full, admin), _groups(admin, full) as drivers, Interruption() as interruption:
        topic, lost = full.options["topic"], 0
        before: tuple[float, dict[str, Row]] | None = None
        while True:
            now = asyncio.get_running_loop().time()
            try:
                rows, parts = await _look(topic, admin, drivers)
            except ForebayError as error:
                if not (watch and error.retryable):
                    raise
                click.echo(f"forebay: {error}", err=True)
                before = None
            else:
                moved = {g: _moved(row, before[1][g], now - before[0]) for g, row in rows.items()} if before else {}
                _print(topic, [row | moved.get(group, {}) for group, row in rows.items()], parts, as_json)
                lost = sum(row["lost"] or 0 for row in rows.values())
                before = now, rows
            if not watch or await _is_over(interruption):
                return lost


async def _is_over(interruption: Interruption) -> bool:
    """Wait until it is time to look again; say whether nobody wants to any more."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(interruption.wished.wait(), EVERY_SECONDS)
    return interruption.wished.is_set()


async def _look(topic: str, admin: Admin, drivers: Mapping[str, Driver]) -> tuple[dict[str, Row], list[Lag]]:
    """Return how far each group is behind, and by partition where there are any."""
    lags = await admin.lags(topic)
    rows = {group: await _row(topic, group, driver, lags) for group, driver in drivers.items()}
    return rows, [lag for lag in lags if lag.partition is not None and lag.group in rows]


@contextlib.asynccontextmanager
async def _groups(admin: Admin, url: URL) -> AsyncIterator[dict[str, Driver]]:
    """Open the topic for each of its groups, or for the one that the URL names."""
    topic = await existing(admin, url)
    async with contextlib.AsyncExitStack() as stack:
        drivers = {}
        for group in groups_meant(url, topic):
            drivers[group] = await open_driver(url.with_options(group=group))
            stack.push_async_callback(drivers[group].close)
        yield drivers


async def _row(topic: str, group: str, driver: Driver, lags: Sequence[Lag]) -> Row:
    """Return where the messages of a group are."""
    counts = await driver.counts()
    row = {"topic": topic, "group": group, **msgspec.to_builtins(counts), "lost": counts.lost}
    if driver.features.totals:
        if any(lag.in_work is None for lag in lags if lag.group == group):
            row["in_work"] = None  # of others it is not known, and nothing is in work here
        return row
    # What each process counts for itself says nothing here, where nothing is worked off; the broker knows the rest.
    row |= dict.fromkeys(("accepted", "in_work", "done", "discarded", "lost"))
    for lag in lags:
        if lag.group == group and lag.partition is None:
            row |= {"waiting": lag.waiting, "in_work": lag.in_work, "oldest_seconds": lag.oldest_seconds}
    return row


def _moved(row: Row, earlier: Row, seconds: float) -> Row:
    """Return what went in and out a second, and when the backlog is gone if that goes on."""
    into = out = None
    if row["accepted"] is not None:
        into = (row["accepted"] - earlier["accepted"]) / seconds
        out = (row["done"] + row["dead"] - earlier["done"] - earlier["dead"]) / seconds
    drained = (_unfinished(earlier) - _unfinished(row)) / seconds
    return {"in_a_second": into, "out_a_second": out, "drains_in": _drains_in(_unfinished(row), drained)}


def _unfinished(row: Row) -> int:
    return sum(row[name] or 0 for name in ("waiting", "in_work", "retrying"))


def _print(topic: str, rows: list[Row], parts: list[Lag], as_json: bool) -> None:
    if as_json:
        for row in [*rows, *({"topic": topic, **msgspec.to_builtins(part)} for part in parts)]:
            json_line(row)
        flush()  # a program that watches through a pipe wants each second as it comes
        return
    table(rows)
    if parts:
        click.echo()
        table([lag_row(part) for part in parts])


def _drains_in(unfinished: int, rate: float) -> str:
    if not unfinished:
        return "now"
    if not rate:
        return "never"
    return show_seconds(unfinished / rate) if rate > 0 else "growing"
