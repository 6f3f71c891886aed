"""A subscriber of its own: it gets what is published while it is open, keeps its own books, and leaves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from forebay.clock import Clock
from forebay.durability import Durability
from forebay.queue.driver import Counts, DeadLetter, Ending, Found, Settlement
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part, Whereabouts
from forebay.queue.drivers.kafka.driver import KafkaQueue
from forebay.queue.drivers.kafka.ledger import progress_of
from forebay.queue.drivers.kafka.listener import Listener
from forebay.queue.drivers.kafka.poller import Poller
from forebay.queue.drivers.kafka.surveyor import Extent, Surveyor


class KafkaEach(KafkaQueue):
    """One topic of Kafka for one who belongs to no group.

    What it gives up is counted as discarded: nobody could ever return it.

    Arguments:
        address, durability, surveyor, background, clock: as of :class:`KafkaQueue`.
        starts: where each partition ended when this subscriber was opened.
    """

    def __init__(
        self,
        address: Address,
        durability: Durability,
        surveyor: Surveyor,
        background: ThreadPoolExecutor,
        clock: Clock,
        starts: Mapping[Part, int],
    ) -> None:
        super().__init__(address, durability, surveyor, background, clock)
        self._surveyor = surveyor
        self._first = {part: start for part, start in starts.items() if part[0] != address.retry}
        self._next = self._first
        self._discarded = 0

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries; the broker hears nothing of it."""
        self._check_open()
        if self._poller is None:
            return [False] * len(settlements)
        answers = self._poller.holdings.settle(settlements, self._clock.time())
        ended = zip(settlements, answers, strict=True)
        self._discarded += sum(held and one.ending is Ending.DEAD for one, held in ended)
        self._arrival.set()
        return answers

    async def counts(self) -> Counts:
        """Count what has come since this subscriber was opened."""
        return await self._ask(self._count)

    async def find(self, reference: str) -> Found | None:
        """Look at the place that the reference names."""
        return await self._ask(lambda: self._look_at(reference))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return nothing: who belongs to no group keeps no dead letters."""
        self._check_open()
        return []

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Return 0: there are none."""
        self._check_open()
        return 0

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Return 0: there are none."""
        self._check_open()
        return 0

    async def purge(self) -> int:
        """Pass over all that has come and is not in work."""
        self._check_open()
        poller = self._poller or self._join()
        count = await poller.purge()
        self._discarded += count
        return count

    def _part_from(self, failed: Poller) -> None:
        if isinstance(failed, Listener):
            self._next = failed.positions()
        super()._part_from(failed)

    def _join(self) -> Listener:
        self._poller = listener = Listener(self._address, self._next, self._clock, self._tell_arrival)
        listener.start()
        return listener

    def _extents(self) -> dict[Part, Extent]:
        """Return what there was to hear; of partitions that were added since, all."""
        ends = self._surveyor.ends()
        theirs = {part: end for part, end in ends.items() if part[0] != self._address.retry}
        firsts = {part: self._first.get(part, 0) for part in theirs}
        return {part: Extent(firsts[part], end, self._next.get(part, 0)) for part, end in theirs.items()}

    def _count(self) -> Counts:
        tallies = self._holdings.tallies() if self._holdings is not None else {}
        progress = progress_of(self._extents(), tallies)
        worked = sum(one.worked - self._first.get(part, 0) for part, one in progress.items())
        left = sum(one.left for one in progress.values())
        in_work = sum(one.in_hand for one in progress.values())
        waiting = sum(one.waiting(delays=part[0] != self._address.topic) for part, one in progress.items())
        return Counts(
            accepted=worked + left,
            waiting=waiting,
            in_work=in_work,
            retrying=left - in_work - waiting,
            done=worked - self._discarded,
            discarded=self._discarded,
            oldest_seconds=self._ledger.oldest(progress),
        )

    def _look_at(self, reference: str) -> Found | None:
        id, part, offset = self._ledger.place_of(reference)
        extent = self._extents().get(part)
        if extent is None or not extent.start <= offset < extent.end:
            return None
        here = self._holdings.where(part, offset) if self._holdings is not None else Whereabouts()
        came = None if here.state == "ended" else self._surveyor.record(part, offset)
        if came is None or came.message.id != id:
            return None
        return self._ledger.found(came, here)
