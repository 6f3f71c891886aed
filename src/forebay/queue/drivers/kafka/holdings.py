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
from forebay.queue.watermark import Watermark

Part = tuple[str, int]
"""Topic and partition."""


class Assignment:
    """One partition, from its assignment to this process until its revocation or loss."""

    __slots__ = ("committed", "in_hand", "part", "watermark", "withdrawn")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.watermark = Watermark()
        self.in_hand = 0
        self.withdrawn = False
        self.committed: int | None = None


class Lease:
    """The handle of a delivery: where the message came from, and in which assignment.

    Arguments:
        assignment: the one that brought it; when it is over, the lease is lost.
        offset: in the partition.
        returns: how often the message has come back from the dead letters.
    """

    __slots__ = ("assignment", "moved", "offset", "returns")

    def __init__(self, assignment: Assignment, offset: int, returns: int) -> None:
        self.assignment = assignment
        self.offset = offset
        self.returns = returns
        self.moved = False  # its next attempt or its dead letter is durable already

    @property
    def held(self) -> bool:
        """Whether the message is still ours to end."""
        return self.assignment.watermark.holds(self.offset)


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
        self._later: list[tuple[float, int, Delivery]] = []
        self._brought = 0

    @property
    def ready(self) -> int:
        """How many deliveries can be taken at once."""
        return len(self._ready)

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
                    self._ready.append(delivery)

    def wake_due(self, now: float) -> None:
        """Make ready what is due."""
        later = self._later
        if later and later[0][0] <= now:
            with self._changed:
                while later and later[0][0] <= now:
                    self._ready.append(heapq.heappop(later)[2])

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
            self._changed.notify_all()
            return taken

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
            return ended
        if not lease.held:
            return False
        assignment.in_hand -= 1
        if not assignment.withdrawn:
            self._ready.appendleft(settlement.delivery)
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
            waiting = [*self._ready, *(delivery for _, _, delivery in self._later)]
            self._ready.clear()
            self._later.clear()
            for delivery in waiting:
                delivery.handle.assignment.watermark.finish(delivery.handle.offset)
            self._changed.notify_all()
            return len(waiting)

    def moved(self, assignments: Iterable[Assignment]) -> list[tuple[Part, int]]:
        """Return the positions that were not committed yet, and count them as committed from now on."""
        moved = []
        with self._changed:
            for one in assignments:
                position = one.watermark.position
                if position is not None and position != one.committed:
                    one.committed = position
                    moved.append((one.part, position))
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
            here = (delivery.handle for delivery in self._ready)
            if any(lease.offset == offset and lease.assignment is assignment for lease in here):
                return "ready"
            here = (delivery.handle for _, _, delivery in self._later)
            if any(lease.offset == offset and lease.assignment is assignment for lease in here):
                return "later"
            return "in hand"

    def _keep(self, wanted: Callable[[Delivery], bool]) -> None:
        self._ready = deque(delivery for delivery in self._ready if wanted(delivery))
        self._later = [entry for entry in self._later if wanted(entry[2])]
        heapq.heapify(self._later)
