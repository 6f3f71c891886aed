"""Fetching: what there is now or, where there is nothing, what comes within a wait, through all ways of a group.

A request says how many and how long; the server answers with messages and then says that there are no more. The lease
of what comes is reckoned from the moment of the request: whatever has happened in between, we never hold it for longer
than the server does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from forebay.errors import Unavailable
from forebay.queue.drivers.nats.structures import SECOND, Way
from forebay.queue.drivers.nats.wire import Frame, Gone, Wire, status_of

STRAGGLERS_SECONDS = 2.0
"""How long what comes after a request was given up is still heard: it was under way."""
SILENT_SECONDS = 60.0
"""The same where the server kept silent: what it hands out when it goes on would cost an attempt."""
LATE_SECONDS = 0.5
"""How much later than it should a server may say that there is no more."""
ASIDE_SECONDS = 0.05
"""How seldom the ways beside the first are asked while that one has messages enough."""
NONE_NOW = 404
TIMEOUT = 408


class Raw(msgspec.Struct, gc=False):
    """A message as the server has handed it over.

    Arguments:
        way: through which.
        ack: the subject under which its end is told.
        headers, data: as they came.
        fetched_at: monotonic seconds at which it was asked for.
    """

    way: Way
    ack: bytes
    headers: bytes
    data: bytes
    fetched_at: float


class _Pull:
    """One request under way."""

    __slots__ = ("ear", "ended", "found", "gone", "got", "hear_out", "left", "since", "tell", "wanted", "way")

    def __init__(self, way: Way, wanted: int, tell: Callable[[bool], None], found: list[Raw]) -> None:
        self.way = way
        self.wanted = wanted
        self.tell = tell
        self.found = found
        self.since = time.monotonic()
        self.ended = self.gone = self.got = self.hear_out = self.left = False
        self.ear = 0

    def hear(self, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if not reply:
            self.ended = True
            self.gone = status_of(headers) not in (NONE_NOW, TIMEOUT)
        else:
            self.found.append(Raw(self.way, reply, headers, data, self.since))
            self.got = True
            self.wanted -= 1
            self.ended = not self.wanted
        if self.ended or self.left:
            self.tell(self.left and bool(reply))


class Fetcher:
    """Fetches for one group.

    Arguments:
        wire: to the broker.
        ways: of the group, the one with most messages first.

    Attributes:
        found: what has come and was not taken yet.
        on_straggler: called whenever something has come for a request that was given up.
    """

    def __init__(self, wire: Wire, ways: Sequence[Way]) -> None:
        self.found: list[Raw] = []
        self.on_straggler: Callable[[], None] = lambda: None
        self.ways = list(ways)
        self._wire = wire
        self._told = asyncio.Event()
        self._aside_at = 0.0
        self._closed = self._hurried = False

    async def fetch(self, limit: int, wait: float) -> None:
        """Let come into `found` what there is, up to `limit` through each way, or wait for it.

        Raises:
            Gone: something is not there any more. Unavailable: there is no connection.
        """
        now = time.monotonic()
        aside = now - self._aside_at > ASIDE_SECONDS
        if aside:
            self._aside_at = now
        await self._run(self.ways if aside else self.ways[:1], limit, 0.0)
        if not self.found and wait > 0 and not self._hurried:
            await self._run(self.ways, limit, wait)

    async def _run(self, ways: Sequence[Way], limit: int, wait: float) -> None:
        pulls = [self._begin(way, limit, wait) for way in ways]
        try:
            await self._heard_of(pulls, wait)
        finally:
            for pull in pulls:
                self._leave(pull)

    def _leave(self, pull: _Pull) -> None:
        pull.left = True
        if pull.hear_out and not pull.ended:  # to stop now would let the server throw away what it is about to hand out
            asyncio.get_running_loop().call_later(SILENT_SECONDS, self._wire.stop_listening, pull.ear, 0.0)
        else:
            self._wire.stop_listening(pull.ear, 0.0 if pull.ended else STRAGGLERS_SECONDS)

    def _begin(self, way: Way, limit: int, wait: float) -> _Pull:
        pull = _Pull(way, limit, self._heard, self.found)
        pull.hear_out = not wait  # the server ends such a request by itself, as soon as it sees it
        inbox = self._wire.inbox()
        pull.ear = self._wire.listen(inbox, pull.hear)
        # no_wait with an end: what there is at once, or what comes first until then, and never a wait for more
        more = f',"expires":{int(wait * SECOND)}' if wait else ""
        request = f'{{"batch":{limit},"no_wait":true{more}}}'
        self._wire.send([Frame(way.next, request.encode()).written(inbox)])
        return pull

    def _heard(self, straggler: bool) -> None:
        """Let who waits look; what came late is for whoever waits now, or else for the driver to look after."""
        self._told.set()
        if straggler:
            self._hurried = True
            self.on_straggler()

    async def _heard_of(self, pulls: list[_Pull], wait: float) -> None:
        """Return when all have ended, or one of them has with messages."""
        try:
            async with asyncio.timeout(wait + LATE_SECONDS):
                while not all(pull.ended for pull in pulls):
                    if wait and (self._hurried or any(pull.ended and pull.got for pull in pulls)):
                        return
                    self._told.clear()
                    if self._closed or not self._wire.connected:
                        raise Unavailable("the connection to NATS was lost, or closed, while messages were awaited")
                    await self._told.wait()
        except TimeoutError:
            for pull in pulls:
                pull.hear_out = True
        if any(pull.gone for pull in pulls) or not (self.found or all(pull.ended for pull in pulls)):
            raise Gone

    def take(self, limit: int) -> list[Raw]:
        """Take up to so many of what has come; what hurried us is being seen to."""
        self._hurried = False
        taken = self.found[:limit]
        del self.found[:limit]
        return taken

    def hurry(self) -> None:
        """Let a wait end: there may be something to do with what has come before."""
        self._hurried = True
        self._told.set()

    def wake(self, *, closed: bool = False) -> None:
        """Let who waits look again: the connection was lost, or the driver is closed."""
        self._closed = self._closed or closed
        self._told.set()
