"""Which messages of a partition were begun and never ended: kept beside the committed position, for the next owner.

Kafka remembers a position and a short text with it. Whoever begins to hand out a partition commits that it is open; who
leaves it in good order commits that it is closed. An owner that finds it open knows that the one before died, and hands
out with care from there on: what is handed out is noted at the broker first, by its offset, so that its next death says
which messages were in hand.
"""

from __future__ import annotations

MOST = 100
"""Offsets that are noted at once: the broker keeps 4096 bytes of text."""

REACH = 21_000
"""Above the position of one who died, as far as it can have handed out anything."""

NAME = "forebay"
OPEN, CLOSED = "open", "closed"


class Marks:
    """What one owner of a partition knows of messages that were begun.

    Arguments:
        until: offsets below it are handed out with care.
        begun: how often a message was begun before and never ended, offset by offset.
    """

    __slots__ = ("_begun", "_in_hand", "_until")

    def __init__(self, until: int = 0, begun: dict[int, int] | None = None) -> None:
        self._until = until
        self._begun = begun or {}
        self._in_hand: set[int] = set()

    def begin(self, offset: int) -> int | None:
        """Note that a message is handed out; return how often it was before, None while there is no room to note it."""
        if offset not in self._begun and len(self._begun.keys() | self._in_hand) >= MOST:
            return None
        self._in_hand.add(offset)
        return self._begun.get(offset, 0)

    def take_back(self, offset: int) -> None:
        """Note that a message was not begun after all; an interruption is not an attempt."""
        self._in_hand.discard(offset)

    def end(self, offset: int, well: bool) -> None:
        """Note the end of a message: should it come again, it counts as new when it ended well, and else as before."""
        if offset not in self._in_hand:
            return
        self._in_hand.remove(offset)
        if well:
            self._begun.pop(offset, None)
        else:
            self._begun[offset] = self._begun.get(offset, 0) + 1

    def pass_to(self, position: int) -> None:
        """Forget what lies below the position: it never comes again."""
        for offset in [offset for offset in self._begun if offset < position]:
            del self._begun[offset]
        if position >= self._until and not self._begun:
            self._until = 0

    @property
    def watched(self) -> bool:
        """Whether messages must be noted before they are handed out."""
        return self._until > 0

    def text(self, closed: bool) -> str:
        """Return what the next owner shall know; to a partition that is closed, nothing in hand is held against."""
        counts = dict(self._begun)
        for offset in () if closed else self._in_hand:
            counts[offset] = counts.get(offset, 0) + 1
        noted = ",".join(f"{offset}={count}" for offset, count in sorted(counts.items()))
        return f"{NAME}:{CLOSED if closed else OPEN}:{self._until}:{noted}"


def read_marks(position: int, text: str | None) -> Marks:
    """Return what the last owner has left at a committed position; a text that is not ours says nothing."""
    try:
        name, state, until, noted = (text or "").split(":")
        pairs = [pair.split("=") for pair in noted.split(",") if pair]
        marks = Marks(int(until), {int(offset): int(count) for offset, count in pairs})
    except ValueError:
        return Marks()
    if name != NAME or state not in (OPEN, CLOSED) or position < 0:
        return Marks()
    if state == OPEN:
        marks = Marks(max(int(until), position + REACH), marks._begun)
    marks.pass_to(position)
    return marks
