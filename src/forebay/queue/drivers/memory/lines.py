"""Whose turn is next: messages in the order of a discipline, or strictly one after the other.

A line hears of every change of an entry's state, and gives the next of those that wait.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Protocol

from forebay.disciplines import Discipline, Order
from forebay.message import Message
from forebay.queue.driver import State


class Entry:
    """A message on its way through one group, and where it is."""

    __slots__ = ("attempt", "due", "lease", "message", "owner", "seq", "state")

    def __init__(self, message: Message, seq: int) -> None:
        self.message = message
        self.seq = seq
        self.state: State | None = None  # not yet, or no longer, in the queue
        self.attempt = 0
        self.due = float("inf")  # when the lease or the delay ends
        self.lease: int | None = None
        self.owner: object = None  # the driver that holds the lease

    def seen_at(self, now: float) -> State:
        """Return the state that a receiver would find at this time, of an entry that is in the queue."""
        return State.WAITING if self.due <= now else self.state or State.WAITING


class Line(Protocol):
    """Entries that wait, one of which is the next."""

    def moved(self, entry: Entry, before: State | None) -> None:
        """Hear that an entry came into its state out of another."""
        ...

    def take(self) -> Entry | None:
        """Return the next entry, which leaves the line and is brought into another state at once."""
        ...

    def clear(self) -> None:
        """Forget who waits: they have been removed."""
        ...


def line_of(discipline: Discipline, order: Order) -> Line:
    """Return an empty line."""
    if order is not Order.NONE:
        return OrderedLine(order)
    return RandomLine() if discipline is Discipline.RANDOM else SortedLine(discipline)


class SortedLine:
    """The next one by its discipline first."""

    def __init__(self, discipline: Discipline) -> None:
        self._discipline = discipline
        self._heap: list[tuple[int, int, Entry]] = []

    def moved(self, entry: Entry, before: State | None) -> None:
        """Put an entry that waits where it belongs."""
        if entry.state is State.WAITING:
            by_priority = self._discipline is Discipline.PRIORITY
            seq = -entry.seq if self._discipline is Discipline.LIFO else entry.seq
            heapq.heappush(self._heap, (-entry.message.priority if by_priority else 0, seq, entry))

    def take(self) -> Entry | None:
        """Return the next entry."""
        return heapq.heappop(self._heap)[2] if self._heap else None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()


class RandomLine:
    """Each as likely to be the next as any other."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def moved(self, entry: Entry, before: State | None) -> None:
        """Put an entry that waits anywhere."""
        if entry.state is State.WAITING:
            self._entries.append(entry)

    def take(self) -> Entry | None:
        """Return any entry."""
        if not self._entries:
            return None
        entries, chosen = self._entries, random.randrange(len(self._entries))
        entries[chosen], entries[-1] = entries[-1], entries[chosen]
        return entries.pop()

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()


class Lane:
    """The unfinished messages of one key."""

    __slots__ = ("in_work", "seqs")

    def __init__(self) -> None:
        self.in_work = 0
        self.seqs: list[int] = []  # a heap; those that have ended are dropped when they come to its head


class OrderedLine:
    """Of each key the oldest unfinished one, when it waits and nothing of its key is in work.

    What may go is offered; whether it still may is asked again when its turn has come, since a dead letter that was
    returned meanwhile goes first.
    """

    def __init__(self, order: Order) -> None:
        self._key_of: Callable[[Message], str | None] = (
            (lambda message: message.key) if order is Order.KEY else (lambda message: "")
        )
        self._unfinished: dict[int, Entry] = {}
        self._lanes: dict[str, Lane] = {}
        self._offered: list[int] = []

    def moved(self, entry: Entry, before: State | None) -> None:
        """Keep the lane of the entry's key, and offer the one that may go."""
        key = self._key_of(entry.message)
        begins = self._keep(entry)
        if key is None:
            if entry.state is State.WAITING:
                heapq.heappush(self._offered, entry.seq)
            return
        lane = self._lanes.setdefault(key, Lane())
        if begins:
            heapq.heappush(lane.seqs, entry.seq)
        lane.in_work += (entry.state is State.IN_WORK) - (before is State.IN_WORK)
        head = self._head(lane)
        if head is None:
            del self._lanes[key]
        elif self._may_go(head, lane):
            heapq.heappush(self._offered, head.seq)

    def take(self) -> Entry | None:
        """Return the oldest entry that may go."""
        while self._offered:
            entry = self._unfinished.get(heapq.heappop(self._offered))
            if entry is not None:
                key = self._key_of(entry.message)
                if self._may_go(entry, None if key is None else self._lanes[key]):
                    return entry
        return None

    def clear(self) -> None:
        """Forget what was offered."""
        self._offered.clear()

    def _keep(self, entry: Entry) -> bool:
        """Remember an entry until it has ended; return whether it is new (or begins anew)."""
        if entry.state is None or entry.state is State.DEAD:
            self._unfinished.pop(entry.seq, None)
            return False
        begins = entry.seq not in self._unfinished
        self._unfinished[entry.seq] = entry
        return begins

    def _head(self, lane: Lane) -> Entry | None:
        while lane.seqs and lane.seqs[0] not in self._unfinished:
            heapq.heappop(lane.seqs)
        return self._unfinished[lane.seqs[0]] if lane.seqs else None

    def _may_go(self, entry: Entry, lane: Lane | None) -> bool:
        alone = lane is None or (lane.in_work == 0 and self._head(lane) is entry)
        return alone and entry.state is State.WAITING
