"""What a proxy can do to the streams that run through it, in the words of toxiproxy.

A toxic sees each piece of a stream as it passes and yields what is to go on: later, in slices, or not at all.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol


class Stream(StrEnum):
    """One of the two directions of a connection."""

    UPSTREAM = "upstream"
    """From the client to the server: requests."""
    DOWNSTREAM = "downstream"
    """From the server to the client: replies."""


class Passage(Protocol):
    """One stream of one connection, as a toxic sees it."""

    stream: Stream
    arrived: float
    """When the piece in hand was read, by the clock of the loop."""

    @property
    def connection(self) -> int:
        """The number of the connection; its other stream has the same."""
        ...

    def reset(self) -> None:
        """Break the connection off: both ends get an RST."""
        ...

    def close(self) -> None:
        """End the connection in order: both ends read an end of file."""
        ...


class Toxic:
    """The root of all toxics; by itself it does nothing.

    Attributes:
        gone: set once it has been removed, for those that hold something back.
    """

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Yield what is to go on of one piece of a stream."""
        yield piece

    def ended(self, connection: int) -> None:
        """Hear that a connection is over."""


class Latency(Toxic):
    """Delays every piece; a stream keeps its order, and its rate.

    Arguments:
        seconds: the delay. jitter: at most so much is added or taken away, evenly spread.
    """

    def __init__(self, seconds: float, jitter: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.jitter = jitter

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Wait until the piece is old enough."""
        due = passage.arrived + self.seconds + random.uniform(-self.jitter, self.jitter)
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        yield piece


class Bandwidth(Toxic):
    """Lets so many bytes a second through, each stream of each connection by itself."""

    SLICE_SECONDS = 0.05

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Pass the piece on slice by slice, and wait for as long as each takes."""
        size = max(1, int(self.rate * self.SLICE_SECONDS))
        for at in range(0, len(piece), size):
            part = piece[at : at + size]
            await asyncio.sleep(len(part) / self.rate)
            yield part


class Slicer(Toxic):
    """Cuts the stream into small pieces, so that no message comes whole.

    Arguments:
        size: bytes of a piece, half as many to half as many again. delay: seconds between two.
    """

    def __init__(self, size: int, delay: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.delay = delay

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Yield the piece bit by bit."""
        at = 0
        while at < len(piece):
            size = max(1, random.randint(self.size // 2, self.size + self.size // 2))
            yield piece[at : at + size]
            at += size
            await asyncio.sleep(self.delay)


class Timeout(Toxic):
    """A black hole: nothing gets through, and nobody is told; on one stream only, a cut in one direction.

    What was held goes on when the toxic is removed, as TCP sends again what a broken network swallowed: a connection
    that outlives the cut finds its stream whole.

    Arguments:
        seconds: after which the connection is closed; 0: never.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Hold the piece until the toxic is gone, or the time is up."""
        try:
            async with asyncio.timeout(self.seconds or None):
                await self.gone.wait()
        except TimeoutError:
            passage.close()
        else:
            yield piece


class ResetPeer(Toxic):
    """Breaks a connection off (RST) `seconds` after the first piece that it sees of it."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self._begun: dict[int, float] = {}

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Pass the piece on while there is time."""
        loop = asyncio.get_running_loop()
        if passage.connection not in self._begun:
            self._begun[passage.connection] = loop.time()
            if self.seconds:
                loop.call_later(self.seconds, self._end, passage)
        if loop.time() - self._begun[passage.connection] < self.seconds:
            yield piece
        else:
            passage.reset()

    def _end(self, passage: Passage) -> None:
        if not self.gone.is_set():
            passage.reset()


class LimitData(Toxic):
    """Closes a connection when so many bytes have gone through one of its streams."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._passed: dict[tuple[int, Stream], int] = {}

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Pass on what is allowed."""
        place = (passage.connection, passage.stream)
        before = self._passed.get(place, 0)
        self._passed[place] = before + len(piece)
        if part := piece[: max(0, self.size - before)]:
            yield part
        if self._passed[place] >= self.size:
            passage.close()


class LostReply(Toxic):
    """Lets a request through to the server and swallows what comes back: the client never hears what it has done.

    From the request on nothing more comes back on that connection; `hold` seconds after the first swallowed bytes it
    is broken off. A client that leaves before there is a reply loses none: another request takes its place. To be put
    on both streams.

    Arguments:
        request: what the request contains; a pattern of bytes.
        times: how many requests meet this fate; the others pass.
        hold: seconds for the server to do all that it was asked; inf: silence without an end.

    Attributes:
        happened: set once a connection was broken off.
    """

    TAIL = 256

    def __init__(self, request: bytes, times: int = 1, hold: float = 0.1) -> None:
        super().__init__()
        self.happened = asyncio.Event()
        self.times = times
        self.hold = hold
        self._request = re.compile(request, re.DOTALL)
        self._tails: dict[int, bytes] = {}
        self._mute: set[int] = set()
        self._ending: set[int] = set()

    @property
    def lost(self) -> int:
        """How many replies were swallowed, with all that came after each."""
        return len(self._ending)

    async def spoil(self, piece: bytes, passage: Passage) -> AsyncIterator[bytes]:
        """Look for the request on its way up, swallow what comes down after it."""
        if passage.stream is Stream.UPSTREAM:
            self._look(piece, passage.connection)
            yield piece
        elif passage.connection not in self._mute:
            yield piece
        elif passage.connection not in self._ending:
            self._ending.add(passage.connection)
            if self.hold < float("inf"):
                asyncio.get_running_loop().call_later(self.hold, self._break_off, passage)

    def ended(self, connection: int) -> None:
        """Let another request meet the fate, where this connection had none to lose."""
        if connection not in self._ending:
            self._mute.discard(connection)

    def _look(self, piece: bytes, connection: int) -> None:
        if connection in self._mute or len(self._mute) >= self.times:
            return
        seen = self._tails.get(connection, b"") + piece  # a request may come in two pieces
        self._tails[connection] = seen[-self.TAIL :]
        if self._request.search(seen):
            self._mute.add(connection)

    def _break_off(self, passage: Passage) -> None:
        passage.reset()
        self.happened.set()
