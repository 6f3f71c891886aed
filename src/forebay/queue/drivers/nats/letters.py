"""Dead letters: a stream in which each message of each group has at most one, until it is returned or dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from forebay.message import Message, new_id
from forebay.queue.driver import DeadLetter, Delivery
from forebay.queue.drivers.nats.address import Names, id_of
from forebay.queue.drivers.nats.api import Api, Stored
from forebay.queue.drivers.nats.envelope import (
    ATTEMPTS,
    MESSAGE_ID,
    attempts_of,
    header_block,
    lines_of,
    read_message,
)
from forebay.queue.drivers.nats.notes import Tally
from forebay.queue.drivers.nats.storing import confirmed
from forebay.queue.drivers.nats.wire import Frame, Wire
from forebay.queue.headers import ID

log = logging.getLogger("forebay.queue.nats")


MOST_HEADERS = 65_000
"""Bytes; the server's own limit lies a little above."""
ROOM_FOR_BATCH = 200
"""Bytes of the headers that tell a batch."""


class Letters:
    """The dead letters of one group.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        group: whose they are.
        reissued: counts messages that were published again.
        discarded: counts those that were dropped.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, group: str, reissued: Tally, discarded: Tally) -> None:
        self._wire = wire
        self._api = api
        self._names = names
        self._group = group
        self._reissued = reissued
        self._discarded = discarded
        self._deciding = asyncio.Lock()

    async def bury(self, dead: Sequence[Delivery]) -> None:
        """Make dead letters durable; to do it twice is to do it once.

        Raises:
            Unavailable, Unknown: not all of them are.
        """
        frames = []
        for one in dead:
            message = one.message
            lines = {**lines_of(message), ID: message.id, ATTEMPTS: str(one.attempt)}
            del lines[MESSAGE_ID]  # it may have been buried, returned and be buried again within two minutes
            subject = self._names.letter(self._group, message.id)
            room = min(MOST_HEADERS, self._wire.largest - ROOM_FOR_BATCH - len(message.body))
            frames.append(Frame(subject, message.body, _block_within(room, lines, message.headers)))
        await confirmed(self._wire, frames, self._names.dead)

    async def count(self) -> int:
        """Return how many there are."""
        return len(await self._tokens())

    async def page(self, limit: int, after: str) -> list[DeadLetter]:
        """Return dead letters in the order of their ids."""
        ids = sorted(id for id in map(id_of, await self._tokens()) if id > after)[:limit]
        return [self._letter(one) for one in await self._stored(ids) if one is not None]

    async def letter(self, id: str) -> DeadLetter | None:
        """Return one dead letter, where it is one."""
        [stored] = await self._stored([id])
        return None if stored is None else self._letter(stored)

    async def give_back(self, ids: Sequence[str]) -> int:
        """Publish dead letters to this group again, durably, and only then remove them."""
        async with self._deciding:
            lying = await self._lying(ids)
            frames = []
            for one in lying:
                message = self._letter(one).message
                again = f"{self._group}.{one.seq}.{message.id}"  # the same letter, returned twice, is one message
                lines = {**lines_of(message.replace(id=again)), ID: message.id}
                subject = self._names.back(self._group, message.key)
                frames.append(Frame(subject, message.body, header_block(lines, message.headers)))
            places = await confirmed(self._wire, frames, self._names.topic)
            moved = [
                Frame(self._moved(self._letter(one).message), str(place).encode())
                for one, place in zip(lying, places, strict=True)
            ]
            await confirmed(self._wire, moved, self._names.notes)
            await self._reissued.add(len(lying))
            await self._remove(lying)
            return len(lying)

    async def drop(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        async with self._deciding:
            lying = await self._lying(ids)
            await self._remove(lying)
            await self._discarded.add(len(lying))
            return len(lying)

    async def place_of(self, id: str) -> int | None:
        """Return where a returned dead letter was published again."""
        note = self._moved(Message(id, b""))
        stored = await self._api.message(self._names.notes, last_by_subj=note)
        return None if stored is None else int(stored.data)

    def _moved(self, message: Message) -> str:
        return self._names.note(self._group, f"moved-{self._names.letter('', message.id).rpartition('.')[2]}")

    async def _tokens(self) -> list[str]:
        subject = f"{self._names.dead}.{self._group}.*"
        return [name.rpartition(".")[2] for name in await self._api.subjects(self._names.dead, subject)]

    async def _stored(self, ids: Sequence[str]) -> list[Stored | None]:
        wheres = [{"last_by_subj": self._names.letter(self._group, id)} for id in ids]
        return await self._api.messages(self._names.dead, wheres) if wheres else []

    async def _lying(self, ids: Sequence[str]) -> list[Stored]:
        return [one for one in await self._stored(list(dict.fromkeys(ids))) if one is not None]

    def _letter(self, stored: Stored) -> DeadLetter:
        message = read_message(stored.headers, stored.data, new_id(), stored.stored_at)
        return DeadLetter(message, attempts_of(stored.headers))

    async def _remove(self, lying: Sequence[Stored]) -> None:
        await self._api.ask_all(
            [(f"STREAM.PURGE.{self._names.dead}", {"filter": one.subject, "seq": one.seq + 1}) for one in lying]
        )


def _block_within(room: int, lines: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """Return a header block of so many bytes at most, without the longest headers where there is no room for all."""
    block, left = header_block(lines, headers), dict(headers)
    while len(block) > room and left:
        name = max(left, key=lambda name: len(left[name]))
        log.warning("a dead letter has no room for its header %s: %.100s", name, left.pop(name))
        block = header_block(lines, left)
    return block
