"""Publishing: a whole batch as one where that is quicker, so that many messages share one write to the disk."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

from forebay.clock import Clock
from forebay.errors import ForebayError, QueueFull, TooLarge, Unavailable
from forebay.message import Message
from forebay.queue.drivers.nats.address import Names
from forebay.queue.drivers.nats.api import Api, ApiError, Missed, refusal
from forebay.queue.drivers.nats.envelope import header_block, lines_of
from forebay.queue.drivers.nats.notes import is_place, place_of
from forebay.queue.drivers.nats.pace import Pace
from forebay.queue.drivers.nats.storing import Place, stored
from forebay.queue.drivers.nats.structures import Structures
from forebay.queue.drivers.nats.wire import LARGER, Frame, Wire

LAG_SECONDS = 0.1
"""How old the known number of waiting messages may be when places are limited."""
ROOM_FOR_STORY = 4_096
"""Bytes that every message leaves free, for the headers that its batch adds, or its story as a dead letter."""


class Publisher:
    """Puts messages into the stream of a topic.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        structures: tells whether batches can be stored as one, and makes the stream anew where it has gone.
        clock: tells whether a message has to wait for its time.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, structures: Structures, clock: Clock) -> None:
        self._wire = wire
        self._api = api
        self._names = names
        self._structures = structures
        self._clock = clock
        self._fresh = f"{names.topic}."
        self._pace = Pace()
        self._published = 0
        self._lag = (-math.inf, 0.0)

    async def publish(self, messages: Sequence[Message], places: float) -> list[str | ForebayError]:
        """Store messages; return the reference of each, or why it was not stored."""
        taken = messages
        if places != math.inf:
            taken = messages[: await self._room(places, len(messages))]
        now = self._clock.time()
        answers = await self._store([self._frame(message, now) for message in taken])
        self._published += len(taken)
        full = f"{self._names.topic}: all {places:g} places are taken"
        references = [
            _reference(message, "later" if message.not_before > now else "now", place)
            for message, place in zip(taken, answers, strict=True)
        ]
        return references + [QueueFull(full) for _ in messages[len(taken) :]]

    def _frame(self, message: Message, now: float) -> Frame:
        if not message.accepted_at:
            message = message.replace(accepted_at=now)
        subject = self._names.delayed if message.not_before > now else self._names.fresh
        return Frame(subject(message.key), message.body, header_block(lines_of(message), message.headers))

    async def _store(self, frames: Sequence[Frame]) -> list[int | ForebayError]:
        """Store frames; once more after the stream has been made anew, for where there is none nothing is stored."""
        largest = self._wire.largest - ROOM_FOR_STORY
        fitting = [frame for frame in frames if len(frame.data) + len(frame.headers) <= largest]
        try:
            places = await self._send(fitting)
        except Unavailable as error:
            return [error] * len(frames)
        if any(isinstance(place, Missed) for place in places):
            places = await self._send_missed(fitting, places)
        told = iter(places)
        return [
            _told(next(told))
            if len(frame.data) + len(frame.headers) <= largest
            else TooLarge(f"a message of {len(frame.data)} bytes; NATS takes {largest}", LARGER)
            for frame in frames
        ]

    async def _send_missed(self, frames: Sequence[Frame], places: Sequence[Place]) -> list[Place]:
        """Store what found no stream in a new one; of the others it is known what became of them."""
        missed = [frame for frame, place in zip(frames, places, strict=True) if isinstance(place, Missed)]
        try:
            await self._structures.make()
            again = iter(await self._send(missed))
        except ForebayError as error:
            again = iter([Unavailable(f"{error}")] * len(missed))
        return [next(again) if isinstance(place, Missed) else place for place in places]

    async def _send(self, frames: Sequence[Frame]) -> list[Place]:
        """Store frames; those that wait for their time have a stream of their own, and a batch has one."""
        can_be_one = self._structures.atomic and all(frame.subject.startswith(self._fresh) for frame in frames)
        as_one = can_be_one and self._pace.prefers_one(len(frames))
        began = time.perf_counter()
        places = await stored(self._wire, frames, self._names.topic, as_one=as_one)
        if all(isinstance(place, int) for place in places):
            self._pace.note(len(frames), as_one, time.perf_counter() - began)
        return places

    async def _room(self, places: float, wanted: int) -> int:
        """Return how many messages may still come; what other processes publish meanwhile is not known."""
        known_at, waiting = self._lag
        now = asyncio.get_running_loop().time()
        if now - known_at > LAG_SECONDS or waiting + self._published + wanted > places:
            published = self._published
            waiting = await fullest(self._api, self._names) - published
            self._lag = (now, waiting)
        return max(0, min(wanted, int(places - waiting - self._published)))


async def fullest(api: Api, names: Names) -> int:
    """Return how many messages wait in the durable group that has the most; those tried again are counted with them."""
    consumers, delayed, notes = await asyncio.gather(
        api.consumers(names.topic), api.consumers(names.later), api.subjects(names.notes, names.note("*", "*"))
    )
    waiting: dict[str, int] = {}
    for consumer in [*consumers, *delayed]:
        if durable := consumer["config"].get("durable_name"):
            group = group_of(durable)
            waiting[group] = waiting.get(group, 0) + int(consumer["num_pending"])
    for name in notes:
        _, group, what = name.split(".")
        if is_place(what) and group in waiting:
            waiting[group] += 1
    return max(waiting.values(), default=0)


def group_of(consumer: str) -> str:
    """Return the group that a consumer serves."""
    return consumer.partition("-")[2] if consumer.startswith("_") else consumer


def _told(place: Place) -> int | ForebayError:
    return refusal(place) if isinstance(place, ApiError | Missed) else place


def _reference(message: Message, kind: str, place: int | ForebayError) -> str | ForebayError:
    return f"{message.id}.{place_of(kind, place)}" if isinstance(place, int) else place
