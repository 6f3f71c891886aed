"""forebay ask."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import click

from forebay.cli.queues import HEADERS, KEY, headers_of
from forebay.cli.running import run
from forebay.cli.stdin import lines
from forebay.cli.stdout import write_line
from forebay.quantity import duration
from forebay.queue.request_reply import open_asker


@click.command()
@click.argument("url")
@click.argument("text", required=False)
@click.option("--timeout", default="5s", metavar="TIME", show_default=True, help="how long an answer is waited for")
@KEY
@HEADERS
def ask(url: str, text: str | None, timeout: str, key: str | None, headers: tuple[str, ...]) -> None:
    """Ask those who work off the queue at URL: TEXT, or else each line of stdin; print each answer on a line.

    `forebay work` and `forebay serve` answer with what the handler returns: text as it is, anything else as JSON. Ends
    with 3 when there is no answer in time, and with 1 when the request was given up; what stands after it on stdin is
    not asked then.

    \b
    forebay ask nats://localhost:4222/prices '{"product": 33}' --timeout 2s
    """
    run(_ask_all(url, text, duration(timeout), key, headers_of(headers)))


async def _ask_all(url: str, text: str | None, timeout: float, key: str | None, headers: dict[str, str]) -> None:
    async with open_asker(url) as asker:
        async for body in lines() if text is None else _alone(os.fsencode(text)):
            answer = await asker.ask(body, timeout=timeout, key=key, headers=headers)
            write_line(answer.body)


async def _alone(body: bytes) -> AsyncIterator[bytes]:
    yield body
