"""What the next owner of a partition must know beside its position: which messages were begun, which ended out of turn.

Kafka remembers a position and a short text with it. Whoever begins to hand out a partition commits that it is open; who
leaves it in good order commits that it is closed. An owner that finds it open knows that the one before died, and hands
out with care from there on: what is handed out is noted at the broker first, by its offset, so that its next death says
which messages were in hand. And what has ended above the position is told as well, so that it does not come again.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST = 100
"""Offsets that are noted at once: the broker keeps 4096 bytes of text."""

REACH = 21_000
"""Above the position of one who died, as far as it can have handed out anything."""

MOST_TEXT = 1_400
"""Characters that tell what has ended above the position; beside them stand those of `MOST` offsets."""

NAME = "forebay"
OPEN, CLOSED = "open", "closed"


class Marks:
    """What one owner of a partition knows of messages that were begun.

    Arguments:
        until: offsets below it are handed out with care.
        begun: how often a message was begun before and never ended, offset by offset.
        ended: messages above the position that have ended under an owner before this one.
    """

    __slots__ = ("_begun", "_in_hand", "_until", "ended")

    def __init__(self, until: int = 0, begun: dict[int, int] | None = None, ended: Iterable[int] = ()) -> None:
        self._until = until
        self._begun = begun or {}
        self.ended = set(ended)
        self._in_hand: set[int] = set()

    def begin(self, offset: int) -> int | None:
        """Note that a message is handed out; return how often it was before, None while there is no room to note it."""
        if offset not in self._begun and len(self._begun.keys() | self._in_hand) >= MOST:
            return None
        self._in_hand.add(offset)
        return self._begun.get(offset, 0)

    def before(self, offset: int) -> int:
        """Return how often a message was begun before the delivery under way."""
        return self._begun.get(offset, 0)

    def take_back(self, offset: int) -> None:
        """Note that a message was not begun after all; an interruption is not an attempt."""
        self._in_hand.discard(offset)

    def end(self, offset: int, well: bool) -> None:
        """Note the end of a message: should it come again, it counts as new when it ended well, and else as before."""
        in_hand = offset in self._in_hand
        self._in_hand.discard(offset)
        if well:
            self._begun.pop(offset, None)
        elif in_hand:
            self._begun[offset] = self._begun.get(offset, 0) + 1

    def count(self, offset: int) -> int:
        """Note an attempt after which a message stays in its place; return how many are noted of it.

        Where there is no room for one more message, its attempts are known to this process only.
        """
        self._in_hand.discard(offset)
        if offset in self._begun or len(self._begun.keys() | self._in_hand) < MOST:
            self._begun[offset] = self._begun.get(offset, 0) + 1
        return self._begun.get(offset, 0)

    def pass_to(self, position: int) -> None:
        """Forget what lies below the position: it never comes again."""
        for offset in [offset for offset in self._begun if offset < position]:
            del self._begun[offset]
        if self.ended:
            self.ended = {offset for offset in self.ended if offset >= position}
        if position >= self._until and not self._begun:
            self._until = 0

    @property
    def watched(self) -> bool:
        """Whether messages must be noted before they are handed out."""
        return self._until > 0

    def text(self, closed: bool, position: int = 0, ended: Iterable[int] = ()) -> str:
        """Return what the next owner shall know; to a partition that is closed, nothing in hand is held against.

        Arguments:
            closed: whether this owner leaves in good order.
            position: the one that the text stands beside.
            ended: messages above it that have ended, rising.
        """
        counts = dict(self._begun)
        for offset in () if closed else self._in_hand:
            counts[offset] = counts.get(offset, 0) + 1
        noted = ",".join(f"{offset}={count}" for offset, count in sorted(counts.items()))
        if self.ended:
            ended = sorted({*ended, *self.ended})
        return f"{NAME}:{CLOSED if closed else OPEN}:{self._until}:{noted}{_runs(position, ended)}"


def marks_from(first: int | None, position: int, text: str | None) -> Marks:
    """Return what the last owner has left, unless it speaks of a topic that is there no more.

    Arguments:
        first: the offset that came first; below the position, the topic was made anew since the last commit.
        position, text: as they were committed.
    """
    return Marks() if first is not None and first < position else read_marks(position, text)


def read_marks(position: int, text: str | None) -> Marks:
    """Return what the last owner has left at a committed position; a text that is not ours says nothing."""
    try:
        name, state, until, noted, *runs = (text or "").split(":")
        pairs = [pair.split("=") for pair in noted.split(",") if pair]
        begun = {int(offset): int(count) for offset, count in pairs}
        careful = [int(until), *(offset + 1 for offset in begun)]
        ended = _offsets(position, runs[0]) if runs else set()
    except ValueError:
        return Marks()
    if name != NAME or state not in (OPEN, CLOSED) or position < 0:
        return Marks()
    if state == OPEN:
        careful.append(position + REACH)
    marks = Marks(max(careful), begun, ended)
    marks.pass_to(position)
    return marks


def _runs(position: int, offsets: Iterable[int]) -> str:
    """Return offsets as text, from the position on: so many have not ended, so many have, and so on, while it fits."""
    text, reached, length = "", position, 0
    for offset in [*offsets, None]:
        if offset is not None and length and offset == reached + length:
            length += 1
            continue
        if length:
            text += f"{',' if text else ':'}{reached - position}+{length}"
            if len(text) > MOST_TEXT:
                break
        if offset is not None:
            reached, length = offset, 1
    return text


def _offsets(position: int, text: str) -> set[int]:
    ended: set[int] = set()
    for run in text.split(",") if text else ():
        distance, length = map(int, run.split("+"))
        if not (0 <= distance <= REACH and 0 <= length <= REACH):
            raise ValueError(run)
        ended.update(range(position + distance, position + distance + length))
    return ended
