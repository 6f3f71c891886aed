"""Order under concurrency: of the messages of one lane at most one is out, and the others wait behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

from forebay.disciplines import Order
from forebay.message import Message
from forebay.queue.driver import Delivery
from forebay.queue.drivers.kafka.assignment import Assignment, Waiting


class Lanes:
    """The lanes of one process; its partitions of one number share them, whichever topics they are of.

    The head of a lane is ready, out, or waits for its time; it keeps the lane until it has ended.

    Arguments:
        order: what a lane is: a key, or a partition.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._heads: dict[Hashable, Assignment] = {}
        self._behind: dict[Hashable, deque[Waiting]] = {}

    def of(self, message: Message, partition: int) -> Hashable | None:
        """Return the lane of a message; None: it is free."""
        if self._order is Order.PARTITION:
            return partition
        return message.key if self._order is Order.KEY else None

    def enter(self, delivery: Delivery, due_at: float) -> bool:
        """Let a message queue up in its lane; True when it is at the head, and may go on."""
        lease = delivery.handle
        if lease.lane is None:
            return True
        if lease.lane in self._heads:
            self._behind.setdefault(lease.lane, deque()).append((delivery, due_at))
            return False
        self._heads[lease.lane] = lease.assignment
        return True

    def leave(self, lane: Hashable | None) -> Waiting | None:
        """Let the head go; return the one that is the head now, if any."""
        if lane is None:
            return None
        behind = self._behind.get(lane)
        if not behind:
            self._heads.pop(lane, None)
            return None
        following = behind.popleft()
        if not behind:
            del self._behind[lane]
        self._heads[lane] = following[0].handle.assignment
        return following

    def leave_all(self, ended: Iterable[Assignment]) -> list[Waiting]:
        """Let go the heads of assignments that are over; return those that are heads now."""
        over = {id(assignment) for assignment in ended}
        lanes = [lane for lane, head in self._heads.items() if id(head) in over]
        return [following for lane in lanes if (following := self.leave(lane)) is not None]

    def drop_withdrawn(self) -> None:
        """Forget those behind the heads that come of assignments that are leaving."""
        for lane, behind in list(self._behind.items()):
            left = deque(one for one in behind if not one[0].handle.assignment.withdrawn)
            if left:
                self._behind[lane] = left
            else:
                del self._behind[lane]

    def empty(self) -> list[Delivery]:
        """Forget, and return, all that wait behind the heads."""
        waiting = [delivery for behind in self._behind.values() for delivery, _ in behind]
        self._behind.clear()
        return waiting

    def waiting(self) -> Iterable[Delivery]:
        """Return all that wait behind the heads."""
        return (delivery for behind in self._behind.values() for delivery, _ in behind)
