"""What this process has in hand by credit, and how it ends: copies are made safe, then the old is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence

import msgspec
from pamqp import commands

from forebay.errors import ForebayError, Unknown
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.copies import Copies
from forebay.queue.drivers.rabbitmq.link import answered
from forebay.queue.drivers.rabbitmq.publisher import Letter
from forebay.queue.drivers.rabbitmq.records import Came


class Holding(msgspec.Struct, gc=False, eq=False):
    """The lease of one delivery.

    Arguments:
        channel: that it came over; with it the lease ends.
        tag: by which the channel knows it.
        came: what came.
        returned: it came back, and the broker would not remember: it must be published anew.
        settling: an end of it is under way, or has been told.
        copied: the copy that its end needs is safe.
    """

    channel: Channel
    tag: int
    came: Came
    returned: bool = False
    settling: bool = False
    copied: bool = False

    @property
    def lives(self) -> bool:
        """Whether the broker still knows the delivery as ours."""
        return self.channel.closed is None


class Holdings:
    """The deliveries that this process has handed out.

    Arguments:
        copies: writes what is published anew.

    Attributes:
        done: deliveries that ended well here.
    """

    def __init__(self, copies: Copies) -> None:
        self.done = 0
        self._copies = copies
        self._held: dict[int, Holding] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def messages(self) -> list[Message]:
        """What is in hand."""
        return [holding.came.message for holding in self._held.values() if holding.lives]

    def hand(self, holding: Holding) -> Delivery:
        """Hand one out."""
        self._held[id(holding)] = holding
        return Delivery(holding.came.message, holding.came.attempt, holding)

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End deliveries; a cancelled call is finished all the same.

        Raises:
            Unavailable, Unknown: a copy is not known to be safe, or the broker may not have heard; to settle again
                mends it.
        """
        held = [self._begin(settlement) for settlement in settlements]
        going = [settlement for settlement, ours in zip(settlements, held, strict=True) if ours]
        if going:
            ending = asyncio.get_running_loop().create_task(self._end(going))
            self._tasks.add(ending)
            ending.add_done_callback(self._over)
            await asyncio.shield(ending)
        return held

    def _over(self, ending: asyncio.Task[None]) -> None:
        self._tasks.discard(ending)
        if not ending.cancelled():
            ending.exception()  # whoever began it may have been cancelled

    def _begin(self, settlement: Settlement) -> bool:
        holding: Holding = settlement.delivery.handle
        if holding.settling or not holding.lives:
            self._held.pop(id(holding), None)
            return False
        holding.settling = True
        return True

    async def _end(self, settlements: Sequence[Settlement]) -> None:
        moving = [s for s in settlements if s.ending is not Ending.DONE and not s.delivery.handle.copied]
        try:
            if moving:
                await self.copy([s.delivery.handle for s in moving], [await self._letter(s) for s in moving])
        except BaseException:
            for settlement in settlements:
                settlement.delivery.handle.settling = False
            raise
        channels = self.acknowledge(s.delivery.handle for s in settlements)
        self.done += sum(s.ending is Ending.DONE for s in settlements)
        await _heard(channels)

    async def _letter(self, settlement: Settlement) -> Letter:
        message, attempt = settlement.delivery.message, settlement.delivery.attempt
        if settlement.headers is not None and settlement.ending is not Ending.RELEASE:
            message = message.replace(headers=settlement.headers)
        if settlement.ending is Ending.RETRY:
            return await self._copies.retry(message, attempt, settlement.delay)
        if settlement.ending is Ending.DEAD:
            return self._copies.dead(message, attempt)
        return self._copies.put_back(settlement.delivery.handle.came)

    async def copy(self, holdings: Sequence[Holding], letters: Sequence[Letter]) -> None:
        """Publish copies; raise the first error, once it is noted which of them are safe."""
        first: ForebayError | None = None
        for holding, error in zip(holdings, await self._copies.publisher.insist(letters), strict=True):
            holding.copied = error is None
            first = first or error
        if first is not None:
            raise first

    def acknowledge(self, holdings: Iterable[Holding]) -> Collection[Channel]:
        """Acknowledge, in one write for each channel; return the channels."""
        tags: dict[Channel, list[int]] = {}
        for holding in holdings:
            self._held.pop(id(holding), None)
            tags.setdefault(holding.channel, []).append(holding.tag)
        for channel, those in tags.items():
            channel.ack(those)
        return tags.keys()

    async def put_back(self, holdings: Sequence[Holding]) -> None:
        """Give messages back without having counted; when the broker takes no copies, as they are."""
        with contextlib.suppress(ForebayError):
            await self.copy(holdings, [self._copies.put_back(holding.came) for holding in holdings])
        self.acknowledge(holding for holding in holdings if holding.copied)
        for holding in holdings:
            if not holding.copied:
                holding.channel.requeue([holding.tag])

    async def close(self) -> None:
        """Give back all that is in hand."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.put_back([h for h in self._held.values() if h.lives and not h.settling])


async def _heard(channels: Iterable[Channel]) -> None:
    """Wait until the broker has read all acknowledgements; a channel answers in the order of asking."""
    for answer in [channel.ask(commands.Basic.Qos()) for channel in channels]:
        try:
            await answered(answer)
        except ForebayError as error:
            raise Unknown(f"RabbitMQ may not have heard what has ended: {error.what}") from error
