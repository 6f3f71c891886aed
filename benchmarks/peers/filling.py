"""Puts the messages of a measurement into a queue by forebay, whoever is to take them out."""

# ruff: noqa: ASYNC110 - nothing tells when this is so
from __future__ import annotations

import asyncio
import time

from benchmarks.programs import BODY
from forebay.errors import ForebayError
from forebay.message import Message, new_id
from forebay.queue.opening import open_topic


async def fill(url: str, count: int) -> None:
    """Publish so many messages and return when the last one is durable."""
    topic = await open_topic(url, deadline=60)
    left, all_answered = count, asyncio.Event()

    def answered(answer: str | ForebayError) -> None:
        nonlocal left
        if isinstance(answer, ForebayError):
            raise SystemExit(str(answer))
        left -= 1
        if not left:
            all_answered.set()

    for n in range(count):
        topic.publish_soon(Message(new_id(), BODY.encode(), accepted_at=time.time()), answered)
        if n % 500 == 499:
            await asyncio.sleep(0)
            while n - (count - left) > 20_000:
                await asyncio.sleep(0.001)
    await all_answered.wait()
    await topic.close()
