"""Where every message of a topic is, derived from three topics and the positions of one group in them.

A message lives in one place at a time: the main topic, then perhaps a retry record, then perhaps a dead letter. Each
step is a new record and a position that moves over the old one; so with E the ends and C the positions,

    done = C(main) + C(retry) - E(retry) - ever buried - purged

because every record that a position has passed has ended well, or has gone to a retry, a grave, or was purged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.clock import Clock
from forebay.queue.driver import Counts, DeadLetter, Found, State
from forebay.queue.drivers.kafka.address import Address
from forebay.queue.drivers.kafka.assignment import Part
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.letters import Letters
from forebay.queue.drivers.kafka.records import Arrival, read
from forebay.queue.drivers.kafka.surveyor import Extent, Surveyor
from forebay.queue.drivers.kafka.tail import Tail

MOST_RETRIES_REMEMBERED = 10_000


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far one partition is worked off, as well as this process can know.

    Arguments:
        position: everything below it has ended.
        worked: records that have ended, those above the position included, counted from offset 0.
        left: records that have not ended.
        in_hand: those of them that are in work in this process.
    """

    position: int
    worked: int
    left: int
    in_hand: int


class Ledger:
    """Counts and finds messages; every method blocks its thread, and all are called from one.

    Arguments:
        address: the topics and the group.
        surveyor: asks the broker; closed with the ledger.
        clock: for the age of messages.
    """

    def __init__(self, address: Address, surveyor: Surveyor, clock: Clock) -> None:
        self._address = address
        self._surveyor = surveyor
        self._clock = clock
        self._letters = Letters(address.reader, address.dead)
        self._retries: dict[str, tuple[Part, int, Arrival]] = {}
        self._retry_tail: Tail | None = None
        self._births: dict[Part, tuple[int, float]] = {}

    @property
    def parts(self) -> set[Part]:
        """All partitions of the main and the retry topic."""
        return self._surveyor.parts

    def counts(self, holdings: Holdings | None) -> Counts:
        """Return how many messages are where; what other processes have in work counts as waiting."""
        progress, extents = self._progress(holdings)
        self._letters.catch_up()  # after the positions: a grave is dug before a position moves
        total = self._letters.total
        main = [one for part, one in progress.items() if part[0] == self._address.topic]
        retry = [one for part, one in progress.items() if part[0] == self._address.retry]
        retried = sum(extent.end for part, extent in extents.items() if part[0] == self._address.retry)
        worked = sum(one.worked for one in progress.values())
        done = worked - retried - total.buried - total.purged
        waiting = sum(one.left - one.in_hand for one in main)
        retrying = sum(one.left - one.in_hand for one in retry)
        return Counts(
            accepted=sum(e.end for part, e in extents.items() if part[0] == self._address.topic) - total.returned,
            waiting=max(waiting + min(done, 0), 0),  # less than 0: moved by others, whose positions are still to move
            in_work=sum(one.in_hand for one in progress.values()),
            retrying=retrying,
            done=max(done, 0),
            dead=len(self._letters.lying),
            discarded=total.dropped + total.purged,
            oldest_seconds=self._oldest(progress),
        )

    def waiting(self, holdings: Holdings | None) -> int:
        """Return how many messages wait for their first attempt."""
        progress, _ = self._progress(holdings)
        return sum(one.left - one.in_hand for part, one in progress.items() if part[0] == self._address.topic)

    def find(self, reference: str, holdings: Holdings | None) -> Found | None:
        """Return where the message of a reference is."""
        id, partition, offset = _parts_of(reference)
        if partition < 0 or (self._address.topic, partition) not in self.parts:
            return None
        extents = self._surveyor.survey()
        found = self._waiting_at(id, (self._address.topic, partition), offset, extents, holdings)
        if found is not None:
            return found
        self._letters.catch_up()
        if (lying := self._letters.lying.get(id)) is not None:
            return Found(State.DEAD, lying.message.accepted_at, lying.attempts, lying.message.headers)
        if (again := self._letters.returned_to.get(id)) is not None:
            found = self._waiting_at(id, (self._address.topic, again[0]), again[1], extents, holdings)
        return found or self._retrying(id, extents, holdings)

    def dead_letters(self) -> dict[str, DeadLetter]:
        """Return all dead letters by message id."""
        self._letters.catch_up()
        return self._letters.lying

    def returns(self, id: str) -> int:
        """Return how often a message came back from the dead letters."""
        return self._letters.returns(id)

    def skip_to_end(self) -> int:
        """Move an empty group to the ends of the topics; return how many messages it passed."""
        extents = self._surveyor.survey()
        self._surveyor.move_group_to({part: extent.end for part, extent in extents.items()})
        return sum(extent.end - max(extent.committed, extent.start) for extent in extents.values())

    def close(self) -> None:
        """Let go of the broker."""
        self._letters.close()
        if self._retry_tail is not None:
            self._retry_tail.close()
        self._surveyor.close()

    def _progress(self, holdings: Holdings | None) -> tuple[dict[Part, Progress], Mapping[Part, Extent]]:
        """Return the progress of each partition; of those assigned to this process as it is, not as it is committed."""
        tallies = holdings.tallies() if holdings is not None else {}  # first: an end never lies before a position
        extents = self._surveyor.survey()
        progress = {}
        for part, extent in extents.items():
            position, beyond, in_hand = extent.committed, 0, 0
            if (tally := tallies.get(part)) is not None and tally.position is not None:
                position, beyond, in_hand = tally.position, tally.finished_beyond, tally.in_hand
            left = max(extent.end - max(position, extent.start) - beyond, in_hand)
            progress[part] = Progress(position, position + beyond, left, in_hand)
        return progress, extents

    def _oldest(self, progress: Mapping[Part, Progress]) -> float:
        """Return the age of the oldest unfinished message: the heads of the partitions are looked at, each once."""
        heads = {part: one.position for part, one in progress.items() if one.left}
        unknown = {part: at for part, at in heads.items() if self._births.get(part, (-1, 0.0))[0] != at}
        for part, came in self._surveyor.first_records(unknown).items():
            self._births[part] = (unknown[part], came.message.accepted_at)
        births = [self._births[part][1] for part in heads if part in self._births]
        return max(self._clock.time() - min(births), 0.0) if births else 0.0

    def _waiting_at(
        self, id: str, part: Part, offset: int, extents: Mapping[Part, Extent], holdings: Holdings | None
    ) -> Found | None:
        """Return the message at a place if it is there and has not ended there."""
        here = holdings.where(part, offset) if holdings is not None else ""
        if here == "ended" or not (here or extents[part].committed <= offset < extents[part].end):
            return None
        came = self._surveyor.record(part, offset)
        if came is None or came.message.id != id:
            return None
        if here == "in hand":
            return Found(State.IN_WORK, came.message.accepted_at, came.attempt, came.message.headers)
        return Found(State.WAITING, came.message.accepted_at, came.attempt - 1, came.message.headers)

    def _retrying(self, id: str, extents: Mapping[Part, Extent], holdings: Holdings | None) -> Found | None:
        self._follow_retries(extents)
        part, offset, came = self._retries.get(id, (("", 0), 0, None))
        if came is None or offset < extents[part].committed:
            return None
        here = holdings.where(part, offset) if holdings is not None else ""
        if here == "ended":
            return None
        if here == "in hand":
            return Found(State.IN_WORK, came.message.accepted_at, came.attempt, came.message.headers)
        return Found(State.RETRYING, came.message.accepted_at, came.attempt - 1, came.message.headers)

    def _follow_retries(self, extents: Mapping[Part, Extent]) -> None:
        """Know the retry records that are not worked off yet."""
        if self._retry_tail is None:
            start = {part[1]: e.committed for part, e in extents.items() if part[0] == self._address.retry}
            self._retry_tail = Tail(self._address.reader, self._address.retry, self._heard_retry, start)
        self._retry_tail.catch_up()
        if len(self._retries) > MOST_RETRIES_REMEMBERED:
            left = {id: one for id, one in self._retries.items() if one[1] >= extents[one[0]].committed}
            self._retries = left

    def _heard_retry(self, record: Any) -> None:
        came = read(record, self._address.topic)
        came.message = came.message.replace(body=b"")  # only its place and its story are asked for
        self._retries[came.message.id] = ((record.topic(), record.partition()), record.offset(), came)


def _parts_of(reference: str) -> tuple[str, int, int]:
    """Return id, partition and offset; a partition of -1 when this is no reference of ours."""
    id, _, place = reference.rpartition(".")
    id, _, partition = id.rpartition(".")
    if not (partition.isascii() and partition.isdigit() and place.isascii() and place.isdigit()):
        return "", -1, -1
    return id, int(partition), int(place)
