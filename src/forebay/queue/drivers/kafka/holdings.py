"""What this process holds of the partitions assigned to it: ready, in hand, or waiting for its time or its turn.

Two threads meet here, the poller that brings records and the loop that hands them out and ends them; everything is
under one lock, taken once for a batch.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from forebay.disciplines import Order
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.kafka.assignment import Assignment, Lease, Part, Tally, Waiting, Whereabouts
from forebay.queue.drivers.kafka.lanes import Lanes

REMEMBERED = 2_000
"""Messages of a partition, from its position on, of which the broker is told whether they have ended."""


class Holdings:
    """All assignments of this process, and the deliveries that came of them.

    Arguments:
        order: what is handed out strictly one after the other.
        in_place: whether what is to be tried again stays where it is until then; with an order it always does.
    """

    def __init__(self, order: Order = Order.NONE, in_place: bool = False) -> None:
        self.in_place = in_place or order is not Order.NONE
        self.lanes = Lanes(order) if order is not Order.NONE else None
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

    def bring(self, arrived: Sequence[Waiting], now: float) -> None:
        """Take in deliveries of one poll, each with the time at which it is due."""
        with self._changed:
            for delivery, due_at in arrived:
                lease = delivery.handle
                lease.assignment.watermark.begin(lease.offset)
                if lease.assignment.opened:
                    self._enter(delivery, due_at, now)
                else:
                    lease.assignment.arrived.append((delivery, due_at))

    def pass_over(self, ends: Mapping[Part, int]) -> None:
        """Let the positions pass what brings no message: transactions leave marks, and what they gave up."""
        with self._changed:
            for part, end in ends.items():
                if (assignment := self._assignments.get(part)) is not None:
                    assignment.pass_over(end)

    def wake_due(self, now: float) -> None:
        """Make ready what is due."""
        later = self._later
        if later and later[0][0] <= now:
            with self._changed:
                while later and later[0][0] <= now:
                    delivery = heapq.heappop(later)[2]
                    delivery.handle.assignment.delayed -= 1
                    self._line_up(delivery)

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
        """Return the assignments that something has come of, if only their end, and that are still to be opened."""
        with self._changed:
            return [one for one in self._assignments.values() if not one.opened and one.has_come]

    def open(self, assignments: Iterable[Assignment], now: float) -> None:
        """Hand out the messages of these from now on."""
        with self._changed:
            for one in assignments:
                one.opened = True
                one.gated = one.marks is not None and one.marks.watched
                arrived, one.arrived = one.arrived, []
                for delivery, due_at in arrived:
                    self._enter(delivery, due_at, now)

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

    def settle(self, settlements: Sequence[Settlement], now: float) -> list[bool]:
        """End deliveries or take them back; False for each whose assignment is over, or that had ended before."""
        with self._changed:
            answers = [self._settle(settlement, now) for settlement in settlements]
            self._changed.notify_all()
            return answers

    def _settle(self, settlement: Settlement, now: float) -> bool:
        lease: Lease = settlement.delivery.handle
        if settlement.ending is Ending.RELEASE:
            return self._give_back(settlement.delivery)
        if settlement.ending is Ending.RETRY and self.in_place:
            return self._try_again(settlement, now)
        assignment = lease.assignment
        if lease.over or not assignment.watermark.finish(lease.offset):
            return False
        assignment.in_hand -= 1
        if assignment.marks is not None:
            assignment.marks.end(lease.offset, well=settlement.ending is Ending.DONE)
        if lease.lane is not None:
            self._let_follow(lease, now)
        return True

    def _give_back(self, delivery: Delivery) -> bool:
        lease: Lease = delivery.handle
        if not lease.held:
            return False
        lease.assignment.in_hand -= 1
        self._unmark(lease)
        again = Delivery(delivery.message, delivery.attempt, lease.given_back())
        if lease.assignment.withdrawn:
            self._let_follow(lease, 0.0)
        else:
            (self._gated if lease.assignment.gated else self._ready).appendleft(again)
        return True

    def _try_again(self, settlement: Settlement, now: float) -> bool:
        delivery, lease = settlement.delivery, settlement.delivery.handle
        if not lease.held:
            return False
        message = delivery.message
        if settlement.headers is not None:
            message = message.replace(headers=settlement.headers)
        lease.assignment.in_hand -= 1
        again = Delivery(message, delivery.attempt + 1, lease.failed(delivery.attempt))
        if lease.assignment.withdrawn:
            self._let_follow(lease, now)
        else:
            self._go_on(again, now + settlement.delay, now)
        return True

    def withdraw(self, parts: Iterable[Part]) -> list[Assignment]:
        """Hand out nothing more of these partitions; what is in hand may still end."""
        with self._changed:
            leaving = [self._assignments[part] for part in parts if part in self._assignments]
            for assignment in leaving:
                assignment.withdrawn = True
            self._drop_withdrawn()
            self._changed.notify_all()
            return leaving

    def wait_for_end(self, assignments: Sequence[Assignment], seconds: float) -> None:
        """Wait until nothing of these assignments is in hand, for at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not any(one.in_hand for one in assignments), seconds)

    def end(self, assignments: Iterable[Assignment]) -> None:
        """End assignments: every later settlement of their deliveries is without effect."""
        with self._changed:
            over = list(assignments)
            for assignment in over:
                assignment.withdrawn = True
                assignment.watermark.end()
                if self._assignments.get(assignment.part) is assignment:
                    del self._assignments[assignment.part]
            self._drop_withdrawn()
            for following in self.lanes.leave_all(over) if self.lanes is not None else ():
                self._go_on(*following)
            self._changed.notify_all()

    def purge(self) -> int:
        """End all that waits for its turn, its time or its next attempt; return how many."""
        with self._changed:
            behind = self.lanes.empty() if self.lanes is not None else []
            for one in self._assignments.values():
                behind += [delivery for delivery, _ in one.arrived]
                one.arrived, one.delayed = [], 0
            heads = [*self._ready, *self._gated, *(delivery for _, _, delivery in self._later)]
            self._ready.clear()
            self._gated.clear()
            self._later.clear()
            for delivery in heads:
                self._unmark(delivery.handle)
                self._let_follow(delivery.handle, 0.0)
            for delivery in (*heads, *behind):
                delivery.handle.assignment.watermark.finish(delivery.handle.offset)
            self._changed.notify_all()
            return len(heads) + len(behind)

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
                one.gated = one.marks.watched
                ended = one.watermark.ended_beyond(REMEMBERED)
                if (now := (position, one.marks.text(closed, position, ended))) != one.committed:
                    one.committed = now
                    moved.append((one.part, *now))
            self._let_through()
        return moved

    def tallies(self) -> dict[Part, Tally]:
        """Return how far each assigned partition is worked off."""
        with self._changed:
            return {part: Tally(one) for part, one in self._assignments.items()}

    def where(self, part: Part, offset: int) -> Whereabouts:
        """Return where a message is in this process."""
        with self._changed:
            assignment = self._assignments.get(part)
            if assignment is None or assignment.watermark.position is None:
                return Whereabouts()
            if not assignment.watermark.holds(offset):
                return Whereabouts("ended" if offset < (assignment.watermark.following or 0) else "")
            behind = self.lanes.waiting() if self.lanes is not None else ()
            for delivery in (*self._ready, *self._gated, *behind):
                if delivery.handle.offset == offset and delivery.handle.assignment is assignment:
                    return Whereabouts("ready", delivery)
            for _, _, delivery in self._later:
                if delivery.handle.offset == offset and delivery.handle.assignment is assignment:
                    return Whereabouts("later", delivery)
            before = 0 if assignment.marks is None else assignment.marks.before(offset)
            return Whereabouts("in hand", None, before)

    def _drop_withdrawn(self) -> None:
        """Forget what waits of assignments that are leaving; those behind it in their lanes go on."""
        if self.lanes is not None:
            self.lanes.drop_withdrawn()
        waiting = [*self._ready, *self._gated, *(delivery for _, _, delivery in self._later)]
        dropped = [delivery.handle for delivery in waiting if delivery.handle.assignment.withdrawn]
        self._ready = deque(delivery for delivery in self._ready if not delivery.handle.assignment.withdrawn)
        self._gated = deque(delivery for delivery in self._gated if not delivery.handle.assignment.withdrawn)
        self._later = [entry for entry in self._later if not entry[2].handle.assignment.withdrawn]
        heapq.heapify(self._later)
        for lease in dropped:
            lease.assignment.delayed = 0
            self._unmark(lease)
            self._let_follow(lease, 0.0)

    def _let_follow(self, lease: Lease, now: float) -> None:
        """Let the next one of a lane go on when its head has left it."""
        following = self.lanes.leave(lease.lane) if self.lanes is not None else None
        if following is not None:
            self._go_on(*following, now)

    def _enter(self, delivery: Delivery, due_at: float, now: float) -> None:
        """Let a message queue up, unless it had ended before this process got its partition."""
        lease: Lease = delivery.handle
        marks = lease.assignment.marks
        if marks is not None and marks.ended and lease.offset in marks.ended:
            lease.assignment.watermark.finish(lease.offset)
        elif self.lanes is None or self.lanes.enter(delivery, due_at):
            self._go_on(delivery, due_at, now)

    def _go_on(self, delivery: Delivery, due_at: float, now: float = 0.0) -> None:
        """Line up what is due; what is not yet, or perhaps not yet, is looked at again by `wake_due`."""
        if due_at > now:
            self._brought += 1
            delivery.handle.assignment.delayed += 1
            heapq.heappush(self._later, (due_at, self._brought, delivery))
        else:
            self._line_up(delivery)

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
