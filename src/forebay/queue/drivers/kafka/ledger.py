"""Where every message of a topic is for one group, derived from four topics and the group's positions in them.

A message lives in one place at a time: the main topic or that of delayed messages, then perhaps a retry record, then
perhaps a dead letter, whose return is a retry record again. Each step is a new record and a position that moves over
the old one; so with E the ends and C the positions,

    done = C(main) + C(later) + C(retry) - E(retry) - ever buried + ever returned - purged

because every record that a position has passed has ended well, or has gone to a retry, a grave, or was purged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.clock import Clock
from forebay.queue.admin import Lag
from forebay.queue.driver import Counts, DeadLetter, Found, State
from forebay.queue.drivers.kafka.address import DELAYED, Address
from forebay.queue.drivers.kafka.assignment import Part, Tally, Whereabouts
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
        due: those of them that this process could begin.
        delayed: those of them of which it knows that their time has not come.
    """

    position: int
    worked: int
    left: int
    in_hand: int = 0
    due: int = 0
    delayed: int = 0

    def waiting(self, delays: bool) -> int:
        """Return how many are ready; in a topic of delayed messages, those that nobody has fetched are not."""
        return self.due if delays else self.left - self.in_hand - self.delayed


def progress_of(extents: Mapping[Part, Extent], tallies: Mapping[Part, Tally]) -> dict[Part, Progress]:
    """Return the progress of each partition; of those of this process as it is, not as it is committed.

    Arguments:
        extents: of all partitions; to be asked after the tallies, for an end never lies before a position.
        tallies: of the partitions of this process.
    """
    progress = {}
    for part, extent in extents.items():
        tally = tallies.get(part)
        if tally is None or tally.position is None:
            progress[part] = Progress(extent.committed, extent.committed + len(extent.ended), extent.left)
            continue
        position, beyond = tally.position, tally.finished_beyond
        left = max(extent.end - max(position, extent.start) - beyond, tally.in_hand)
        progress[part] = Progress(position, position + beyond, left, tally.in_hand, tally.due, tally.delayed)
    return progress


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
        total, address = self._letters.total, self._address
        ends = {name: sum(e.end for part, e in extents.items() if part[0] == name) for name in address.working}
        worked = sum(one.worked for one in progress.values())
        came_again = ends[address.retry] - (total.returned - total.returned_to_main)
        done = worked - came_again - total.buried - total.purged
        in_work = sum(one.in_hand for one in progress.values())
        waiting = self._waiting(progress)
        return Counts(
            accepted=ends[address.topic] + ends[address.later] - total.returned_to_main,
            waiting=max(waiting + min(done, 0), 0),  # less than 0: moved by others, whose positions are still to move
            in_work=in_work,
            retrying=sum(one.left for one in progress.values()) - in_work - waiting,
            done=max(done, 0),
            dead=len(self._letters.lying),
            discarded=total.dropped + total.purged,
            oldest_seconds=self.oldest(progress),
        )

    def waiting(self, holdings: Holdings | None) -> int:
        """Return how many messages are ready for an attempt."""
        return self._waiting(self._progress(holdings)[0])

    def _waiting(self, progress: Mapping[Part, Progress]) -> int:
        return sum(one.waiting(delays=part[0] != self._address.topic) for part, one in progress.items())

    def find(self, reference: str, holdings: Holdings | None) -> Found | None:
        """Return where the message of a reference is."""
        id, part, offset = self.place_of(reference)
        extents = self._surveyor.survey()
        if part not in extents:
            return None
        found = self._waiting_at(id, part, offset, extents, holdings)
        if found is not None:
            return found
        self._letters.catch_up()
        if (lying := self._letters.lying.get(id)) is not None:
            return Found(State.DEAD, lying.message.accepted_at, lying.attempts, lying.message.headers)
        if (again := self._letters.returned_to.get(id)) is not None:
            part = (self._address.topic if again[0] else self._address.retry, again[1])
            found = self._waiting_at(id, part, again[2], extents, holdings)
        return found or self._retrying(id, extents, holdings)

    def place_of(self, reference: str) -> tuple[str, Part, int]:
        """Return id, partition and offset; a partition that does not exist when this is no reference of ours."""
        id, _, place = reference.rpartition(".")
        id, _, partition = id.rpartition(".")
        topic = self._address.later if partition.startswith(DELAYED) else self._address.topic
        number = partition.removeprefix(DELAYED)
        if not (number.isascii() and number.isdigit() and place.isascii() and place.isdigit()):
            return "", ("", -1), -1
        return id, (topic, int(number)), int(place)

    def lags(self) -> list[Lag]:
        """Return how far the group is behind, by the numbers of its partitions."""
        self._surveyor.look()
        progress, _ = self._progress(None)
        self.oldest(progress)  # all heads are looked at together; those of each number are known then
        lags = []
        for number in sorted({part[1] for part in progress}):
            here = {part: one for part, one in progress.items() if part[1] == number}
            main = sum(one.left for part, one in here.items() if part[0] == self._address.topic)
            lags.append(
                Lag(
                    group=self._address.group,
                    partition=str(number),
                    waiting=main,
                    retrying=sum(one.left for one in here.values()) - main,
                    oldest_seconds=self.oldest(here),
                )
            )
        return lags

    def dead_letters(self) -> dict[str, DeadLetter]:
        """Return all dead letters by message id."""
        self._letters.catch_up()
        return dict(self._letters.lying)  # whoever asked looks at them in a thread of its own

    def returns(self, id: str) -> int:
        """Return how often a message came back from the dead letters."""
        return self._letters.returns(id)

    def skip_to_end(self) -> int:
        """Move an empty group to the ends of the topics; return how many messages it passed."""
        extents = self._surveyor.survey()
        self._surveyor.move_group_to({part: extent.end for part, extent in extents.items()})
        return sum(extent.left for extent in extents.values())

    def close(self) -> None:
        """Let go of the broker."""
        self._letters.close()
        if self._retry_tail is not None:
            self._retry_tail.close()
        self._surveyor.close()

    def _progress(self, holdings: Holdings | None) -> tuple[dict[Part, Progress], Mapping[Part, Extent]]:
        tallies = holdings.tallies() if holdings is not None else {}
        extents = self._surveyor.survey()
        return progress_of(extents, tallies), extents

    def oldest(self, progress: Mapping[Part, Progress]) -> float:
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
        if part not in extents:
            return None
        here = holdings.where(part, offset) if holdings is not None else Whereabouts()
        if here.state == "ended" or not (here.state or extents[part].holds(offset)):
            return None
        came = self._surveyor.record(part, offset)
        if came is None or came.message.id != id:
            return None
        return self.found(came, here)

    def _retrying(self, id: str, extents: Mapping[Part, Extent], holdings: Holdings | None) -> Found | None:
        self._follow_retries(extents)
        part, offset, came = self._retries.get(id, (("", 0), 0, None))
        if came is None or not extents[part].holds(offset):
            return None
        here = holdings.where(part, offset) if holdings is not None else Whereabouts()
        return None if here.state == "ended" else self.found(came, here)

    def found(self, came: Arrival, here: Whereabouts) -> Found:
        """Return the state of a message that has not ended.

        Arguments:
            came: its record.
            here: where it is in this process.
        """
        message, attempt = came.message, came.attempt + here.before
        if here.delivery is not None:
            message, attempt = here.delivery.message, here.delivery.attempt
        if here.state == "in hand":
            return Found(State.IN_WORK, message.accepted_at, attempt, message.headers)
        retrying = attempt > 1 or here.state == "later" or came.due_at > self._clock.time()
        return Found(State.RETRYING if retrying else State.WAITING, message.accepted_at, attempt - 1, message.headers)

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
