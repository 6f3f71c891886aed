"""What one group still has to work off: its messages, where each is, and who waits for them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from forebay.clock import Clock
from forebay.disciplines import Discipline, Order
from forebay.errors import UsageError
from forebay.message import Message
from forebay.queue.driver import Counts, State
from forebay.queue.drivers.memory.lines import Entry, line_of


class Group:
    """The queue of one group; every group of a topic has all its messages."""

    def __init__(self, name: str, discipline: Discipline, clock: Clock) -> None:
        self.name = name
        self.discipline = discipline
        self.order = Order.NONE
        self.removed = False
        self.clock = clock
        self.entries: dict[str, Entry] = {}  # by id: whatever waits, is in work, retries or is dead
        self.accepted = self.done = self.discarded = 0
        self.leases = itertools.count(1)
        self.line = line_of(discipline, Order.NONE)
        self._number: Counter[State | None] = Counter()  # of the entries in each state
        self._sleeping: list[tuple[float, int, Entry]] = []  # a heap; an entry whose due has changed is passed over
        self._bells: set[asyncio.Event] = set()

    @property
    def waiting(self) -> int:
        """How many places are taken: what waits, and what waits for its time."""
        return self._number[State.WAITING] + self._number[State.RETRYING]

    def keep_order(self, order: Order) -> None:
        """Work the messages off in this order from now on, whoever takes them.

        Raises:
            UsageError: the group keeps another order and is not empty, or the discipline is not FIFO.
        """
        if order in {Order.NONE, self.order}:
            return
        if self.discipline is not Discipline.FIFO:
            raise UsageError(f"the topic is {self.discipline}, and an order needs fifo", "leave the order out")
        if self.order is not Order.NONE and self.entries:
            raise UsageError(
                f"the group {self.name!r} keeps order={self.order}, and is not empty",
                f"take order={self.order}, or drain it first",
            )
        self.order, self.line = order, line_of(self.discipline, order)
        for entry in self.entries.values():
            self.line.moved(entry, None)

    def accept(self, message: Message) -> None:
        """Take a new message in; one that is for later sleeps until then."""
        self.accepted += 1
        entry = self.entries[message.id] = Entry(message, self.accepted)
        if message.not_before > self.clock.time():
            self.sleep(entry, State.RETRYING, message.not_before)
        else:
            self.make_ready(entry)

    def remove(self, entry: Entry) -> None:
        """Forget an entry that has come to its end."""
        del self.entries[entry.message.id]
        self.move(entry, None)

    def discard(self, entries: Iterable[Entry]) -> int:
        """Remove entries by an operator's command; return how many."""
        before = self.discarded
        for entry in entries:
            self.remove(entry)
            self.discarded += 1
        return self.discarded - before

    def move(self, entry: Entry, state: State | None, due: float = math.inf) -> None:
        """Bring an entry into a state."""
        before = entry.state
        self._number[before] -= 1
        self._number[state] += 1
        entry.state, entry.due = state, due
        self.line.moved(entry, before)
        if self.order is not Order.NONE:
            self.ring()  # whatever ends or rests may let the next of its key go

    def sleep(self, entry: Entry, state: State, due: float) -> None:
        """Bring an entry into a state that ends at a time, and wake receivers, who may wait for a later time."""
        heapq.heappush(self._sleeping, (due, entry.seq, entry))
        self.move(entry, state, due)
        if state is State.RETRYING:
            self.ring()

    def make_ready(self, entry: Entry) -> None:
        """Put an entry where receivers find it, and wake them."""
        entry.lease = entry.owner = None
        self.move(entry, State.WAITING)
        self.ring()

    def release(self, entry: Entry) -> None:
        """Put an entry back as if it had not been delivered."""
        entry.attempt -= 1
        self.make_ready(entry)

    def release_all_of(self, owner: object) -> None:
        """Put back whatever is leased to one who leaves, and wake all who wait."""
        for entry in self.of(State.IN_WORK):
            if entry.owner is owner:
                self.release(entry)
        self.ring()

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

    def counts(self) -> Counts:
        """Count the entries one by one, and compare them with what was counted at the door."""
        now = self.clock.time()
        states = Counter(entry.seen_at(now) for entry in self.entries.values())
        unfinished = (e.message.accepted_at for e in self.entries.values() if e.state is not State.DEAD)
        return Counts(
            accepted=self.accepted,
            waiting=states[State.WAITING],
            in_work=states[State.IN_WORK],
            retrying=states[State.RETRYING],
            done=self.done,
            dead=states[State.DEAD],
            discarded=self.discarded,
            oldest_seconds=max(0.0, now - min(unfinished, default=now)),
        )

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
