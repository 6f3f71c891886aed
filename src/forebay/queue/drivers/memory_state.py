"""What all who opened one queue in memory share: its messages, where each is, and whose turn is next."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from forebay.clock import Clock
from forebay.disciplines import Discipline
from forebay.message import Message
from forebay.queue.driver import State


class Entry:
    """A message on its way, and where it is."""

    __slots__ = ("attempt", "due", "lease", "message", "owner", "seq", "state")

    def __init__(self, message: Message, seq: int) -> None:
        self.message = message
        self.seq = seq
        self.state = State.WAITING
        self.attempt = 0
        self.due = math.inf  # when the lease or the delay ends
        self.lease: int | None = None
        self.owner: object = None  # the driver that holds the lease

    def seen_at(self, now: float) -> State:
        """Return the state that a receiver would find at this time."""
        return State.WAITING if self.due <= now else self.state


class Shared:
    """What all who opened one name share."""

    def __init__(self, discipline: Discipline, clock: Clock, forget: Callable[[], object]) -> None:
        self.discipline = discipline
        self.clock = clock
        self.users = 0
        self.entries: dict[str, Entry] = {}  # by id: whatever waits, is in work, retries or is dead
        self.number = dict.fromkeys(State, 0)  # of the entries in each state
        self.accepted = self.done = self.discarded = 0
        self.leases = itertools.count(1)
        self.ready = RandomLine() if discipline is Discipline.RANDOM else SortedLine(discipline)
        self._sleeping: list[tuple[float, int, Entry]] = []  # a heap; an entry whose due has changed is passed over
        self._bells: set[asyncio.Event] = set()
        self._forget = forget

    def accept(self, message: Message) -> None:
        """Take a new message in."""
        self.accepted += 1
        entry = self.entries[message.id] = Entry(message, self.accepted)
        self.number[State.WAITING] += 1
        self.make_ready(entry)

    def remove(self, entry: Entry) -> None:
        """Forget an entry that has come to its end."""
        del self.entries[entry.message.id]
        self.number[entry.state] -= 1
        entry.due = math.inf  # its lease must not wake it again

    def discard(self, entries: Iterable[Entry]) -> int:
        """Remove entries by an operator's command; return how many."""
        before = self.discarded
        for entry in entries:
            self.remove(entry)
            self.discarded += 1
        return self.discarded - before

    def move(self, entry: Entry, state: State, due: float = math.inf) -> None:
        """Bring an entry into a state."""
        self.number[entry.state] -= 1
        self.number[state] += 1
        entry.state, entry.due = state, due

    def sleep(self, entry: Entry, state: State, due: float) -> None:
        """Bring an entry into a state that ends at a time."""
        self.move(entry, state, due)
        heapq.heappush(self._sleeping, (due, entry.seq, entry))

    def make_ready(self, entry: Entry) -> None:
        """Put an entry where receivers find it, and wake them."""
        self.move(entry, State.WAITING)
        entry.lease = entry.owner = None
        self.ready.add(entry)
        self.ring()

    def release(self, entry: Entry) -> None:
        """Put an entry back as if it had not been delivered."""
        entry.attempt -= 1
        self.make_ready(entry)

    def promote(self) -> None:
        """Make ready what is due: ended leases keep their attempt, for their worker may have died of the message."""
        while self.next_due() <= self.clock.time():
            self.make_ready(heapq.heappop(self._sleeping)[2])

    def next_due(self) -> float:
        """Return when the next lease or delay ends."""
        while self._sleeping and self._sleeping[0][0] != self._sleeping[0][2].due:
            heapq.heappop(self._sleeping)
        return self._sleeping[0][0] if self._sleeping else math.inf

    def of(self, *states: State) -> list[Entry]:
        """Return the entries in these states."""
        return [entry for entry in self.entries.values() if entry.state in states]

    def dead(self, ids: Iterable[str]) -> list[Entry]:
        """Return the dead among these ids."""
        return [e for id in dict.fromkeys(ids) if (e := self.entries.get(id)) and e.state is State.DEAD]

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """Have a bell that rings when a message becomes ready or somebody leaves."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    def ring(self) -> None:
        """Wake all receivers."""
        for bell in self._bells:
            bell.set()

    def leave(self) -> None:
        """Let one user go; with the last one the queue is gone."""
        self.users -= 1
        self.ring()
        if not self.users:
            self._forget()


class SortedLine:
    """Ready entries, the next one by its discipline first."""

    def __init__(self, discipline: Discipline) -> None:
        self._discipline = discipline
        self._heap: list[tuple[int, int, Entry]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, entry: Entry) -> None:
        """Put an entry where it belongs."""
        by_priority = self._discipline is Discipline.PRIORITY
        seq = -entry.seq if self._discipline is Discipline.LIFO else entry.seq
        heapq.heappush(self._heap, (-entry.message.priority if by_priority else 0, seq, entry))

    def take(self) -> Entry:
        """Remove the next entry."""
        return heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        """Remove all."""
        self._heap.clear()


class RandomLine:
    """Ready entries, each as likely to be the next as any other."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Put an entry anywhere."""
        self._entries.append(entry)

    def take(self) -> Entry:
        """Remove any entry."""
        entries, chosen = self._entries, random.randrange(len(self._entries))
        entries[chosen], entries[-1] = entries[-1], entries[chosen]
        return entries.pop()

    def clear(self) -> None:
        """Remove all."""
        self._entries.clear()
