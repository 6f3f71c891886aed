"""Delays, kept by the broker: a ladder of queues, each with a time to live twice that of the one below.

A message waits in the step that fits its delay and is moved by the broker itself, confirmed, to where it is to be
delivered. One that fits no step well waits in the longest that is not too long, and whoever then receives it before
its time puts it on the ladder again. The steps are made when they are first needed, and for each a note is laid into a
queue that everybody knows, so that all who count know how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from pamqp import commands

from forebay.message import Message
from forebay.queue.drivers.rabbitmq.address import QUORUM
from forebay.queue.drivers.rabbitmq.frames import publish_method
from forebay.queue.drivers.rabbitmq.link import Link, answered, count_of
from forebay.queue.drivers.rabbitmq.publisher import Letter, Publisher
from forebay.queue.drivers.rabbitmq.records import content_of
from forebay.queue.drivers.rabbitmq.topology import message_count

FIRST_STEP = 0.1
STEPS = 16
"""The longest is FIRST_STEP * 2 ** 15: 55 minutes; a longer delay takes it several times."""
SLACK_SECONDS, SLACK_SHARE = 0.4, 0.2
"""A step may be longer than what is left of a delay by so much; never shorter, at the end."""


def step_for(seconds: float) -> int:
    """Return the step for a delay: the shortest that is long enough, unless it is far too long; then one below it."""
    step = next((n for n in range(STEPS) if lasting(n) >= seconds), STEPS)
    if step == STEPS or (step and lasting(step) - seconds > max(SLACK_SECONDS, seconds * SLACK_SHARE)):
        return step - 1
    return step


def lasting(step: int) -> float:
    """Return the seconds of a step."""
    return FIRST_STEP * 2.0**step


class Target(msgspec.Struct, frozen=True):
    """Where messages go when their delay is over.

    Arguments:
        exchange: its name; empty: straight to a queue.
        routing_key: the name of that queue.
    """

    exchange: str
    routing_key: str


class Ladder:
    """The steps of one target.

    Arguments:
        link: for questions.
        publisher: for the notes.
        name: the queue of notes; with a dot and a number, that of a step.
        target: where messages go.
    """

    def __init__(self, link: Link, publisher: Publisher, name: str, target: Target) -> None:
        self._link = link
        self._publisher = publisher
        self._name = name
        self._target = target
        self._made = 0
        self._lock = asyncio.Lock()

    async def way(self, seconds: float) -> bytes:
        """Return where to publish what is due after so many seconds; the step exists then.

        Raises:
            Unavailable: the broker does not answer.
        """
        step = step_for(seconds)
        if step >= self._made:
            async with self._lock:
                await self._make(step + 1)
        return publish_method("", f"{self._name}.{step}")

    def forget(self) -> None:
        """Look anew at what is there: somebody has deleted a step."""
        self._made = 0

    async def count(self) -> int:
        """Return how many messages wait on the steps."""
        async with self._link.asking() as channel:
            self._made = await self._noted(channel)
            counts = [message_count(channel, f"{self._name}.{n}", self._arguments(n)) for n in range(self._made)]
            return sum(await asyncio.gather(*counts))

    async def purge(self) -> int:
        """Remove all that waits on the steps; return how many."""
        await self.count()  # makes what is missing
        async with self._link.asking() as channel:
            answers = [channel.ask(commands.Queue.Purge(queue=f"{self._name}.{n}")) for n in range(self._made)]
            purged = [await answered(answer) for answer in answers]
        return sum(map(count_of, purged))

    async def _make(self, steps: int) -> None:
        async with self._link.asking() as channel:
            noted = await self._noted(channel)
            for n in range(steps):
                await message_count(channel, f"{self._name}.{n}", self._arguments(n))
        note = (publish_method("", self._name), content_of(Message("note", b""), self._publisher.frame_max))
        notes: list[Letter] = [note] * (steps - noted)
        for error in await self._publisher.insist(notes):
            if error is not None:
                raise error
        self._made = max(self._made, steps)

    async def _noted(self, channel: Any) -> int:
        return min(await message_count(channel, self._name), STEPS)

    def _arguments(self, step: int) -> Mapping[str, Any]:
        return {
            **QUORUM,
            "x-message-ttl": round(lasting(step) * 1000),
            "x-dead-letter-exchange": self._target.exchange,
            "x-dead-letter-routing-key": self._target.routing_key,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
