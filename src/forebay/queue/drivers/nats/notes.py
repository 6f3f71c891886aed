"""What must be known of a message that is tried again, beside its broker's own count of deliveries.

A note is written, and confirmed, before the message is given back: were the giving back lost, it would come again when
its lease ends, with the same attempts and headers. A message that is done at the first attempt has no note at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from forebay.errors import ForebayError
from forebay.queue.drivers.nats.address import Names
from forebay.queue.drivers.nats.api import Api, stored_at
from forebay.queue.drivers.nats.storing import confirmed
from forebay.queue.drivers.nats.wire import Frame, Wire

KINDS = frozenset({"now", "back", "later"})
MOMENT = 1e-6
"""Seconds; two messages that are stored at one place of a stream, and of the one that follows it, lie further apart."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one message in one group.

    Arguments:
        place: of the message, see `place_of`.
        deliveries: which the server had counted when this was written.
        attempts: of these, how many were attempts.
        held: it is in work; else it waits, until `due`.
        due: seconds since the epoch.
        headers: that replace its own.
        ack: by this it can be taken away though nobody holds it.
        since: when the message was accepted.
    """

    place: str
    deliveries: int
    attempts: int
    held: bool = False
    due: float = 0.0
    headers: dict[str, str] | None = None
    ack: str = ""
    since: float = 0.0

    @property
    def kind(self) -> str:
        """The kind of way through which the message comes."""
        return self.place.partition("-")[0]

    @property
    def seq(self) -> int:
        """The place of the message in its stream."""
        return int(self.place.partition("-")[2])

    def is_of(self, stored_at: float) -> bool:
        """Whether it speaks of the message that was stored then; in a stream made anew the place is another's."""
        return abs(stored_time(self.ack.encode()) - stored_at) < MOMENT

    def attempt(self, deliveries: int) -> int:
        """Return the number of the attempt that a later delivery is."""
        return self.attempts + max(1, deliveries - self.deliveries)


def numbers_of(ack: bytes) -> list[int]:
    """Return what the address of an acknowledgement tells: deliveries, place in the stream and among them, time."""
    parts = ack.split(b".")
    first = 4 if len(parts) == 9 else 6  # newer servers put domain and account before
    return [int(part) for part in parts[first : first + 4]]


def stored_time(ack: bytes) -> float:
    """Return when a message was stored, in seconds since the epoch."""
    return numbers_of(ack)[3] / 1e9


def place_of(kind: str, seq: int) -> str:
    """Return what a message of a group is known by: ``now-17``, ``later-3``."""
    return f"{kind}-{seq}"


def is_place(token: str) -> bool:
    """Whether a token names a message; other notes are marks and numbers."""
    kind, _, seq = token.partition("-")
    return kind in KINDS and seq.isdigit()


class Notes(Protocol):
    """Notes on the messages of one group."""

    async def read(self, places: Sequence[str]) -> list[Note | None]:
        """Return what is noted of each message."""
        ...

    async def write(self, notes: Sequence[Note]) -> None:
        """Write notes durably.

        Raises:
            Unavailable, Unknown: not all of them are; to write them again does no harm.
        """
        ...

    async def tear(self, places: Sequence[str]) -> None:
        """Remove the notes on messages that have come to their end."""
        ...

    async def all(self) -> list[Note]:
        """Return all notes."""
        ...


class OwnNotes:
    """Notes of a subscriber of its own, which end with it."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    async def read(self, places: Sequence[str]) -> list[Note | None]:
        """Return what is noted of each message."""
        return [self._notes.get(place) for place in places]

    async def write(self, notes: Sequence[Note]) -> None:
        """Write notes."""
        self._notes.update((note.place, note) for note in notes)

    async def tear(self, places: Sequence[str]) -> None:
        """Remove notes."""
        for place in places:
            self._notes.pop(place, None)

    async def all(self) -> list[Note]:
        """Return all notes."""
        return list(self._notes.values())


class StreamNotes:
    """Notes in a stream that keeps the last one of each message.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        group: whose notes they are.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, group: str) -> None:
        self._wire = wire
        self._api = api
        self._names = names
        self._group = group

    async def read(self, places: Sequence[str]) -> list[Note | None]:
        """Return what is noted of each message."""
        wheres = [{"last_by_subj": self._names.note(self._group, place)} for place in places]
        stored = await self._api.messages(self._names.notes, wheres)
        return [None if one is None else msgspec.json.decode(one.data, type=Note) for one in stored]

    async def write(self, notes: Sequence[Note]) -> None:
        """Write notes durably."""
        frames = [Frame(self._names.note(self._group, note.place), msgspec.json.encode(note)) for note in notes]
        await confirmed(self._wire, frames, "a note on a message")

    async def tear(self, places: Sequence[str]) -> None:
        """Remove notes."""
        await self._api.ask_all(
            [
                (f"STREAM.PURGE.{self._names.notes}", {"filter": self._names.note(self._group, place)})
                for place in places
            ]
        )

    async def all(self) -> list[Note]:
        """Return all notes; one that goes meanwhile may be missing."""
        subjects = await self._api.subjects(self._names.notes, self._names.note(self._group, "*"))
        places = [token for token in (name.rpartition(".")[2] for name in subjects) if is_place(token)]
        return [note for note in await self.read(places) if note is not None]


class Tally:
    """A number in the stream of notes, which several processes may raise.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        group, what: whose number of what.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, group: str, what: str) -> None:
        self._wire = wire
        self._api = api
        self._stream = names.notes
        self._subject = names.note(group, what)

    async def read(self) -> int:
        """Return the number."""
        return (await self._last())[0]

    async def _last(self) -> tuple[int, int]:
        stored = await self._api.message(self._stream, last_by_subj=self._subject)
        return (int(stored.data), stored.seq) if stored is not None else (0, 0)

    async def add(self, count: int) -> None:
        """Raise the number, whoever else does so meanwhile."""
        while count:
            number, seq = await self._last()
            headers = f"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: {seq}\r\n\r\n".encode()
            [heard] = await self._wire.ask([Frame(self._subject, str(number + count).encode(), headers)])
            place = stored_at(heard, self._subject)
            if isinstance(place, int):
                return
            if isinstance(place, ForebayError):
                raise place
