"""How many messages of a group are where, told by the broker: places, consumers, notes and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from forebay.clock import Clock
from forebay.queue.driver import Counts, Found, State
from forebay.queue.drivers.nats.address import Names
from forebay.queue.drivers.nats.api import Api, Json, Stored
from forebay.queue.drivers.nats.envelope import read_message
from forebay.queue.drivers.nats.letters import Letters
from forebay.queue.drivers.nats.notes import Note, Notes, Tally, is_place, place_of
from forebay.queue.drivers.nats.structures import Way, reissued_before

LOOKS = 5
"""How often it is looked again where the answers, each of its own moment, do not fit together."""


class Ledger:
    """The counts of one group.

    Arguments:
        api: of the broker.
        names: of the topic.
        ways, notes, letters: of the group.
        reissued, discarded: how many were published again, and removed by command.
        clock: tells what is due.
    """

    def __init__(
        self,
        api: Api,
        names: Names,
        ways: Sequence[Way],
        notes: Notes,
        letters: Letters,
        reissued: Tally,
        discarded: Tally,
        clock: Clock,
    ) -> None:
        self._api = api
        self._names = names
        self._ways = ways
        self._notes = notes
        self._letters = letters
        self._reissued = reissued
        self._discarded = discarded
        self._clock = clock

    async def counts(self) -> Counts:
        """Return how many messages are where."""
        for _ in range(LOOKS):
            counts = await self._look()
            if min(counts.done, counts.in_work) >= 0:
                break
        in_work = max(0, counts.in_work)
        rest = counts.accepted - counts.waiting - counts.retrying - counts.dead - counts.discarded
        return Counts(
            accepted=max(counts.accepted, counts.accepted - rest + in_work),
            waiting=counts.waiting,
            in_work=in_work,
            retrying=counts.retrying,
            done=max(0, rest - in_work),
            dead=counts.dead,
            discarded=counts.discarded,
            oldest_seconds=counts.oldest_seconds,
        )

    async def _look(self) -> Counts:
        """Ask once; where things move meanwhile, differences may come out below zero."""
        consumers = await self._consumers()
        notes, dead, reissued, discarded, stream, delayed = await asyncio.gather(
            self._notes.all(),
            self._letters.count(),
            self._reissued.read(),
            self._discarded.read(),
            self._api.ask(f"STREAM.INFO.{self._names.topic}"),
            self._api.ask(f"STREAM.INFO.{self._names.later}"),
        )
        floors = {kind: int(one["ack_floor"]["stream_seq"]) for kind, one in consumers.items()}
        now = self._clock.time()
        put_back = [one for one in notes if not one.held and one.seq > floors[one.kind]]
        retrying = sum(one.due > now for one in put_back)
        pending = {kind: int(one["num_pending"]) for kind, one in consumers.items()}
        waiting = pending["now"] + pending["back"] + len(put_back) - retrying
        in_work = sum(int(one["num_ack_pending"]) for one in consumers.values()) - len(put_back)
        retrying += pending["later"]
        accepted = _since(consumers["now"], stream) + _since(consumers["later"], delayed) - reissued
        accepted += reissued_before(consumers["now"])
        oldest = await self._oldest(consumers, put_back) if waiting or in_work or retrying else now
        return Counts(
            accepted=accepted,
            waiting=waiting,
            in_work=in_work,
            retrying=retrying,
            done=accepted - waiting - in_work - retrying - dead - discarded,
            dead=dead,
            discarded=discarded,
            oldest_seconds=max(0.0, now - oldest),
        )

    async def _consumers(self) -> dict[str, Json]:
        requests: list[tuple[str, Json | None]] = [
            (f"CONSUMER.INFO.{way.stream}.{way.consumer}", None) for way in self._ways
        ]
        answers = await self._api.ask_all(requests)
        told = {}
        for way, answer in zip(self._ways, answers, strict=True):
            if isinstance(answer, Exception):
                raise answer
            told[way.kind] = answer
        return told

    async def _oldest(self, consumers: dict[str, Json], put_back: Sequence[Note]) -> float:
        """Return when the oldest unfinished message was accepted."""
        busy = [way for way in self._ways if _unfinished(consumers[way.kind])]
        floors = {way.kind: consumers[way.kind]["ack_floor"]["stream_seq"] for way in busy}
        firsts = [
            await self._api.message(way.stream, seq=floors[way.kind] + 1, next_by_subj=way.subject) for way in busy
        ]
        times = [self._accepted_at(one) for one in firsts if one is not None]
        return min([*times, *(note.since for note in put_back if note.since)], default=self._clock.time())

    def _accepted_at(self, stored: Stored) -> float:
        return read_message(stored.headers, b"", "", stored.stored_at).accepted_at

    async def find(self, reference: str) -> Found | None:
        """Return where a message is: among the dead letters, noted, or at its place in the stream."""
        id, _, place = reference.rpartition(".")
        if not is_place(place):
            return None
        letter = await self._letters.letter(id)
        if letter is not None:
            return Found(State.DEAD, letter.message.accepted_at, letter.attempts, letter.message.headers)
        found = await self._at(place)
        if found is None and (moved := await self._letters.place_of(id)) is not None:
            found = await self._at(place_of("back", moved))
        return found

    async def _at(self, place: str) -> Found | None:
        kind, _, number = place.partition("-")
        seq = int(number)
        way = next(way for way in self._ways if way.kind == kind)
        stored, [note], consumers = await asyncio.gather(
            self._api.message(way.stream, seq=seq), self._notes.read([place]), self._consumers()
        )
        consumer = consumers[kind]
        if stored is None or seq <= consumer["ack_floor"]["stream_seq"]:
            return None
        message = read_message(stored.headers, b"", "", stored.stored_at)
        if note is not None:
            due = note.due > self._clock.time()
            state = State.IN_WORK if note.held else State.RETRYING if due else State.WAITING
            return Found(state, message.accepted_at, note.attempts, note.headers or message.headers)
        if seq > consumer["delivered"]["stream_seq"]:
            state = State.RETRYING if message.not_before > self._clock.time() else State.WAITING
            return Found(state, message.accepted_at, 0, message.headers)
        return Found(State.IN_WORK, message.accepted_at, 1, message.headers)


def _since(consumer: Json, stream: Json) -> int:
    """Return how many messages a stream has taken since a group began."""
    return int(stream["state"]["last_seq"]) - int(consumer["config"].get("opt_start_seq") or 1) + 1


def _unfinished(consumer: Json) -> int:
    return int(consumer["num_pending"]) + int(consumer["num_ack_pending"])


class OwnLedger:
    """What a subscriber of its own can say: the server counts what waits for it, and itself what it has ended.

    Arguments:
        api: of the broker.
        ways, notes: of the subscriber.
        clock: tells what is due.

    Attributes:
        done, dead: how many it has ended, and given up: those are kept nowhere.
    """

    def __init__(self, api: Api, ways: Sequence[Way], notes: Notes, clock: Clock) -> None:
        self._api = api
        self._ways = ways
        self._notes = notes
        self._clock = clock
        self.done = self.dead = 0

    async def counts(self) -> Counts:
        """Return how many messages are where."""
        told = {way.kind: await self._api.ask(f"CONSUMER.INFO.{way.stream}.{way.consumer}") for way in self._ways}
        put_back = [note for note in await self._notes.all() if not note.held]
        due = sum(note.due <= self._clock.time() for note in put_back)
        waiting = int(told["now"]["num_pending"]) + due
        retrying = int(told["later"]["num_pending"]) + len(put_back) - due
        in_work = max(0, sum(int(one["num_ack_pending"]) for one in told.values()) - len(put_back))
        return Counts(
            accepted=waiting + in_work + retrying + self.done + self.dead,
            waiting=waiting,
            in_work=in_work,
            retrying=retrying,
            done=self.done,
            discarded=self.dead,
        )

    async def find(self, reference: str) -> Found | None:
        """Return None: it knows of no single message."""
        return None
