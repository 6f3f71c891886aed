"""A gun that publishes to a queue, and times the way to done.

    forebay fire 'redis://localhost:6379/orders' --gun forebay:queue --rate 50/s --ammo forebay:orders

Each shot is a request over the topic: it ends when a worker has worked it off and said so, which it does when the
result is kept. So the service time goes from the publishing to that, and the response time from the plan.

    200        worked off
    500        given up: a dead letter
    refused    nothing was accepted: the broker is down, the queue is full, the body too large, a header no Unicode
    unknown    nobody said anything in time; it may be worked off yet
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from forebay.errors import Failed, Unavailable, UsageError
from forebay.load.engines.gun import NotSent, Shoot
from forebay.load.shot import Shot
from forebay.queue.opening import queue_url
from forebay.queue.request_reply import Asker, open_asker

WORKED_OFF, GIVEN_UP = 200, 500


def queue_gun(url: str) -> Callable[[], AbstractAsyncContextManager[Shoot]]:
    """Return the gun that publishes to the topic of a URL; its shots are bodies with headers.

    Raises:
        UsageError: the URL is wrong, or of a queue that no other process can reach.
    """
    full = queue_url(url)
    if full.scheme == "memory":
        raise UsageError(f"{full} is within one process, and nobody works it off there", "take sqlite:// or a broker")

    @asynccontextmanager
    async def gun() -> AsyncIterator[Shoot]:
        async with open_asker(full) as asker:
            yield _shooting(asker)

    return gun


def _shooting(asker: Asker) -> Shoot:
    async def shoot(shot: Shot) -> int:
        try:
            await asker.ask(shot.body, timeout=math.inf, headers=shot.headers)  # the cannon has a timeout of its own
        except (Unavailable, UsageError) as error:
            raise NotSent(str(error)) from error
        except Failed:
            return GIVEN_UP
        return WORKED_OFF

    return shoot
