"""From what the server hands over to what a worker gets: attempts counted, delays kept, turns awaited."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from forebay.clock import Clock
from forebay.errors import ForebayError
from forebay.message import Message
from forebay.queue.driver import Delivery
from forebay.queue.drivers.nats.address import Names
from forebay.queue.drivers.nats.envelope import header_block, lines_of, read_message
from forebay.queue.drivers.nats.fetcher import Raw
from forebay.queue.drivers.nats.leases import DONE, Lease, Leases, nak
from forebay.queue.drivers.nats.notes import Note, Notes, Tally
from forebay.queue.drivers.nats.storing import confirmed
from forebay.queue.drivers.nats.turns import Turns
from forebay.queue.drivers.nats.wire import Frame, Gone, Wire
from forebay.queue.headers import ID

log = logging.getLogger("forebay.queue.nats")

MOST_PARKED = 1_000
"""Messages in hand that wait for those before them; of more, the last ones are given back."""
ASIDE_SECONDS = 5.0
"""How long those stay away: those that come before them shall find room."""


class Arrivals:
    """Takes in what was fetched for one group.

    Arguments:
        wire: to the broker.
        names: of the topic.
        leases: of this process.
        notes: of the group.
        turns: whose turn it is; None: everybody's.
        reissued: counts messages that were published again, for they are not new ones.
        clock: tells what is due.
    """

    def __init__(
        self,
        wire: Wire,
        names: Names,
        leases: Leases,
        notes: Notes,
        turns: Turns | None,
        reissued: Tally,
        clock: Clock,
    ) -> None:
        self._wire = wire
        self._names = names
        self._leases = leases
        self._notes = notes
        self._turns = turns
        self._reissued = reissued
        self._clock = clock
        self._parked: list[Delivery] = []
        self._sorting = asyncio.Lock()  # two at once would both hand out what is parked
        self._wanted = False
        self._beat: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def parked(self) -> int:
        """How many messages in hand wait for their turn."""
        return len(self._parked)

    async def take_in(self, raws: Sequence[Raw], limit: int) -> list[Delivery]:
        """Return what may be worked off now, at most `limit`; the rest is given back, or parked."""
        now = time.monotonic()
        fresh: list[Delivery] = []
        again: list[tuple[Raw, Lease]] = []
        for raw in raws:
            lease = Lease(raw, raw.fetched_at + self._leases.seconds)
            if not lease.holds(now):
                continue  # we stood still for too long: the server gives it to another
            if lease.deliveries == 1:
                fresh.append(Delivery(self._message(raw, lease), 1, lease))
            else:
                again.append((raw, lease))
        if again:
            fresh += await self._come_again(again)
        clock = self._clock.time()
        delayed = {id(one): one for one in fresh if one.handle.deliveries == 1 and one.message.not_before > clock}
        await self._put_off(list(delayed.values()))
        ready = [one for one in fresh if id(one) not in delayed] if delayed else fresh
        if self._turns is not None:
            async with self._sorting:
                return await self._in_turn(ready, self._turns, limit)
        return await self._hand_out(ready)

    def _message(self, raw: Raw, lease: Lease) -> Message:
        return read_message(raw.headers, raw.data, f"{self._names.topic}-{lease.seq}", lease.stored_at)

    async def _come_again(self, again: Sequence[tuple[Raw, Lease]]) -> list[Delivery]:
        """Return deliveries with their attempts; give back what the server has brought too early."""
        notes = await self._notes.read([lease.place for _, lease in again])
        ready: list[Delivery] = []
        early: list[tuple[Lease, Note]] = []
        for (raw, lease), note in zip(again, notes, strict=True):
            message, attempt = self._message(raw, lease), lease.deliveries
            if note is not None and note.is_of(lease.stored_at):
                lease.noted = True
                attempt = note.attempt(lease.deliveries)
                if note.headers is not None:
                    message = message.replace(headers=note.headers)
                if not note.held and note.due > self._clock.time():
                    early.append((lease, note))
                    continue
            ready.append(Delivery(message, attempt, lease))
        if early:  # the server had forgotten the delay, as it may when it is killed
            now = self._clock.time()
            await self._notes.write(
                [_changed(note, lease, attempts=note.attempts, due=note.due) for lease, note in early]
            )
            await self._leases.tell([(lease, nak(note.due - now)) for lease, note in early])
        return ready

    async def _put_off(self, delayed: Sequence[Delivery]) -> None:
        """Give back what is not due; that delivery was no attempt."""
        if not delayed:
            return
        now = self._clock.time()
        await self._notes.write([note_of(one, due=one.message.not_before) for one in delayed])
        await self._leases.tell([(one.handle, nak(one.message.not_before - now)) for one in delayed])

    async def _hand_out(self, ready: Sequence[Delivery]) -> list[Delivery]:
        """Note what is tried again as held, and return all."""
        again = [one for one in ready if one.handle.noted or one.handle.deliveries > 1]
        if again:
            await self._notes.write([note_of(one, held=True) for one in again])
            for one in again:
                one.handle.noted = True
        for one in ready:
            self._leases.hold(one)
        return list(ready)

    async def _in_turn(self, ready: Sequence[Delivery], turns: Turns, limit: int) -> list[Delivery]:
        """Return what has its turn, of what has come and what was parked; park the rest."""
        self._wanted = True
        queue = [one for one in ready if one.handle.way.kind != "later"]
        await self._join_the_line([one for one in ready if one.handle.way.kind == "later"])
        now = time.monotonic()
        waiting = [one for one in self._parked if one.handle.holds(now)]
        known = {id(one) for one in waiting}
        going, finished, staying = await turns.sort([*waiting, *queue])
        now = time.monotonic()
        going = [one for one in going if one.handle.holds(now)]  # it may have been purged meanwhile
        going, staying = going[:limit], [*staying, *going[limit:]]
        staying.sort(key=lambda one: int(one.handle.seq))
        new = [one for one in staying if id(one) not in known]
        if new:
            await self._notes.write([note_of(one) for one in new])
            for one in new:
                one.handle.noted = True
        if finished:
            await self._leases.tell([(one.handle, DONE) for one in finished])
        self._parked = [one for one in staying[:MOST_PARKED] if not one.handle.over]
        self._keep_parked()
        await self._give_back(staying[MOST_PARKED:], ASIDE_SECONDS)
        return await self._hand_out(going)

    async def _give_back(self, parked: Sequence[Delivery], seconds: float) -> None:
        """Give back what waits for its turn; its note is written."""
        self._leases.let_go(one.handle for one in parked)
        if parked:
            await self._leases.tell([(one.handle, nak(seconds)) for one in parked])

    async def _join_the_line(self, due: Sequence[Delivery]) -> None:
        """Publish again what had to wait for its time: only now has it a place in the order."""
        if not due:
            return
        frames = []
        for one in due:
            message, id = one.message, f"{one.handle.way.consumer}.{one.handle.seq}.{one.handle.stored_at!r}"
            lines = {**lines_of(message.replace(id=id)), ID: message.id}
            subject = self._names.back(one.handle.way.consumer.removeprefix("_later-"), message.key)
            frames.append(Frame(subject, message.body, header_block(lines, message.headers)))
        await confirmed(self._wire, frames, self._names.topic)
        await self._reissued.add(len(due))
        await self._leases.tell([(one.handle, DONE) for one in due])
        await self._notes.tear([one.handle.place for one in due if one.handle.noted])

    def _keep_parked(self) -> None:
        if self._parked and self._beat is None:
            self._beat = asyncio.get_running_loop().call_later(self._leases.seconds / 3, self._renew_soon)

    def _renew_soon(self) -> None:
        self._beat = None
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        try:
            if self._wanted:
                self._wanted = False
                await self._leases.extend([one.handle for one in self._parked])
            else:  # nobody has asked since: the turn of these may come, and others have time for them
                async with self._sorting:
                    await self._give_back(self.take_parked(), 0.0)
        except (ForebayError, Gone) as error:
            log.debug("%s: what waits for its turn comes again when its leases end: %s", self._names.topic, error)
        self._keep_parked()

    def take_parked(self) -> list[Delivery]:
        """Return what is parked, to be given back, and park nothing."""
        parked, self._parked = self._parked, []
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        return parked


def note_of(delivery: Delivery, *, held: bool = False, due: float = 0.0, attempts: int | None = None) -> Note:
    """Return what is to be noted of a delivery: in work, or given back without an attempt unless `attempts` says."""
    lease: Lease = delivery.handle
    return Note(
        lease.place,
        lease.deliveries,
        (delivery.attempt if held else delivery.attempt - 1) if attempts is None else attempts,
        held,
        due,
        delivery.message.headers,
        lease.ack.decode(),
        delivery.message.accepted_at,
    )


def _changed(note: Note, lease: Lease, attempts: int, due: float) -> Note:
    return Note(note.place, lease.deliveries, attempts, False, due, note.headers, lease.ack.decode(), note.since)
