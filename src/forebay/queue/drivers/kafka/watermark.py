"""Up to where a partition is worked off, when its messages end in any order.

A position that is committed confirms everything before it, so it may never pass a message that is still in work. The
offsets of a partition rise, and need not be contiguous: compaction and transactions leave gaps.
"""

from __future__ import annotations

from collections import deque
from itertools import islice


class Watermark:
    """The messages of one partition during one assignment of it, and the position that may be committed.

    Once the assignment has ended (`end`), everything that comes late is without effect: the partition has another
    reader now, with a watermark of its own.
    """

    __slots__ = ("_begun", "_ended", "_next", "_unfinished")

    def __init__(self) -> None:
        self._begun: deque[int] = deque()  # rising; its head is unfinished, or it is empty
        self._unfinished: set[int] = set()
        self._next: int | None = None
        self._ended = False

    def begin(self, offset: int) -> None:
        """Note that the message at `offset` has come; in constant time.

        Raises:
            ValueError: the offset is not above all that came before it.
        """
        if self._next is not None and offset < self._next:
            raise ValueError(f"offset {offset} has come before: the next is {self._next} or above")
        self._begun.append(offset)
        self._unfinished.add(offset)
        self._next = offset + 1

    def finish(self, offset: int) -> bool:
        """Note that a message has ended; False without effect when it is not unfinished, or the assignment has ended.

        Takes constant time on average over the life of a watermark.
        """
        if self._ended or offset not in self._unfinished:
            return False
        self._unfinished.remove(offset)
        begun = self._begun
        while begun and begun[0] not in self._unfinished:
            begun.popleft()
        return True

    def holds(self, offset: int) -> bool:
        """Return whether the message at `offset` has come, has not ended, and is still ours."""
        return not self._ended and offset in self._unfinished

    def skip_to(self, offset: int) -> None:
        """Note that nothing below `offset` will come any more (but what has begun stays unfinished)."""
        if not self._ended and (self._next is None or offset > self._next):
            self._next = offset

    def end(self) -> None:
        """End the assignment: the position stays where it is, and no message can be finished."""
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether the assignment has ended."""
        return self._ended

    @property
    def position(self) -> int | None:
        """The position that may be committed: the lowest unfinished offset, else the one after the highest.

        It never falls. None while nothing has come.
        """
        return self._begun[0] if self._begun else self._next

    @property
    def following(self) -> int | None:
        """The offset above everything that has come; None while nothing has."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many messages have come and not ended."""
        return len(self._unfinished)

    @property
    def finished_beyond(self) -> int:
        """How many messages above the position have ended: they would come again after a crash."""
        return len(self._begun) - len(self._unfinished)

    def ended_beyond(self, most: int) -> list[int]:
        """Return the lowest offsets above the position that have ended, rising; of the first `most` that have come."""
        if not self.finished_beyond:
            return []
        return [offset for offset in islice(self._begun, most) if offset not in self._unfinished]

    @property
    def window(self) -> int:
        """How many messages have come since the position: what would come again after a crash, at most."""
        return len(self._begun)
