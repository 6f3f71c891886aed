"""Strict order: a message has its turn when it is the first of its key that its group has not finished.

The subject of a message tells its key, and the last one that the group has finished is kept as a mark, one for each
key: so the server itself can be asked which message of a key is the first behind its mark. Nobody owns a key: a message
is leased to one process, and only the first of a key is let through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from forebay.disciplines import Order
from forebay.queue.driver import Delivery
from forebay.queue.drivers.nats.address import NO_KEY, Names, key_token
from forebay.queue.drivers.nats.api import Api, Stored, found, seconds_of
from forebay.queue.drivers.nats.storing import confirmed
from forebay.queue.drivers.nats.structures import ways_of
from forebay.queue.drivers.nats.wire import Frame, Wire

ALL = "all"
"""The line that all messages of a topic stand in when the order is that of the partition."""


class _Mark(NamedTuple):
    """The last message of a line that the group has finished: its place, and when it was stored there."""

    seq: int = 0
    stored_at: float = 0.0

    def covers(self, delivery: Delivery) -> bool:
        return bool(delivery.handle.seq <= self.seq and delivery.handle.stored_at <= self.stored_at)

    @classmethod
    def read(cls, stored: Stored | None, created: float) -> _Mark:
        """Return what is marked; a mark of a stream that was there before this one says nothing of it."""
        if stored is None:
            return cls()
        seq, stored_at = stored.data.split()
        return cls(int(seq), float(stored_at)) if float(stored_at) >= created else cls()


class Turns:
    """Whose turn it is in one group.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        group: which works it off.
        order: of keys, or of the whole topic.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, group: str, order: Order) -> None:
        self._wire = wire
        self._api = api
        self._names = names
        self._group = group
        self._by_key = order is Order.KEY
        self._signal = f"forebay.turn.{names.topic}.{group}"

    def line(self, delivery: Delivery) -> str:
        """Return the line that a message stands in; NO_KEY: none."""
        return key_token(delivery.message.key) if self._by_key else ALL

    async def sort(self, deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery], list[Delivery]]:
        """Return those whose turn it is, those that were finished before, and those that have to wait."""
        going = [one for one in deliveries if self.line(one) == NO_KEY]
        lines: dict[str, list[Delivery]] = {}
        for one in sorted(deliveries, key=lambda one: one.handle.seq):
            if (line := self.line(one)) != NO_KEY:
                lines.setdefault(line, []).append(one)
        finished: list[Delivery] = []
        staying: list[Delivery] = []
        if not lines:
            return going, finished, staying
        marks, floors = await asyncio.gather(self._marks(lines), self._floors())
        firsts = await self._firsts(marks, floors)
        for (line, waiting), first in zip(lines.items(), firsts, strict=True):
            passed = False
            for one in waiting:
                seq = one.handle.seq
                if marks[line].covers(one):
                    finished.append(one)  # its end was marked, and the server has not heard of it
                elif not passed and (first is None or seq <= first):
                    going.append(one)
                    passed = True
                else:
                    staying.append(one)
        return going, finished, staying

    async def _marks(self, lines: Iterable[str]) -> dict[str, _Mark]:
        """Return the last finished place of each line."""
        names = list(lines)
        wheres = [{"last_by_subj": self._mark(line)} for line in names]
        stored, stream = await asyncio.gather(
            self._api.messages(self._names.notes, wheres), self._api.ask(f"STREAM.INFO.{self._names.topic}")
        )
        created = seconds_of(stream["created"])
        return {line: _Mark.read(one, created) for line, one in zip(names, stored, strict=True)}

    async def _firsts(self, marks: Mapping[str, _Mark], floors: Mapping[str, int]) -> list[int | None]:
        """Return the place of the first unfinished message of each line behind its mark."""
        wheres = []
        for line, mark in marks.items():
            token = "*" if line == ALL else line
            for kind, under in (("now", "now"), ("back", f"back.{self._group}")):
                after = max(mark.seq, floors.get(kind, 0))
                wheres.append({"seq": after + 1, "next_by_subj": f"{self._names.topic}.{under}.{token}"})
        found = [one.seq if one is not None else None for one in await self._api.messages(self._names.topic, wheres)]
        return [
            min((seq for seq in pair if seq is not None), default=None)
            for pair in zip(found[::2], found[1::2], strict=True)
        ]

    async def _floors(self) -> dict[str, int]:
        """Return up to where all is acknowledged, though there be no mark: what was purged, or taken without order."""
        ways = [way for way in ways_of(self._names, self._group) if way.kind != "later"]
        told = await self._api.ask_all([(f"CONSUMER.INFO.{way.stream}.{way.consumer}", None) for way in ways])
        infos = [found(one) for one in told]
        return {
            way.kind: max(int(info["ack_floor"]["stream_seq"]), int(info["config"].get("opt_start_seq") or 1) - 1)
            for way, info in zip(ways, infos, strict=True)
            if info is not None
        }

    async def finish(self, deliveries: Sequence[Delivery]) -> None:
        """Mark messages as finished, before the server is told.

        Raises:
            Unavailable, Unknown: it is not certain that they are marked.
        """
        marks: dict[str, _Mark] = {}
        for one in deliveries:
            if (line := self.line(one)) != NO_KEY:
                marks[line] = max(marks.get(line, _Mark()), _Mark(one.handle.seq, one.handle.stored_at))
        frames = [Frame(self._mark(line), f"{seq} {at!r}".encode()) for line, (seq, at) in marks.items()]
        await confirmed(self._wire, frames, "the mark of a key")

    def listen(self, hear: Callable[[], None]) -> None:
        """Let `hear` be called whenever some process has finished a message of this group."""
        self._wire.listen(self._signal, lambda *_: hear(), lasting=True)

    def tell(self) -> None:
        """Let all processes of the group know that messages are finished; who misses it looks by and by."""
        self._wire.send([Frame(self._signal).written()])

    def _mark(self, line: str) -> str:
        return self._names.note(self._group, f"mark-{line}")
