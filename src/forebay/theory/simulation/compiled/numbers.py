"""Random numbers in an array, in the order and in the portions in which the specification takes them."""

from __future__ import annotations

import numpy as np

from forebay.theory.simulation.block import CHUNK, Seconds, Stream


class Numbers:
    """The next numbers of a stream, as many as a call may need at most."""

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream
        self._numbers = np.empty(0)
        self._used = self._filled = 0

    def reserve(self, count: int) -> Seconds:
        """Return an array of at least so many numbers that were not used; empty when there is no stream."""
        if self._stream is None:
            return self._numbers
        missing = max(0, count - (self._filled - self._used))
        room = self._filled - self._used + -(-missing // CHUNK) * CHUNK
        if self._used + room > len(self._numbers):
            self._make_room(room)
        while self._filled - self._used < count:
            self._stream(self._numbers[self._filled : self._filled + CHUNK])
            self._filled += CHUNK
        return self._numbers[self._used :]

    def use(self, count: int) -> None:
        """Take note that so many were used."""
        self._used += count

    def _make_room(self, room: int) -> None:
        unused = self._numbers[self._used : self._filled]
        numbers = np.empty(2 * room) if 2 * room > len(self._numbers) else self._numbers
        numbers[: len(unused)] = unused
        self._numbers, self._used, self._filled = numbers, 0, len(unused)
