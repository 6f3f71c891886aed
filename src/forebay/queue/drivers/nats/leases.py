"""What this process holds, and until when: the server honours a late acknowledgement, so we must not send it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from forebay.errors import Unknown
from forebay.queue.driver import Delivery
from forebay.queue.drivers.nats.fetcher import Raw
from forebay.queue.drivers.nats.notes import numbers_of, place_of
from forebay.queue.drivers.nats.structures import Way
from forebay.queue.drivers.nats.wire import NO_RESPONDERS, Frame, Gone, Wire

DONE, PROGRESS, NAK = b"+ACK", b"+WPI", b"-NAK"
SHORTEST_NAK = 0.001


def nak(seconds: float) -> bytes:
    """Return what gives a message back, to come again after so many seconds."""
    if seconds <= 0:
        return NAK
    return NAK + b' {"delay": %d}' % int((seconds + SHORTEST_NAK) * 1e9)


class Lease:
    """The right of this process to one message.

    Arguments:
        raw: as it came.
        until: monotonic seconds of its end.

    Attributes:
        seq: place of the message in the stream.
        deliveries: so many times the server has handed it out.
        stored_at: when it was published, in seconds since the epoch.
        noted: whether there is a note on it.
        over: the message was settled, or the lease lost.
        buried: its dead letter is durable.
    """

    __slots__ = ("ack", "buried", "deliveries", "noted", "over", "seq", "stored_at", "until", "way")

    def __init__(self, raw: Raw, until: float) -> None:
        self.ack = raw.ack
        self.way = raw.way
        self.deliveries, self.seq, _, stored_at = numbers_of(raw.ack)
        self.stored_at = stored_at / 1e9
        self.until = until
        self.noted = False
        self.buried = False
        self.over = False

    @property
    def place(self) -> str:
        """What the message is known by in its group."""
        return place_of(self.way.kind, self.seq)

    def holds(self, now: float) -> bool:
        """Whether the message is still ours at this monotonic time; once lost, never again."""
        if now >= self.until:
            self.over = True
        return not self.over


class Leases:
    """All that one process holds of a topic.

    Arguments:
        wire: to the broker.
        seconds: of a lease.

    Attributes:
        given_back: how many messages the server was told to hand out again.
    """

    def __init__(self, wire: Wire, seconds: float) -> None:
        self.seconds = seconds
        self.given_back = 0
        self._wire = wire
        self._held: dict[int, Delivery] = {}

    def hold(self, delivery: Delivery) -> None:
        """Note that a delivery was handed out."""
        self._held[id(delivery.handle)] = delivery

    def let_go(self, leases: Iterable[Lease]) -> None:
        """Note that messages are not ours any more."""
        for lease in leases:
            lease.over = True
            self._held.pop(id(lease), None)

    def held(self) -> list[Delivery]:
        """Return what is in hand."""
        now = time.monotonic()
        for key, delivery in list(self._held.items()):
            if not delivery.handle.holds(now):
                del self._held[key]
        return list(self._held.values())

    async def tell(self, words: Sequence[tuple[Lease, bytes]]) -> bool:
        """Tell the server what becomes of messages; return whether it has heard.

        The server hears one consumer's words in the order of their sending: the answer to the last tells of all.

        Raises:
            Gone: a consumer does not exist any more, nor do the messages. Unavailable: there is no connection.
        """
        by_way: dict[Way, list[Frame]] = {}
        for lease, word in words:
            by_way.setdefault(lease.way, []).append(Frame(lease.ack.decode(), word))
        last = [frames.pop() for frames in by_way.values()]
        rest = [frame for frames in by_way.values() for frame in frames]
        self.given_back += sum(word.startswith(NAK) for _, word in words)
        answers = await self._wire.ask([*rest, *last], silent=len(rest))
        if any(answer is not None and answer.status == NO_RESPONDERS for answer in answers):
            raise Gone
        return all(answer is not None for answer in answers[len(rest) :])

    async def extend(self, leases: Iterable[Lease]) -> None:
        """Renew leases.

        Raises:
            Unknown: the server has not confirmed it. Unavailable: there is no connection.
        """
        now = time.monotonic()
        ours = [lease for lease in leases if lease.holds(now)]
        if not ours:
            return
        if not await self.tell([(lease, PROGRESS) for lease in ours]):
            raise Unknown("NATS has not confirmed that leases were renewed")
        heard = time.monotonic()
        for lease in ours:
            if lease.holds(heard):  # else the server may have heard it only after it had given the message to another
                lease.until = now + self.seconds
