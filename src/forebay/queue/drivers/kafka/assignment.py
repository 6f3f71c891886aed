"""A partition while it is assigned to this process, and the leases of the messages that come of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from forebay.queue.driver import Delivery
from forebay.queue.drivers.kafka.address import DELAYED, LATER, RETRY
from forebay.queue.drivers.kafka.marks import Marks
from forebay.queue.drivers.kafka.watermark import Watermark

Part = tuple[str, int]
"""Topic and partition."""

Waiting = tuple[Delivery, float]
"""A delivery, and the time at which it is due."""


class Assignment:
    """One partition, from its assignment to this process until its revocation or loss.

    It is opened once the broker knows that this process may hand out its messages; what comes before that is put aside.
    As long as its marks are watched, its messages are gated: they may not be handed out just so.
    """

    __slots__ = (
        "arrived",
        "committed",
        "delayed",
        "gated",
        "in_hand",
        "marks",
        "opened",
        "part",
        "passed",
        "watermark",
        "withdrawn",
    )

    def __init__(self, part: Part) -> None:
        self.part = part
        self.watermark = Watermark()
        self.arrived: list[Waiting] = []  # before it was opened
        self.in_hand = 0
        self.delayed = 0  # have come, and are not due yet
        self.withdrawn = False
        self.committed: tuple[int, str] | None = None
        self.marks: Marks | None = None
        self.opened = False
        self.gated = True
        self.passed = 0  # where it ends, while no message has come

    @property
    def has_come(self) -> bool:
        """Whether messages have come, or others have passed that are none."""
        return self.passed > 0 or self.watermark.position is not None

    def pass_over(self, end: int) -> None:
        """Note that the partition ends there: what lies below and has not come is no message."""
        if self.watermark.position is None:
            self.passed = end
        else:
            self.watermark.skip_to(end)


class Tally:
    """How far one partition is worked off by this process.

    Arguments:
        position: the one that may be committed; None: nothing has come yet.
        finished_beyond: messages above it that have ended.
        in_hand: messages that are in work.
        due: messages that have come, and could be in work.
        delayed: messages that have come, and are not due yet.
    """

    __slots__ = ("delayed", "due", "finished_beyond", "in_hand", "position")

    def __init__(self, one: Assignment) -> None:
        self.position = one.watermark.position
        self.finished_beyond = one.watermark.finished_beyond
        self.in_hand = one.in_hand
        self.delayed = one.delayed
        self.due = one.watermark.unfinished - one.in_hand - one.delayed


class Whereabouts(NamedTuple):
    """Where a message is in one process.

    Arguments:
        state: ``ready``, ``later``, ``in hand``, ``ended`` or, where the process cannot say, nothing.
        delivery: of one that is ready or comes later; its story may be known nowhere else.
        before: attempts at one in hand that are counted beside its record, that under way not included.
    """

    state: str = ""
    delivery: Delivery | None = None
    before: int = 0


class Lease:
    """The handle of a delivery: where the message came from, and in which assignment.

    Arguments:
        assignment: the one that brought it; when it is over, the lease is lost.
        offset: in the partition.
        returns: how often the message has come back from the dead letters.
        attempt: the one that is due by its record; what its marks have counted comes on top.
        lane: of the messages of one lane, at most one is out; None: it is free.
    """

    __slots__ = ("assignment", "attempt", "begun", "lane", "moved", "offset", "over", "returns")

    def __init__(
        self, assignment: Assignment, offset: int, returns: int, attempt: int = 1, lane: Hashable | None = None
    ) -> None:
        self.assignment = assignment
        self.offset = offset
        self.returns = returns
        self.attempt = attempt
        self.lane = lane
        self.begun = False  # it is noted as handed out, and nobody has taken it yet
        self.moved = False  # its next attempt or its dead letter is durable already
        self.over = False  # the message was given back, and goes out under another lease

    @property
    def place(self) -> str:
        """Partition and offset, as the reference of the message has them; empty for one that came back elsewhere."""
        topic, partition = self.assignment.part
        if topic.endswith(RETRY):
            return ""
        return f"{DELAYED if topic.endswith(LATER) else ''}{partition}.{self.offset}"

    @property
    def held(self) -> bool:
        """Whether the message is still ours to end."""
        return not self.over and self.assignment.watermark.holds(self.offset)

    def begin(self, delivery: Delivery) -> bool:
        """Mark its delivery as begun, and set the attempt; False while it cannot be."""
        marks = self.assignment.marks if self.assignment.opened else None
        before = marks.begin(self.offset) if marks is not None else None
        if before is None:
            return False
        delivery.attempt = self.attempt + before
        self.begun = True
        return True

    def given_back(self) -> Lease:
        """End this lease without an effect on its message; return the one under which the message goes out again."""
        self.over = True
        return Lease(self.assignment, self.offset, self.returns, self.attempt, self.lane)

    def failed(self, attempt: int) -> Lease:
        """Do so after an attempt, which counts; should another process have the next one, it counts there too."""
        again = self.given_back()
        if (marks := self.assignment.marks) is not None:
            again.attempt = attempt + 1 - marks.count(self.offset)
        return again
