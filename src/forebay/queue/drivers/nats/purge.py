"""Removing what waits or is to be tried again, message by message: what is in work stays."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.errors import Unknown
from forebay.queue.drivers.nats.api import Api
from forebay.queue.drivers.nats.fetcher import Fetcher
from forebay.queue.drivers.nats.leases import DONE, Lease, Leases
from forebay.queue.drivers.nats.notes import Notes
from forebay.queue.drivers.nats.structures import Way
from forebay.queue.drivers.nats.wire import Frame, Wire

AT_ONCE = 500


class Purge:
    """Removes the unfinished messages of one group that nobody holds.

    Arguments:
        wire, api: to the broker.
        ways, leases, notes: of the group.
    """

    def __init__(self, wire: Wire, api: Api, ways: Sequence[Way], leases: Leases, notes: Notes) -> None:
        self._wire = wire
        self._api = api
        self._ways = ways
        self._leases = leases
        self._notes = notes

    async def run(self) -> int:
        """Remove them; return how many there were."""
        return await self._put_back() + sum([await self._pending(way) for way in self._ways])

    async def _put_back(self) -> int:
        """Acknowledge what was given back, for which nobody can be asked: its note tells how."""
        floors = {way.kind: await self._floor(way) for way in self._ways}
        notes = [note for note in await self._notes.all() if not note.held and note.seq > floors.get(note.kind, 0)]
        if not notes:
            return 0
        await self._notes.tear([note.place for note in notes])  # first: without its note a message only comes again
        answers = await self._wire.ask([Frame(note.ack, DONE) for note in notes])
        if None in answers:
            raise Unknown("NATS has not confirmed that all was removed; say it again")
        return len(notes)

    async def _pending(self, way: Way) -> int:
        """Fetch and acknowledge what had not been delivered when we began."""
        info = await self._api.ask(f"CONSUMER.INFO.{way.stream}.{way.consumer}")
        left, removed = int(info["num_pending"]), 0
        fetcher = Fetcher(self._wire, [way])
        while removed < left:
            await fetcher.fetch(min(AT_ONCE, left - removed), 0.0)
            leases = [Lease(raw, raw.fetched_at + self._leases.seconds) for raw in fetcher.take(AT_ONCE)]
            if not leases:
                break
            if not await self._leases.tell([(lease, DONE) for lease in leases]):
                raise Unknown("NATS has not confirmed that all was removed; say it again")
            await self._notes.tear([lease.place for lease in leases if lease.deliveries > 1])
            removed += len(leases)
        return removed

    async def _floor(self, way: Way) -> int:
        info = await self._api.ask(f"CONSUMER.INFO.{way.stream}.{way.consumer}")
        return int(info["ack_floor"]["stream_seq"])
