"""Strict order: a message has its turn when it is the first of its key that its group has not finished.

The subject of a message tells its key, and the stream forgets what every group has finished: so the server itself can
be asked which message of a key is the first. What this group has finished and another has not yet is kept as a mark,
one for each key. Nobody owns a key: a message is leased to one process, and only the first of a key is let through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from forebay.disciplines import Order
from forebay.queue.driver import Delivery
from forebay.queue.drivers.nats.address import NO_KEY, Names, key_token
from forebay.queue.drivers.nats.api import Api
from forebay.queue.drivers.nats.notes import confirmed
from forebay.queue.drivers.nats.wire import Frame, Wire

ALL = "all"
"""The line that all messages of a topic stand in when the order is that of the partition."""


class Turns:
    """Whose turn it is in one group.

    Arguments:
        wire, api: to the broker.
        names: of the topic.
        group: which works it off.
        order: of keys, or of the whole topic.
        begin: the place before which the group has nothing to do.
    """

    def __init__(self, wire: Wire, api: Api, names: Names, group: str, order: Order, begin: int) -> None:
        self._wire = wire
        self._api = api
        self._names = names
        self._group = group
        self._by_key = order is Order.KEY
        self._begin = begin

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
        marks = await self._marks(lines)
        firsts = await asyncio.gather(*(self._first(line, marks[line]) for line in lines))
        for (line, waiting), first in zip(lines.items(), firsts, strict=True):
            for one in waiting:
                seq = one.handle.seq
                if seq == first:
                    going.append(one)
                elif seq <= marks[line] or first is None:
                    finished.append(one)
                else:
                    staying.append(one)
        return going, finished, staying

    async def _marks(self, lines: Iterable[str]) -> dict[str, int]:
        """Return the last finished place of each line."""
        names = list(lines)
        wheres = [{"last_by_subj": self._mark(line)} for line in names]
        stored = await self._api.messages(self._names.notes, wheres)
        return {
            line: max(self._begin - 1, int(one.data) if one is not None else 0)
            for line, one in zip(names, stored, strict=True)
        }

    async def _first(self, line: str, after: int) -> int | None:
        """Return the place of the first message of a line behind one place."""
        subject = f"{self._names.topic}.*.*.{'*' if line == ALL else line}"
        while True:
            found = await self._api.message(self._names.topic, seq=after + 1, next_by_subj=subject)
            if found is None:
                return None
            _, kind, group, _ = found.subject.split(".")
            if kind == "now" or (kind == "back" and group == self._group):
                return found.seq
            after = found.seq  # it waits for its time, or is of no concern to this group

    async def finish(self, deliveries: Sequence[Delivery]) -> None:
        """Mark messages as finished, before the server is told.

        Raises:
            Unavailable, Unknown: it is not certain that they are marked.
        """
        places: dict[str, int] = {}
        for one in deliveries:
            if (line := self.line(one)) != NO_KEY:
                places[line] = max(places.get(line, 0), one.handle.seq)
        frames = [Frame(self._mark(line), str(seq).encode()) for line, seq in places.items()]
        await confirmed(self._wire, frames, "the mark of a key")

    def _mark(self, line: str) -> str:
        return self._names.note(self._group, f"mark-{line}")
