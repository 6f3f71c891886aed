"""Which way of storing is the quicker: each message by itself, all under way at once, or all of them as one.

A server that syncs every message pays for one sync where a batch is stored as one. But a batch has a price of its own,
some 4 ms however small it is: the server makes a store in files for it, and removes it again. So a few messages are
quicker by themselves, and on a server that does not sync many are too. What is so here, measuring tells.
"""

from __future__ import annotations

SINGLE_SECONDS = 0.03e-3
"""Of one message among many under way, on a server that does not sync; where it does, the first batches tell."""
BATCH_SECONDS = 4e-3
"""Of a batch, beside its messages."""
SHARE_SECONDS = 0.02e-3
"""Of one message in a batch."""
FEWEST = 4
"""Messages that tell something: of fewer it is the way to the server that is measured."""
WEIGHT = 0.3
"""Of the newest measurement."""
AGAIN = 1_000
"""Batches after which the other way is tried again: the server may have been set otherwise, or had a bad moment."""


class Pace:
    """What storing has lately cost on one connection.

    Attributes:
        single: seconds for one message of those stored each by itself.
        batch: seconds for a batch, beside `SHARE_SECONDS` for each of its messages.
    """

    def __init__(self) -> None:
        self.single = SINGLE_SECONDS
        self.batch = BATCH_SECONDS
        self._batches = 0

    def prefers_one(self, count: int) -> bool:
        """Say whether so many messages are stored more quickly as one."""
        if self.batch + SHARE_SECONDS * count >= self.single * count:
            return False
        self._batches += 1
        if self._batches % AGAIN:
            return True
        self.single = SINGLE_SECONDS
        return False

    def note(self, count: int, as_one: bool, seconds: float) -> None:
        """Take in how long so many messages took."""
        if as_one:
            self.batch += WEIGHT * (max(0.0, seconds - SHARE_SECONDS * count) - self.batch)
        elif count >= FEWEST:
            self.single += WEIGHT * (seconds / count - self.single)
