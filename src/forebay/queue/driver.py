"""The contract between the portable types and a broker: what a driver must do, and nothing more.

A driver never retries, batches, traces or validates by itself; :class:`~forebay.queue.topic.Topic` and
:class:`~forebay.queue.subscription.Subscription` do that once for all of them. A driver module offers

    FEATURES: Features
    OPTIONS: Mapping[str, str]          # those of the URL, with what each means: forebay.queue.options.OPTIONS and more
    async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> Driver
    async def administer(url: URL) -> Admin                                             # see forebay.queue.admin

`connect` refuses unknown options, and what the broker cannot give, before anything else happens. It makes the topic and
the group where they do not exist; a message that is published afterwards is kept for the group, whoever publishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, StrEnum
from typing import Any, Protocol

import msgspec

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.message import Message


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do; checked when a URL is opened, shown in the documentation, proved by the suite.

    Arguments:
        disciplines: the queue disciplines that can be asked for.
        orders: what can be worked off strictly one after the other.
        persistent: messages survive a restart of the program.
        crosses_processes: publishers and workers may be different processes.
        exact_places: a limit on the waiting places is held exactly; otherwise it may be passed by what is in flight.
        deduplicates: a second publish of an id that still waits or is in work changes nothing.
        counts_crashes: a delivery whose worker died counts as an attempt; on Kafka and RabbitMQ the second and later
            ones do.
        finds: `find` knows the state of one message.
        totals: what was accepted, done and is in work is counted over all processes (on Kafka, what others have in work
            counts as waiting); else each connection knows of its own (see `Partial`).
        remembers: a new group finds what was published before it was made, as long as the broker keeps it.
        native_replies: requests are answered by the broker's own means (see `Replying`), else over a second topic.
        lanes: publishes that are best under way at once; one where each waits for the same disk anyway.
        fill: messages that are worth a publish beside one that is under way; fewer gather until it is over.
        ahead: seconds of work that are fetched ahead: enough to hide a fetch, too little to hoard.
    """

    disciplines: frozenset[Discipline]
    orders: frozenset[Order]
    persistent: bool
    crosses_processes: bool
    exact_places: bool
    deduplicates: bool
    counts_crashes: bool
    finds: bool
    totals: bool = True
    remembers: bool = False
    native_replies: bool = False
    lanes: int = 1
    fill: int = 1
    ahead: float = 0.025


class Delivery(msgspec.Struct, gc=False):
    """One handing-over of a message to this process, under a lease.

    Arguments:
        message: what is to be worked off.
        attempt: 1 for the first delivery.
        handle: the driver's own name for the lease; nobody else reads more of it than its `place`, if it has one.
    """

    message: Message
    attempt: int
    handle: Any

    @property
    def place(self) -> str:
        """Where the broker keeps the message, as its reference tells it behind the id; empty: the id tells it all."""
        return str(getattr(self.handle, "place", ""))


class Ending(Enum):
    """What becomes of a delivery."""

    DONE = "done"
    RETRY = "retry"
    """Again after `delay`; the attempt counts."""
    DEAD = "dead"
    """To the dead letters, with the headers given."""
    RELEASE = "release"
    """Back to the queue at once; an interruption is not an attempt."""


class Settlement(msgspec.Struct, gc=False):
    """The end of one delivery.

    Arguments:
        delivery: which one.
        ending: what becomes of it.
        delay: seconds before a RETRY may be delivered.
        headers: replace the message's headers for RETRY and DEAD (they carry its story); None: as they were.
    """

    delivery: Delivery
    ending: Ending = Ending.DONE
    delay: float = 0.0
    headers: dict[str, str] | None = None


class State(StrEnum):
    """Where one message is, as far as its queue knows."""

    WAITING = "waiting"
    IN_WORK = "in work"
    RETRYING = "retrying"
    DEAD = "dead"


class Found(msgspec.Struct, frozen=True):
    """What the queue knows of one message.

    Arguments:
        state: where it is.
        accepted_at: in seconds since the epoch.
        attempts: deliveries so far.
        headers: those of the message; a dead letter's tell its story.
    """

    state: State
    accepted_at: float
    attempts: int = 0
    headers: dict[str, str] = {}


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages of a topic are where, counted by the broker.

    Arguments:
        accepted: ever accepted, dead letters that were returned not counted again.
        waiting: ready to be delivered.
        in_work: delivered and not settled.
        retrying: wait for the time of their next attempt, or of their first.
        done: ended well (or were dropped by their handler).
        dead: lie among the dead letters.
        discarded: dead letters and waiting messages that an operator removed by command.
        oldest_seconds: the age of the oldest message that is waiting, in work or retrying; 0 when there is none.
    """

    accepted: int = 0
    waiting: int = 0
    in_work: int = 0
    retrying: int = 0
    done: int = 0
    dead: int = 0
    discarded: int = 0
    oldest_seconds: float = 0.0

    @property
    def unfinished(self) -> int:
        """How many messages are still to be worked off."""
        return self.waiting + self.in_work + self.retrying

    def __add__(self, others: Counts) -> Counts:
        """Return the counts of both; no message may be in both."""
        return Counts(
            accepted=self.accepted + others.accepted,
            waiting=self.waiting + others.waiting,
            in_work=self.in_work + others.in_work,
            retrying=self.retrying + others.retrying,
            done=self.done + others.done,
            dead=self.dead + others.dead,
            discarded=self.discarded + others.discarded,
            oldest_seconds=max(self.oldest_seconds, others.oldest_seconds),
        )

    @property
    def lost(self) -> int:
        """Accepted messages that are nowhere; anything but 0 breaks the promise."""
        return self.accepted - self.unfinished - self.done - self.dead - self.discarded


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was given up, with its story in its headers (see :mod:`forebay.workers.story`)."""

    message: Message
    attempts: int


class Driver(Protocol):
    """One topic of one broker and one group of its workers, as seen by one process.

    Every group gets every message, and all that is counted, settled or given up is so for one group. A topic always has
    the group of its own name; others get what is published from the moment they were made. All methods are called from
    one event loop.

    A driver raises `Unavailable` when certainly nothing happened, `Unknown` when it cannot say. Cancelling a call must
    not harm the driver: what was begun is finished or undone.
    """

    features: Features
    durability: Durability

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages durably; return for each its reference (see `find`), or the error that befell it.

        Arguments:
            messages: in the order of their coming.
            places: waiting messages allowed in the topic; those beyond it get `QueueFull` (inf: no limit).
        """
        ...

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease up to `limit` messages; come back after at most `wait` seconds, then perhaps with none."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries; False for each whose lease was lost meanwhile: that settlement had no effect."""
        ...

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew the leases of deliveries in hand; those already lost are passed over."""
        ...

    async def counts(self) -> Counts:
        """Return how many messages are where."""
        ...

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this reference is; None when it is not (or no longer) in the queue."""
        ...

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids, those after the id `after` only."""
        ...

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back to wait, with their attempts at zero; return how many there were."""
        ...

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good; return how many there were."""
        ...

    async def purge(self) -> int:
        """Remove all that wait or retry; return how many. What is in work stays."""
        ...

    async def close(self) -> None:
        """Release what is still leased to this process, and let go of the broker."""
        ...


class Replying(Driver, Protocol):
    """A driver of a broker that carries answers itself; its features say `native_replies`."""

    async def listen(self, hear: Callable[[Message], None]) -> str:
        """Return an address at which answers reach this process; `hear` is called on the loop with each."""
        ...

    async def reply(self, address: str, message: Message) -> None:
        """Send an answer to whoever listens at the address; when nobody does, it is gone."""
        ...


class Partial(Driver, Protocol):
    """A driver whose broker does not count what is accepted, done and in work; its features deny `totals`."""

    def counts_here(self) -> Counts:
        """Return how many messages are where, of those that only this connection knows of."""
        ...
