"""Topics by hand: ls, show, create, rm, purge."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from forebay.cli.existing import administered, existing, groups_meant
from forebay.cli.output import confirm, json_line, table
from forebay.cli.running import run
from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.queue.admin import Lag, TopicInfo
from forebay.queue.opening import open_admin, open_driver, queue_url
from forebay.queue.options import asked_of

YES = click.option("--yes", is_flag=True, help="do not ask")
JSON = click.option("--json", "as_json", is_flag=True, help="as a line of JSON")


@click.group()
def topics() -> None:
    """The topics of a broker: list them, show one, make one, remove or empty it."""


@topics.command("ls")
@click.argument("broker", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON each")
def list_topics(broker: str, as_json: bool) -> None:
    """List the topics of the broker at URL, which need not name one."""
    found = run(_topics(broker))
    if as_json:
        for topic in found:
            json_line(topic)
    else:
        table([_row(topic) for topic in found])
    click.echo(f"{len(found)} topics", err=True)


@topics.command("show")
@click.argument("url")
@JSON
def show_topic(url: str, as_json: bool) -> None:
    """Show the topic at URL, and how far each of its groups is behind."""
    topic, lags = run(_shown(url))
    if as_json:
        json_line({**msgspec.to_builtins(topic), "lags": lags})
        return
    for name, value in _row(topic).items():
        click.echo(f"{name:<12}  {'-' if value is None else value}")
    click.echo()
    table([lag_row(lag) for lag in lags])


@topics.command("create")
@click.argument("url")
@JSON
def create_topic(url: str, as_json: bool) -> None:
    """Make the topic at URL, with what its options ask: a group, a discipline, partitions, replication.

    \b
    forebay topics create 'kafka://localhost:9092/orders?partitions=12&replication=3'
    """
    topic = run(_create(url))
    json_line(topic) if as_json else click.echo(f"created {topic.name}")


@topics.command("rm")
@click.argument("url")
@click.option("--group", help="remove this group of the topic only, with all that waits for it")
@YES
def remove_topic(url: str, group: str | None, yes: bool) -> None:
    """Remove the topic at URL with all that it holds; asks for its name first."""
    full = queue_url(url)
    if "group" in full.options:
        raise UsageError("the URL names a group", "leave it out to remove the topic, or give it to --group")
    run(_check(url, group))
    name = full.options["topic"]
    confirm(group or name, f"remove {f'the group {group} of ' if group else ''}{name} with all that it holds", yes)
    run(_remove(url, group))
    click.echo(f"removed {f'the group {group} of ' if group else ''}{name}")


@topics.command("purge")
@click.argument("url")
@YES
def purge_topic(url: str, yes: bool) -> None:
    """Remove all that waits or retries in the topic at URL, for every group, or for the one that the URL names.

    What is in work stays, and so do the dead letters. Asks for the name of the topic first.
    """
    run(_check(url))
    name = queue_url(url).options["topic"]
    confirm(name, f"remove all that waits in {name}", yes)
    for group, count in run(_purge(url)):
        click.echo(f"purged {count} messages of {name}{f' for the group {group}' if group != name else ''}")


async def _topics(broker: str) -> list[TopicInfo]:
    async with administered(broker) as (_, admin):
        return list(await admin.topics())


async def _shown(url: str) -> tuple[TopicInfo, list[Lag]]:
    async with administered(url) as (full, admin):
        topic = await existing(admin, full)
        return topic, list(await admin.lags(topic.name))


async def _create(url: str) -> TopicInfo:
    full = queue_url(url)
    if asked_of(full).ephemeral:
        raise UsageError("a subscriber of its own is no group that could be made", "leave group=each out")
    admin = await open_admin(full)  # not only where there is something: on SQLite this makes the file
    try:
        return await admin.create(full.options["topic"])
    finally:
        await admin.close()


async def _check(url: str, group: str | None = None) -> None:
    async with administered(url) as (full, admin):
        await existing(admin, full.with_options(group=group) if group else full)


async def _remove(url: str, group: str | None) -> None:
    async with administered(url) as (full, admin):
        await admin.remove(full.options["topic"], group)


async def _purge(url: str) -> list[tuple[str, int]]:
    async with administered(url) as (full, admin):
        topic = await existing(admin, full)
    purged = []
    for group in groups_meant(full, topic):
        driver = await open_driver(full.with_options(group=group))
        try:
            purged.append((group, await driver.purge()))
        finally:
            await driver.close()
    return purged


def _row(topic: TopicInfo) -> dict[str, Any]:
    """Return the columns of one topic, as people read them."""
    retention = topic.retention_seconds
    return {
        "name": topic.name,
        "groups": ", ".join(topic.groups),
        "discipline": topic.discipline,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "retention": "for ever" if retention is None else show_seconds(retention),
        "limit": "none" if topic.limit is None else topic.limit,
        "messages": topic.messages,
        "bytes": topic.bytes,
    }


def lag_row(lag: Lag) -> dict[str, Any]:
    """Return the columns of one line of lag; a partition only where there is one."""
    fields = msgspec.structs.asdict(lag)
    return fields if lag.partition is not None else {k: v for k, v in fields.items() if k != "partition"}
