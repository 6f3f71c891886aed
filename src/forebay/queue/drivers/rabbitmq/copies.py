"""The copies of a message that are published when it is to be tried again, given up or put back.

RabbitMQ cannot change a message that it holds: what is to come back with other headers, later, or without having
counted, is published anew and confirmed, and only then is the old copy acknowledged. A crash between the two leaves
both copies, never none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from forebay.clock import Clock
from forebay.errors import TooLarge
from forebay.message import Message
from forebay.queue.drivers.rabbitmq.address import Address
from forebay.queue.drivers.rabbitmq.frames import publish_method
from forebay.queue.drivers.rabbitmq.ladder import Ladder
from forebay.queue.drivers.rabbitmq.publisher import Letter, Publisher
from forebay.queue.drivers.rabbitmq.records import Came, content_of


class Copies:
    """Writes copies for one group.

    Arguments:
        address: of the topic and the group.
        publisher: sends them.
        retries: the delays of the group.
        clock: says when a delay is over.
        sorted_by_priority: whether the broker sorts by priority.
    """

    def __init__(
        self, address: Address, publisher: Publisher, retries: Ladder, clock: Clock, sorted_by_priority: bool
    ) -> None:
        self.publisher = publisher
        self.clock = clock
        self._retries = retries
        self._sorted = sorted_by_priority
        self._to_queue = publish_method("", address.queue)
        self._to_dead = publish_method("", address.dead)

    async def retry(self, message: Message, attempts: int, delay: float) -> Letter:
        """Return the copy that is delivered again after a delay, with so many attempts behind it.

        Raises:
            Unavailable: the broker does not answer.
        """
        if delay <= 0:
            return self.again(message, attempts)
        return await self.due(message, attempts, self.clock.time() + delay)

    async def due(self, message: Message, attempts: int, due_at: float, crashes: int = 0) -> Letter:
        """Return the copy that is delivered at a time.

        Raises:
            Unavailable: the broker does not answer.
        """
        way = await self._retries.way(due_at - self.clock.time())
        return way, self._content(message, attempts, crashes, due_at)

    def again(self, message: Message, attempts: int) -> Letter:
        """Return the copy that is delivered again at once."""
        return self._to_queue, self._content(message, attempts)

    def dead(self, message: Message, attempts: int) -> Letter:
        """Return the copy that is a dead letter."""
        return self._to_dead, self._content(message, attempts)

    def put_back(self, came: Came) -> Letter:
        """Return the copy of what goes back as it came."""
        return self._to_queue, self._content(came.message, came.tried, came.crashes)

    def _content(
        self, message: Message, attempts: int, crashes: int = 0, due_at: float = 0.0
    ) -> tuple[str, bytes, bytes]:
        write = partial(content_of, tried=attempts, crashes=crashes, due_at=due_at, sorted_by_priority=self._sorted)
        room = frame_max = self.publisher.frame_max
        while True:
            try:
                return write(message, frame_max)
            except TooLarge:  # an end that could never be written would hold up all others
                if not message.headers:
                    raise
                room //= 2
                message = message.replace(headers=_fitting(message.headers, room))


def _fitting(headers: Mapping[str, str], room: int) -> dict[str, str]:
    """Return as many headers as fit into so many bytes, the shortest first: those that tell the story are short."""
    kept = {}
    for name, text in sorted(headers.items(), key=lambda header: len(header[1])):
        room -= len(name.encode("utf-8", "replace")) + len(text.encode("utf-8", "replace"))
        if room < 0:
            break
        kept[name] = text
    return kept
