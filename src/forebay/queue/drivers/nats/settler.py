"""How deliveries end: first all that must outlast them is durable, then the server is told, then the notes go."""

from __future__ import annotations

import time
from collections.abc import Sequence

from forebay.clock import Clock
from forebay.errors import ForebayError, Unknown
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.nats.arrivals import note_of
from forebay.queue.drivers.nats.leases import DONE, Leases, nak
from forebay.queue.drivers.nats.letters import Letters
from forebay.queue.drivers.nats.notes import Note, Notes
from forebay.queue.drivers.nats.turns import Turns


class Settler:
    """Ends deliveries of one group.

    Arguments:
        leases: of this process.
        notes: of the group.
        letters: of the group; None: nothing is kept of what a subscriber of its own gives up.
        turns: where messages wait for those before them.
        clock: tells when a retry is due.
    """

    def __init__(
        self, leases: Leases, notes: Notes, letters: Letters | None, turns: Turns | None, clock: Clock
    ) -> None:
        self._leases = leases
        self._notes = notes
        self._letters = letters
        self._turns = turns
        self._clock = clock

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries; False for each whose lease is over.

        Raises:
            Unavailable, Unknown: nothing is settled that can be settled twice; the same call may be repeated.
        """
        now = time.monotonic()
        ours: dict[int, Settlement] = {}
        held = []
        for one in settlements:
            lease = one.delivery.handle
            held.append(lease.holds(now) and id(lease) not in ours)
            if held[-1]:
                ours[id(lease)] = one
        self._leases.let_go(one.delivery.handle for one in settlements if one.delivery.handle.over)
        told = await self._end(list(ours.values())) if ours else set()
        return [was and id(one.delivery.handle) in told for was, one in zip(held, settlements, strict=True)]

    async def _end(self, ours: list[Settlement]) -> set[int]:
        """End deliveries; return those whose leases have held until the server was told."""
        ended = [one for one in ours if one.ending in (Ending.DONE, Ending.DEAD)]
        again = [one for one in ours if one.ending in (Ending.RETRY, Ending.RELEASE)]
        if dead := [_told(one) for one in ended if one.ending is Ending.DEAD and not one.delivery.handle.buried]:
            await self._bury(dead)
        if again:
            await self._notes.write([self._note(one) for one in again])
            again = _held(again)
            words = [(one.delivery.handle, nak(one.delay if one.ending is Ending.RETRY else 0.0)) for one in again]
            await self._leases.tell(words)  # should it not be heard, they come again when their leases end
            self._leases.let_go(one.delivery.handle for one in again)
        if ended := _held(ended):
            await self._finish([one.delivery for one in ended])
        return {id(one.delivery.handle) for one in [*again, *ended]}

    async def _finish(self, ended: list[Delivery]) -> None:
        if self._turns is not None:
            await self._turns.finish(ended)
        if not await self._leases.tell([(one.handle, DONE) for one in ended]):
            raise Unknown("NATS has not confirmed that messages have ended")
        self._leases.let_go(one.handle for one in ended)
        if self._turns is not None:
            self._turns.tell()
        if noted := [one.handle.place for one in ended if one.handle.noted]:
            try:
                await self._notes.tear(noted)
            except ForebayError:
                return  # a note on a message that is gone is passed over by all who read it

    async def _bury(self, dead: list[Delivery]) -> None:
        if self._letters is not None:
            await self._letters.bury(dead)
        for one in dead:
            one.handle.buried = True

    def _note(self, one: Settlement) -> Note:
        if one.ending is Ending.RELEASE:
            return note_of(one.delivery)
        return note_of(_told(one), due=self._clock.time() + one.delay, attempts=one.delivery.attempt)


def _held(ours: Sequence[Settlement]) -> list[Settlement]:
    """Return those whose leases hold still, after what was written meanwhile."""
    now = time.monotonic()
    return [one for one in ours if one.delivery.handle.holds(now)]


def _told(one: Settlement) -> Delivery:
    """Return the delivery with the headers that it ends with."""
    delivery = one.delivery
    if one.headers is None:
        return delivery
    return Delivery(delivery.message.replace(headers=one.headers), delivery.attempt, delivery.handle)
