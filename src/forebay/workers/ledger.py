"""The ledger that keeps the promise: accepted = done + waiting + in work + retrying + dead; lost 0."""

from __future__ import annotations

import msgspec

from forebay.queue.driver import Counts


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the books of a topic.

    Arguments:
        topic: its name.
        accepted: every message that was ever accepted.
        done, waiting, in_work, retrying, dead: where they are now.
        discarded: removed by an operator's command.
        lost: accepted and nowhere; anything but 0 breaks the promise.
        stored: results in the store, each id once; None where there is no store, or results are not kept in it. What
            the broker calls done and what the store holds are counted independently of each other.
        oldest_seconds: the age of the oldest unfinished message.
    """

    topic: str
    accepted: int
    done: int
    waiting: int
    in_work: int
    retrying: int
    dead: int
    discarded: int
    lost: int
    stored: int | None
    oldest_seconds: float

    @property
    def drained(self) -> bool:
        """Whether nothing is left to be worked off."""
        return self.waiting + self.in_work + self.retrying == 0

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost and, where there is a store, nothing done is without its result."""
        return self.lost == 0 and (self.stored is None or self.stored >= self.done)

    def __str__(self) -> str:
        parts = f"done {self.done} + waiting {self.waiting} + in work {self.in_work} + retrying {self.retrying}"
        ended = f"{parts} + dead {self.dead}" + (f" + discarded {self.discarded}" if self.discarded else "")
        return f"{self.topic}: accepted {self.accepted} = {ended}; lost {self.lost}"


def ledger_of(topic: str, counts: Counts, stored: int | None = None) -> Ledger:
    """Return the ledger that follows from the broker's counts and the number of results in the store.

    Count the broker first: a result may be saved before its message is settled, never the other way round, so `stored`
    is never behind `done` while all is well.
    """
    return Ledger(
        topic=topic,
        accepted=counts.accepted,
        done=counts.done,
        waiting=counts.waiting,
        in_work=counts.in_work,
        retrying=counts.retrying,
        dead=counts.dead,
        discarded=counts.discarded,
        lost=counts.lost,
        stored=stored,
        oldest_seconds=counts.oldest_seconds,
    )
