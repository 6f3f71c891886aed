"""Dead letters by hand: ls, show, return, drop."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import click

from forebay.cli.existing import administered, existing, open_existing
from forebay.cli.output import Exit, confirm, json_line, table
from forebay.cli.queues import message_fields
from forebay.cli.running import run
from forebay.errors import Missing, Unavailable, UsageError
from forebay.queue.driver import DeadLetter, Driver
from forebay.queue.opening import queue_url
from forebay.workers import story

PAGE = 500
WHERE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)~(.*)", re.DOTALL)


@click.group()
def dead() -> None:
    """Messages that were given up, each with its story: look at them, return them to their queue, or drop them."""


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which dead letters are chosen."""
    for option in (
        click.option("--limit", type=click.IntRange(1), help="at most so many"),
        click.option(
            "--where",
            multiple=True,
            metavar="WHAT",
            help="only those whose reason contains WHAT, or as NAME~REGEX: reason, id, key, body or a header; "
            "may be repeated, and then all must hold",
        ),
    ):
        command = option(command)
    return command


@dead.command("ls")
@click.argument("url")
@_selecting
@click.option("--json", "as_json", is_flag=True, help="a line of JSON each, with body and headers")
def list_letters(url: str, limit: int | None, where: tuple[str, ...], as_json: bool) -> None:
    """List the dead letters of the queue at URL, the oldest id first."""
    letters = run(_with_driver(url, lambda driver: _chosen(driver, (), where, limit)))
    others = [] if letters else run(_other_groups(url))
    if as_json:
        for letter in letters:
            json_line(_fields(letter))
    else:
        table([_row(letter) for letter in letters])
    click.echo(f"{len(letters)} dead letters", err=True)
    if others:
        click.echo(f"other groups of the topic, each with its own, named as ?group=: {', '.join(others)}", err=True)


@dead.command("show")
@click.argument("url")
@click.argument("message_id")
def show_letter(url: str, message_id: str) -> None:
    """Show one dead letter of the queue at URL as JSON: its body, its headers and its story."""
    letters = run(_with_driver(url, lambda driver: _chosen(driver, (message_id,), (), None)))
    if not letters:
        raise Missing(f"there is no dead letter {message_id}", "forebay dead ls URL lists them")
    json_line(_fields(letters[0]))


@dead.command("return")
@click.argument("url")
@click.argument("message_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="every one, or every one that --where chooses")
@_selecting
@click.option("--dry-run", is_flag=True, help="only say how many it would be")
def return_letters(
    url: str, message_ids: tuple[str, ...], everything: bool, limit: int | None, where: tuple[str, ...], dry_run: bool
) -> None:
    """Put dead letters back into the queue at URL, with their attempts at zero: after the handler was mended."""
    _check_choice(message_ids, everything)
    count, left = run(_with_driver(url, lambda d: _end(d, d.return_dead, message_ids, where, limit, dry_run)))
    name = queue_url(url).options["topic"]
    click.echo(f"{'would return' if dry_run else 'returned'} {count} messages to {name} ({left} left)")
    _check_found(count, message_ids)


@dead.command("drop")
@click.argument("url")
@click.argument("message_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="every one, or every one that --where chooses")
@_selecting
@click.option("--dry-run", is_flag=True, help="only say how many it would be")
@click.option("--yes", is_flag=True, help="do not ask")
def drop_letters(
    url: str,
    message_ids: tuple[str, ...],
    everything: bool,
    limit: int | None,
    where: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove dead letters of the queue at URL for good; asks for the name of the topic first."""
    _check_choice(message_ids, everything)
    name = queue_url(url).options["topic"]
    confirm(name, "drop them for good", yes or dry_run)
    count, left = run(_with_driver(url, lambda d: _end(d, d.drop_dead, message_ids, where, limit, dry_run)))
    click.echo(f"{'would drop' if dry_run else 'dropped'} {count} dead letters of {name} ({left} left)")
    _check_found(count, message_ids)


async def _with_driver(url: str, action: Callable[[Driver], Awaitable[Any]]) -> Any:
    driver = await open_existing(url)
    try:
        return await action(driver)
    finally:
        await driver.close()


async def _other_groups(url: str) -> list[str]:
    """Return the groups whose dead letters were not asked for, as far as the broker lists them."""
    full = queue_url(url)
    meant = full.options.get("group", full.options["topic"])
    with contextlib.suppress(Unavailable):
        async with administered(url) as (_, admin):
            return [group for group in (await existing(admin, full)).groups if group != meant]
    return []


async def _end(
    driver: Driver,
    end: Callable[[Sequence[str]], Awaitable[int]],
    ids: Sequence[str],
    where: tuple[str, ...],
    limit: int | None,
    dry_run: bool,
) -> tuple[int, int]:
    """End the chosen dead letters, or only count them; return how many there were, and how many that leaves."""
    chosen = [letter.message.id for letter in await _chosen(driver, ids, where, limit)]
    if dry_run:
        return len(chosen), (await driver.counts()).dead - len(chosen)
    count = sum([await end(chosen[i : i + PAGE]) for i in range(0, len(chosen), PAGE)])
    return count, (await driver.counts()).dead


async def _chosen(driver: Driver, ids: Sequence[str], where: tuple[str, ...], limit: int | None) -> list[DeadLetter]:
    wanted, matches = set(ids), [_matcher(what) for what in where]
    chosen: list[DeadLetter] = []
    async for letter in _letters(driver):
        if limit is not None and len(chosen) >= limit:
            break
        if (not wanted or letter.message.id in wanted) and all(match(letter) for match in matches):
            chosen.append(letter)
    return chosen


def _matcher(what: str) -> Callable[[DeadLetter], bool]:
    """Return what tells whether a dead letter is as ``--where`` says."""
    field = WHERE.fullmatch(what)
    if field is None:
        return lambda letter: what in _reason(letter)
    name, pattern = field.groups()
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from error
    return lambda letter: regex.search(_field(letter, name)) is not None


def _field(letter: DeadLetter, name: str) -> str:
    message = letter.message
    fields = {"reason": _reason(letter), "id": message.id, "key": message.key or ""}
    if name == "body":
        return message.body.decode("utf-8", "replace")
    return fields[name] if name in fields else message.headers.get(name, "")


async def _letters(driver: Driver) -> AsyncIterator[DeadLetter]:
    after = ""
    while page := await driver.dead_letters(PAGE, after):
        for letter in page:
            yield letter
        after = page[-1].message.id


def _reason(letter: DeadLetter) -> str:
    return letter.message.headers.get(story.REASON, "")


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {"id": letter.message.id, "attempts": letter.attempts, "reason": _reason(letter)}


def _fields(letter: DeadLetter) -> dict[str, Any]:
    told = story.read(letter.message.headers)
    return {**message_fields(letter.message), "attempts": letter.attempts, "story": told}


def _check_choice(ids: tuple[str, ...], everything: bool) -> None:
    if bool(ids) == everything:
        raise UsageError("name dead letters by id, or all of them by --all")


def _check_found(count: int, ids: tuple[str, ...]) -> None:
    if ids and count < len(set(ids)):
        click.echo(f"{len(set(ids)) - count} of the ids are not among the dead letters", err=True)
        raise click.exceptions.Exit(Exit.FAILED)
