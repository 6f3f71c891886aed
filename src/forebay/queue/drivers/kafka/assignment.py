"""A partition while it is assigned to this process, and the leases of the messages that come of it."""

from __future__ import annotations

from forebay.queue.driver import Delivery
from forebay.queue.drivers.kafka.marks import Marks
from forebay.queue.watermark import Watermark

Part = tuple[str, int]
"""Topic and partition."""


class Assignment:
    """One partition, from its assignment to this process until its revocation or loss.

    It is opened once the broker knows that this process may hand out its messages. Until then, and as long as its marks
    are watched, its messages are gated: they may not be handed out just so.
    """

    __slots__ = ("committed", "gated", "in_hand", "marks", "opened", "part", "watermark", "withdrawn")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.watermark = Watermark()
        self.in_hand = 0
        self.withdrawn = False
        self.committed: tuple[int, str] | None = None
        self.marks: Marks | None = None
        self.opened = False
        self.gated = True


class Lease:
    """The handle of a delivery: where the message came from, and in which assignment.

    Arguments:
        assignment: the one that brought it; when it is over, the lease is lost.
        offset: in the partition.
        returns: how often the message has come back from the dead letters.
        attempt: the one that is due by its record; deaths of workers come on top.
    """

    __slots__ = ("assignment", "attempt", "begun", "moved", "offset", "returns")

    def __init__(self, assignment: Assignment, offset: int, returns: int, attempt: int = 1) -> None:
        self.assignment = assignment
        self.offset = offset
        self.returns = returns
        self.attempt = attempt
        self.begun = False  # it is noted as handed out, and nobody has taken it yet
        self.moved = False  # its next attempt or its dead letter is durable already

    @property
    def held(self) -> bool:
        """Whether the message is still ours to end."""
        return self.assignment.watermark.holds(self.offset)

    def begin(self, delivery: Delivery) -> bool:
        """Mark its delivery as begun, and set the attempt; False while it cannot be."""
        marks = self.assignment.marks if self.assignment.opened else None
        before = marks.begin(self.offset) if marks is not None else None
        if before is None:
            return False
        delivery.attempt = self.attempt + before
        self.begun = True
        return True
