"""The queue at its plainest: push and pop as two calls, on any broker.

    async with open_queue("redis://localhost/numbers") as queue:
        await queue.push(1)
        body = await queue.pop()

At most once: what `pop` returns is over for the queue, whatever becomes of it. Who must lose nothing lets a handler
work it off, or takes deliveries from a :class:`~forebay.queue.subscription.Subscription` and settles them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from forebay.message import Message, new_id, payload_of
from forebay.queue.driver import Driver, Settlement
from forebay.queue.opening import open_driver, queue_url
from forebay.queue.topic import Topic
from forebay.url import URL

LONGEST_WAIT = 1.0
"""Seconds of one call to the broker; `pop` makes as many as it needs."""


class Queue:
    """A topic with two ends, open by :func:`open_queue`.

    Arguments:
        topic: where it is pushed to.
        driver: where it is popped from.
    """

    def __init__(self, topic: Topic, driver: Driver) -> None:
        self.name = topic.name
        self._topic = topic
        self._driver = driver
        self._turn = asyncio.Lock()  # of those who pop: a message goes to the one who asked first

    async def push(self, body: Any, *, key: str | None = None, priority: int = 0, delay: float = 0.0) -> str:
        """Accept a body durably, and return the reference of its message.

        Arguments:
            body: bytes as they are, text as UTF-8, anything else as JSON.
            key: messages of one key belong together.
            priority: larger goes first under the discipline PRIORITY.
            delay: seconds before it can be popped.

        Raises:
            UsageError: JSON cannot say it. TooLarge: the broker takes no such size.
            QueueFull: all places are taken. Unavailable: nothing was accepted. Unknown: it may have been.
        """
        now = time.time()
        message = Message(new_id(), payload_of(body), key, {}, priority, now, now + delay if delay > 0 else 0.0)
        return await self._topic.publish(message)

    async def pop(self, timeout: float | None = None) -> bytes:
        """Take the next body out of the queue, waiting for one.

        What was in hand when this is cancelled may be lost; a timeout of its own loses nothing.

        Arguments:
            timeout: seconds to wait; None: for ever.

        Raises:
            TimeoutError: nothing came. Unavailable, Unknown: the broker cannot be reached.
        """
        end = math.inf if timeout is None else asyncio.get_running_loop().time() + timeout
        async with asyncio.timeout(timeout):
            await self._turn.acquire()
        try:
            while (body := await self._taken(end)) is None:
                pass
            return body
        finally:
            self._turn.release()

    async def _taken(self, end: float) -> bytes | None:
        """Return a body; None when none came in this call, or another process has it."""
        left = max(0.0, end - asyncio.get_running_loop().time())
        for delivery in await self._driver.receive(1, min(left, LONGEST_WAIT)):
            (ours,) = await self._driver.settle([Settlement(delivery)])
            if ours:
                return delivery.message.body
        if asyncio.get_running_loop().time() >= end:
            raise TimeoutError(f"nothing came to {self.name}")
        return None


@asynccontextmanager
async def open_queue(url: str | URL, topic: str = "", *, places: float = math.inf) -> AsyncIterator[Queue]:
    """Open a queue to push to and to pop from, inside an ``async with``.

    Arguments:
        url: as in ``sqlite:///numbers.db?topic=numbers`` or ``redis://localhost/numbers?discipline=lifo``.
        topic: its name where the URL has none.
        places: waiting messages allowed; inf: no limit.

    Raises:
        UsageError: the URL is wrong. Unsupported: the broker cannot give what it asks for.
        Unavailable: the broker cannot be reached.
    """
    full = queue_url(url, topic)
    driver = await open_driver(full)
    ends = Topic(full.options["topic"], driver, places=places)
    try:
        yield Queue(ends, driver)
    finally:
        await ends.close()
