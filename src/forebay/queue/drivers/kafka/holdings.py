"""What this process holds of the partitions assigned to it: ready, in hand, or waiting for its next attempt.

Two threads meet here, the poller that brings records and the loop that hands them out and ends them; everything is
under one lock, taken once for a batch.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.kafka.assignment import Assignment, Lease, Part


class Tally:
    """How far one partition is worked off by this process.

    Arguments:
        position: the one that may be committed; None: nothing has come yet.
        finished_beyond: messages above it that have ended.
        in_hand: messages that are in work.
    """

    __slots__ = ("finished_beyond", "in_hand", "position")

    def __init__(self, position: int | None, finished_beyond: int, in_hand: int) -> None:
        self.position = position
        self.finished_beyond = finished_beyond
        self.in_hand = in_hand


class Holdings:
    """All assignments of this process, and the deliveries that came of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._assignments: dict[Part, Assignment] = {}
        self._ready: deque[Delivery] = deque()
        self._gated: deque[Delivery] = deque()
        self._later: list[tuple[float, int, Delivery]] = []
        self._brought = 0
        self._wished = 0
        self._untaken = 0

    @property
    def ready(self) -> int:
        """How many deliveries can be taken at once."""
        return len(self._ready)

    @property
    def gated(self) -> int:
        """How many deliveries are due, and wait until they may be handed out."""
        return len(self._gated)

    @property
    def next_due(self) -> float | None:
        """When the first of those that wait for another attempt is due, in seconds since the epoch."""
        later = self._later
        return later[0][0] if later else None

    def assign(self, parts: Iterable[Part]) -> None:
        """Begin a new assignment of each partition; one that was left over is over."""
        with self._changed:
            for part in parts:
                if part in self._assignments:
                    self._assignments[part].watermark.end()
                self._assignments[part] = Assignment(part)

    def assignment(self, part: Part) -> Assignment | None:
        """Return the assignment under way of a partition."""
        return self._assignments.get(part)

    def assignments(self) -> list[Assignment]:
        """Return all assignments under way."""
        with self._changed:
            return list(self._assignments.values())

    def bring(self, arrived: Sequence[tuple[Delivery, float]], now: float) -> None:
        """Take in deliveries of one poll, each with the time at which it is due."""
        with self._changed:
            for delivery, due_at in arrived:
                lease = delivery.handle
                lease.assignment.watermark.begin(lease.offset)
                if due_at > now:
                    self._brought += 1
                    heapq.heappush(self._later, (due_at, self._brought, delivery))
                else:
                    self._line_up(delivery)

    def wake_due(self, now: float) -> None:
        """Make ready what is due."""
        later = self._later
        if later and later[0][0] <= now:
            with self._changed:
                while later and later[0][0] <= now:
                    self._line_up(heapq.heappop(later)[2])

    def wait_for_room(self, most: int, seconds: float) -> bool:
        """Wait until fewer than `most` deliveries are ready; False when `seconds` did not suffice."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._ready) < most, seconds)

    def take(self, limit: int) -> list[Delivery]:
        """Hand out up to `limit` deliveries."""
        with self._changed:
            ready = self._ready
            taken = [ready.popleft() for _ in range(min(limit, len(ready)))]
            for delivery in taken:
                delivery.handle.assignment.in_hand += 1
                if delivery.handle.begun:
                    delivery.handle.begun = False
                    self._untaken -= 1
            self._changed.notify_all()
            return taken

    def unopened(self) -> list[Assignment]:
        """Return the assignments that something has come of, and that are still to be opened."""
        with self._changed:
            return [one for one in self._assignments.values() if not one.opened and one.watermark.position is not None]

    def open(self, assignments: Iterable[Assignment]) -> None:
        """Hand out the messages of these from now on."""
        with self._changed:
            for one in assignments:
                one.opened = True
                one.gated = one.marks is not None and one.marks.watched
            self._let_through()

    def wish(self, limit: int) -> None:
        """Ask for up to `limit` deliveries that must be noted first."""
        with self._changed:
            self._wished = limit

    def unwish(self) -> bool:
        """Ask for none any more; return whether some are noted as handed out, and nobody has taken them."""
        with self._changed:
            self._wished = 0
            return self._untaken > 0

    def begin(self) -> list[Delivery]:
        """Mark as begun what is asked for and must be noted; nobody can take it before `hand_out`."""
        if not self._gated or not self._wished:
            return []
        with self._changed:
            begun: list[Delivery] = []
            passed: list[Delivery] = []
            while self._gated and len(begun) < self._wished:
                delivery = self._gated.popleft()
                (begun if delivery.handle.begin(delivery) else passed).append(delivery)
            self._gated.extendleft(reversed(passed))
            if begun:
                self._wished = 0
            self._untaken += len(begun)
            return begun

    def hand_out(self, begun: Sequence[Delivery]) -> None:
        """Let be taken, before all others, what has been noted."""
        with self._changed:
            self._ready.extendleft(reversed(begun))

    def take_back(self, begun: Sequence[Delivery] = ()) -> None:
        """Unmark what was begun and not handed out, and what nobody has taken."""
        with self._changed:
            untaken = [*begun, *(delivery for delivery in self._ready if delivery.handle.begun)]
            self._ready = deque(delivery for delivery in self._ready if not delivery.handle.begun)
            for delivery in untaken:
                self._unmark(delivery.handle)
            self._gated.extendleft(reversed(untaken))
            self._let_through()

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries or take them back; False for each whose assignment is over, or that had ended before."""
        with self._changed:
            answers = [self._settle(settlement) for settlement in settlements]
            self._changed.notify_all()
            return answers

    def _settle(self, settlement: Settlement) -> bool:
        lease: Lease = settlement.delivery.handle
        assignment = lease.assignment
        if settlement.ending is not Ending.RELEASE:
            ended = assignment.watermark.finish(lease.offset)
            assignment.in_hand -= ended
            if ended and assignment.marks is not None:
                assignment.marks.end(lease.offset, well=settlement.ending is Ending.DONE)
            return ended
        if not lease.held:
            return False
        assignment.in_hand -= 1
        self._unmark(lease)
        if not assignment.withdrawn:
            (self._gated if assignment.gated else self._ready).appendleft(settlement.delivery)
        return True

    def withdraw(self, parts: Iterable[Part]) -> list[Assignment]:
        """Hand out nothing more of these partitions; what is in hand may still end."""
        with self._changed:
            leaving = [self._assignments[part] for part in parts if part in self._assignments]
            for assignment in leaving:
                assignment.withdrawn = True
            self._keep(lambda delivery: not delivery.handle.assignment.withdrawn)
            self._changed.notify_all()
            return leaving

    def wait_for_end(self, assignments: Sequence[Assignment], seconds: float) -> None:
        """Wait until nothing of these assignments is in hand, for at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not any(one.in_hand for one in assignments), seconds)

    def end(self, assignments: Iterable[Assignment]) -> None:
        """End assignments: every later settlement of their deliveries is without effect."""
        with self._changed:
            for assignment in assignments:
                assignment.withdrawn = True
                assignment.watermark.end()
                if self._assignments.get(assignment.part) is assignment:
                    del self._assignments[assignment.part]
            self._keep(lambda delivery: not delivery.handle.assignment.withdrawn)
            self._changed.notify_all()

    def purge(self) -> int:
        """End all that is ready or waits for another attempt; return how many."""
        with self._changed:
            waiting = [*self._ready, *self._gated, *(delivery for _, _, delivery in self._later)]
            self._ready.clear()
            self._gated.clear()
            self._later.clear()
            for delivery in waiting:
                self._unmark(delivery.handle)
                delivery.handle.assignment.watermark.finish(delivery.handle.offset)
            self._changed.notify_all()
            return len(waiting)

    def moved(self, assignments: Iterable[Assignment], closed: bool = False) -> list[tuple[Part, int, str]]:
        """Return the positions that were not committed yet, each with the text for the next owner.

        They count as committed from now on.

        Arguments:
            assignments: whose positions.
            closed: this process hands out nothing of them any more.
        """
        moved = []
        with self._changed:
            for one in assignments:
                position = one.watermark.position
                if position is None or one.marks is None:
                    continue
                one.marks.pass_to(position)
                one.gated = not one.opened or one.marks.watched
                if (now := (position, one.marks.text(closed))) != one.committed:
                    one.committed = now
                    moved.append((one.part, *now))
            self._let_through()
        return moved

    def tallies(self) -> dict[Part, Tally]:
        """Return how far each assigned partition is worked off."""
        with self._changed:
            return {
                part: Tally(one.watermark.position, one.watermark.finished_beyond, one.in_hand)
                for part, one in self._assignments.items()
            }

    def where(self, part: Part, offset: int) -> str:
        """Return ``ready``, ``later``, ``in hand``, ``ended`` or, where this process cannot say, nothing."""
        with self._changed:
            assignment = self._assignments.get(part)
            if assignment is None or assignment.watermark.position is None:
                return ""
            if not assignment.watermark.holds(offset):
                return "ended" if offset < (assignment.watermark.following or 0) else ""
            here = (delivery.handle for delivery in (*self._ready, *self._gated))
            if any(lease.offset == offset and lease.assignment is assignment for lease in here):
                return "ready"
            here = (delivery.handle for _, _, delivery in self._later)
            if any(lease.offset == offset and lease.assignment is assignment for lease in here):
                return "later"
            return "in hand"

    def _keep(self, wanted: Callable[[Delivery], bool]) -> None:
        for delivery in self._ready:
            if not wanted(delivery):
                self._unmark(delivery.handle)
        self._ready = deque(delivery for delivery in self._ready if wanted(delivery))
        self._gated = deque(delivery for delivery in self._gated if wanted(delivery))
        self._later = [entry for entry in self._later if wanted(entry[2])]
        heapq.heapify(self._later)

    def _line_up(self, delivery: Delivery) -> None:
        (self._gated if delivery.handle.assignment.gated else self._ready).append(delivery)

    def _let_through(self) -> None:
        """Make ready what need not wait any more."""
        if any(not delivery.handle.assignment.gated for delivery in self._gated):
            waiting, self._gated = self._gated, deque()
            for delivery in waiting:
                self._line_up(delivery)

    def _unmark(self, lease: Lease) -> None:
        if lease.begun:
            lease.begun = False
            self._untaken -= 1
        if lease.assignment.marks is not None:
            lease.assignment.marks.take_back(lease.offset)
