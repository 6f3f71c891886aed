"""Queues by hand: pub, sub."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import click
import msgspec

from forebay.cli.output import Exit, json_line
from forebay.cli.running import Interruption, run
from forebay.cli.stdin import lines
from forebay.cli.stdout import flush, silence, write_line
from forebay.errors import ForebayError, UsageError
from forebay.message import Message, new_id
from forebay.quantity import duration
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.opening import open_subscription, open_topic
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.url import parse

IN_FLIGHT = 1_000

KEY = click.option("--key", help="messages of one key belong together")
HEADERS = click.option(
    "-H", "--header", "headers", multiple=True, metavar="NAME=VALUE", help="a header; may be repeated"
)


@click.command()
@click.argument("url")
@click.argument("text", required=False)
@KEY
@click.option("--priority", default=0, help="larger goes first, where the queue has priorities")
@click.option("--delay", default="0", metavar="TIME", help="deliver it not before so long from now, e.g. 5s")
@HEADERS
@click.option("--count", default=1, type=click.IntRange(1), help="how often TEXT is put")
@click.option("--ids", is_flag=True, help="print the reference of each accepted message")
def pub(
    url: str,
    text: str | None,
    key: str | None,
    priority: int,
    delay: str,
    headers: tuple[str, ...],
    count: int,
    ids: bool,
) -> None:
    """Put messages into the queue at URL: TEXT, or else each line of stdin.

    A message counts as accepted once it is as durable as its broker makes it. When one was not accepted no further is
    put; it ends with 3 then, or with 2 where the broker would never take it. Each line is put as it comes, so the input
    need not end; Ctrl-C waits for the answers, and ends with 130.

    \b
    forebay pub 'sqlite:///forebay.db?topic=orders' '{"product_id": "33", "count": "3", "username": "me"}'
    seq 1000 | forebay pub kafka://localhost:9092/numbers
    """
    template = Message("", b"", key, headers_of(headers), priority)
    bodies = None if text is None else [os.fsencode(text)] * count
    accepted, error, interrupted = run(_publish_all(url, template, bodies, _finite(delay), ids))
    click.echo(f"{accepted} accepted", err=True)
    if error is not None:
        raise error
    if interrupted:
        raise click.exceptions.Exit(Exit.INTERRUPTED)


async def _publish_all(
    url: str, template: Message, bodies: Sequence[bytes] | None, delay: float, ids: bool
) -> tuple[int, ForebayError | None, bool]:
    """Return how many were accepted, what went wrong, and whether it was interrupted; None: bodies come by stdin."""
    topic = await open_topic(url)
    async with Interruption() as interruption:
        enough = interruption.wished
        publisher = _Publisher(topic, ids, enough)
        try:
            async for body in lines(enough) if bodies is None else _until(enough, bodies):
                now = time.time()
                later = now + delay if delay else 0.0
                await publisher.publish(template.replace(id=new_id(), body=body, accepted_at=now, not_before=later))
            await publisher.all_answered()
        finally:
            await topic.close()
    return publisher.accepted, publisher.error, interruption.by != 0


async def _until(enough: asyncio.Event, bodies: Iterable[bytes]) -> AsyncIterator[bytes]:
    for body in bodies:
        if enough.is_set():
            return
        yield body


class _Publisher:
    """Keeps so many messages in flight, and counts what became of them; sets `enough` when one is not accepted."""

    def __init__(self, topic: Topic, ids: bool, enough: asyncio.Event) -> None:
        self.accepted = 0
        self.error: ForebayError | None = None
        self._topic = topic
        self._ids = ids
        self._enough = enough
        self._in_flight = 0
        self._answered = asyncio.Event()

    async def publish(self, message: Message) -> None:
        while self._in_flight >= IN_FLIGHT:
            await self._next_answer()
        self._in_flight += 1
        self._topic.publish_soon(message, self._hear)

    async def all_answered(self) -> None:
        while self._in_flight:
            await self._next_answer()

    async def _next_answer(self) -> None:
        self._answered.clear()
        await self._answered.wait()

    def _hear(self, answer: str | ForebayError) -> None:
        self._in_flight -= 1
        self._answered.set()
        if isinstance(answer, ForebayError):
            self.error = self.error or answer
            self._enough.set()
            return
        self.accepted += 1
        if self._ids:
            try:
                click.echo(answer)
            except BrokenPipeError:  # what was begun goes on: it is not to print references that messages are put
                silence()


def headers_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the headers that were given as ``name=value``.

    Raises:
        UsageError: one of them is no such pair, or its name is one of ours.
    """
    headers = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{pair!r} is not a header", "write it as -H name=value")
        if name.startswith("forebay-"):
            raise UsageError(f"the header {name!r} is ours", "names that start with forebay- tell a message's story")
        headers[name] = value
    return headers


def _finite(text: str) -> float:
    if not math.isfinite(seconds := duration(text)):
        raise UsageError(f"a delay of {text} never ends", "write it as 5s, 10m or 1h")
    return seconds


@click.command()
@click.argument("url")
@click.option("-n", "--count", default=0, type=click.IntRange(0), help="stop after so many; 0: never")
@click.option("--idle", metavar="TIME", help="stop when nothing came for so long, e.g. 2s")
@click.option("--peek", is_flag=True, help="only look: all is given back at the end")
@click.option("--json", "as_json", is_flag=True, help="a line of JSON each, with id, headers and attempt")
def sub(url: str, count: int, idle: str | None, peek: bool, as_json: bool) -> None:
    """Take messages out of the queue at URL and print each on a line of its own.

    A message is done once its line has been written; what was not written is delivered again. Those who name one group
    in the URL share the messages, and every group gets every message; with group=each this subscriber by itself gets
    all that is published while it listens.

    \b
    forebay sub 'redis://localhost/orders?group=audit'
    forebay sub 'redis://localhost/orders?group=each'
    """
    run(_take_all(url, count, duration(idle) if idle else None, Ending.RELEASE if peek else Ending.DONE, as_json))


async def _take_all(url: str, count: int, idle: float | None, ending: Ending, as_json: bool) -> None:
    async with _subscribed(url) as subscription, Interruption() as interruption:
        click.echo(f"receiving from {parse(url)}", err=True)
        stop = asyncio.create_task(interruption.wished.wait())
        kept: list[Delivery] = []
        taken = 0
        while not count or taken < count:
            take = asyncio.create_task(subscription.take())
            await asyncio.wait({take, stop}, timeout=idle, return_when=asyncio.FIRST_COMPLETED)
            if not take.done() or (delivery := take.result()) is None:
                take.cancel()
                await asyncio.wait({take})
                break
            taken += 1
            _print_message(delivery, as_json)
            if ending is Ending.DONE:
                subscription.settle(Settlement(delivery))
            else:
                kept.append(delivery)
        stop.cancel()
        for delivery in kept:
            subscription.settle(Settlement(delivery, Ending.RELEASE))


@contextlib.asynccontextmanager
async def _subscribed(url: str) -> AsyncIterator[Subscription]:
    subscription = await open_subscription(url)
    try:
        yield subscription
    finally:
        await subscription.close()


def _print_message(delivery: Delivery, as_json: bool) -> None:
    message = delivery.message
    if as_json:
        json_line({**message_fields(message), "attempt": delivery.attempt})
        flush()
    else:
        write_line(message.body)


def message_fields(message: Message) -> dict[str, Any]:
    """Return a message as JSON shows it: text as text, other bytes as base64."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    try:
        fields["body"] = message.body.decode()
    except UnicodeDecodeError:
        fields["body"] = None
        fields["body_base64"] = base64.b64encode(message.body).decode()
    return fields
