"""Topics by hand: ls, show, create, rm, purge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from forebay.cli.existing import administered, existing, groups_meant
from forebay.cli.output import confirm, json_line, table
from forebay.cli.running import run
from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.queue.admin import Admin, Finding, Lag, Severity, TopicInfo
from forebay.queue.new_topic import NEW_TOPIC, asking, in_our_words
from forebay.queue.opening import driver_module, open_admin, open_driver, queue_url
from forebay.queue.options import asked_of
from forebay.url import URL

YES = click.option("--yes", is_flag=True, help="do not ask")
JSON = click.option("--json", "as_json", is_flag=True, help="as a line of JSON")

CAUSES = {
    "replication": {"replication", "num_replicas"},
    "retention": {"retention.ms", "max_age", "duplicate_window"},
    "retention-bytes": {"retention.bytes", "max_bytes"},
    "largest": {"max.message.bytes", "max_msg_size"},
    "in-sync": {"min.insync.replicas"},
}
"""What a broker calls each wish: what an examination finds there is told to whoever has wished it."""


def _wishes(command: Callable[..., None]) -> Callable[..., None]:
    for name, meaning in reversed(list(NEW_TOPIC.items())):
        command = click.option(f"--{name}", name.replace("-", "_"), metavar="TEXT", help=meaning)(command)
    return command


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
    for name, value in (_row(topic) | _limits(topic)).items():
        click.echo(f"{name:<15}  {'-' if value is None else value}")
    click.echo()
    table([lag_row(lag) for lag in lags])


@topics.command("create")
@click.argument("url")
@_wishes
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="the same in Kafka's own words")
@JSON
def create_topic(url: str, settings: tuple[str, ...], as_json: bool, **wishes: str | None) -> None:
    """Make the topic at URL: with the group and the discipline that it names, and with what the options ask.

    What is asked for and may lose messages, or refuse them, is told beside it.

    \b
    forebay topics create kafka://localhost:9092/orders --partitions 12 --replication 3 --in-sync 2
    forebay topics create nats://localhost/orders --retention 30d --largest 256KiB
    forebay topics create kafka://localhost:9092/orders --set retention.ms=604800000
    """
    asked = {name.replace("_", "-"): text for name, text in wishes.items() if text is not None}
    for option, text in map(in_our_words, settings):
        if option in asked:
            raise UsageError(f"{option} is said twice", "leave out one of them")
        asked[option] = text
    topic, risks = run(_create(_asking(url, asked)))
    json_line(topic) if as_json else click.echo(f"created {topic.name}")
    for risk in risks:
        click.echo(f"forebay: {risk.severity}: {risk.setting} = {risk.value}: {risk.why}", err=True)


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


def _asking(url: str, wishes: dict[str, str]) -> URL:
    """Return the URL of the topic with what is asked of it."""
    full = queue_url(url)
    if asked_of(full).ephemeral:
        raise UsageError("a subscriber of its own is no group that could be made", "leave group=each out")
    return asking(full, wishes, driver_module(full.scheme).OPTIONS)


async def _create(url: URL) -> tuple[TopicInfo, Sequence[Finding]]:
    admin = await open_admin(url)  # not only where there is something: on SQLite this makes the file
    try:
        topic = await admin.create(url.options["topic"])
        return topic, await _risks(admin, topic.name, NEW_TOPIC.keys() & url.options.keys())
    finally:
        await admin.close()


async def _risks(admin: Admin, topic: str, wishes: Iterable[str]) -> Sequence[Finding]:
    """Return what is to be said against that which was asked for."""
    causes = {cause for wish in wishes for cause in CAUSES.get(wish, ())}
    if not causes:
        return []
    found = (await admin.examine(topic)).findings
    of_topic = [one for one in found if one.setting.split(": ")[0].split()[-1] == topic]
    return [one for one in of_topic if one.severity is not Severity.FINE and one.setting.split(": ")[-1] in causes]


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
    return {
        "name": topic.name,
        "groups": ", ".join(topic.groups),
        "discipline": topic.discipline,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "retention": "for ever" if topic.retention_seconds is None else _age(topic.retention_seconds),
        "limit": "none" if topic.limit is None else topic.limit,
        "messages": topic.messages,
        "bytes": topic.bytes,
    }


def _age(seconds: float) -> str:
    """Return an age in whole days or hours where it is that."""
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return show_seconds(seconds)


def _limits(topic: TopicInfo) -> dict[str, Any]:
    """Return what one topic takes and keeps, as people read it."""
    return {
        "retention bytes": "any" if topic.retention_bytes is None else topic.retention_bytes,
        "largest": topic.largest,
        "in sync": topic.in_sync,
    }


def lag_row(lag: Lag) -> dict[str, Any]:
    """Return the columns of one line of lag; a partition only where there is one."""
    fields = msgspec.structs.asdict(lag)
    return fields if lag.partition is not None else {k: v for k, v in fields.items() if k != "partition"}
