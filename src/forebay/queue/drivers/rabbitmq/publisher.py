"""Messages on their way to the broker: a batch is one write, and every message of it is answered for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from forebay.errors import ForebayError, QueueFull, TooLarge, Unavailable, Unknown
from forebay.queue.drivers.rabbitmq.channel import Channel, Closed, Confirms
from forebay.queue.drivers.rabbitmq.link import NOT_FOUND, PRECONDITION, Link, unknown

PAUSES = 0.05, 0.1, 0.2, 0.4, 0.8, 1.6
"""Seconds before what was refused is sent again."""
PUBLISH_SECONDS = 10.0
"""Until a batch must have been confirmed; after it nobody can say what became of the rest."""

Content = tuple[str, bytes, bytes]
Letter = tuple[bytes, Content]
"""Where a message goes, and what it is: see `Channel.publish`."""

_LIMIT = re.compile(r"max size:? (\d+)")


class Publisher:
    """Publishes over a connection of its own: a broker that is short of memory stops reading it, and no other.

    Arguments:
        link: the connection.

    Attributes:
        in_flight: messages that were sent and not yet answered for.
        unroutable: set when no queue took a message: somebody has deleted what we made.
    """

    def __init__(self, link: Link) -> None:
        self.in_flight = 0
        self.unroutable = False
        self._link = link
        self._largest = 1 << 40

    @property
    def frame_max(self) -> int:
        """Bytes of a frame; the headers of a message must fit into one."""
        return self._link.frame_max

    async def send(self, letters: Sequence[Letter]) -> list[ForebayError | None]:
        """Publish messages in their order; return for each None when it is safe, or the error that befell it.

        Raises:
            Unavailable: nothing was sent.
        """
        if not letters:
            return []
        channel = self._link.open_channel("publish") or await self._link.channel("publish", confirming=True)
        if self._link.blocked:
            raise Unavailable(f"RabbitMQ takes no messages now: {self._link.blocked}", "see rabbitmqctl status: alarms")
        sent = [letter for letter in letters if len(letter[1][2]) <= self._largest]
        if len(sent) < len(letters):
            return await self._without_the_too_large(letters, sent)
        self.in_flight += len(letters)
        try:
            return await self._confirmed(channel, letters)
        finally:
            self.in_flight -= len(letters)

    async def insist(self, letters: Sequence[Letter]) -> list[ForebayError | None]:
        """Do as `send` does, where no queue is expected to be full: what one refuses is sent again, a moment later.

        A quorum queue that another process is just making can be declared by us before it can take anything: the first
        message is refused then.
        """
        results = await self.send(letters)
        for pause in PAUSES:
            refused = [n for n, error in enumerate(results) if isinstance(error, QueueFull)]
            if not refused:
                break
            await asyncio.sleep(pause)
            try:
                again = await self.send([letters[n] for n in refused])
            except ForebayError:
                break  # nothing was sent: what is known of the others counts
            for n, error in zip(refused, again, strict=True):
                results[n] = error
        return results

    async def _confirmed(self, channel: Channel, letters: Sequence[Letter]) -> list[ForebayError | None]:
        confirms = channel.publish([method for method, _ in letters], [content for _, content in letters])
        error: ForebayError = Unknown(f"RabbitMQ did not confirm within {PUBLISH_SECONDS:g} s")
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await confirms.done
        except TimeoutError:
            pass
        except Closed as closed:
            error = unknown(closed)
            self.unroutable = closed.code == NOT_FOUND
            if closed.code == PRECONDITION and (limit := _LIMIT.search(closed.text)):
                self._largest = int(limit[1])
        if confirms.missing or confirms.returned or False in confirms.answers:
            return [self._answer(confirms, place, letter, error) for place, letter in enumerate(letters)]
        return [None] * len(letters)

    def _answer(self, confirms: Confirms, place: int, letter: Letter, error: ForebayError) -> ForebayError | None:
        if place in confirms.returned:
            self.unroutable = True
            return Unavailable("no queue of RabbitMQ took the message", "somebody deleted it; it is made anew")
        if confirms.answers[place] is None:
            return self._too_large(letter) if len(letter[1][2]) > self._largest else error
        if not confirms.answers[place]:
            return QueueFull("RabbitMQ refused the message: a queue of the topic is full", "try again later")
        return None

    async def _without_the_too_large(
        self, letters: Sequence[Letter], sent: Sequence[Letter]
    ) -> list[ForebayError | None]:
        answers = iter(await self.send(sent))
        return [self._too_large(letter) if len(letter[1][2]) > self._largest else next(answers) for letter in letters]

    def _too_large(self, letter: Letter) -> TooLarge:
        return TooLarge(f"a body of {len(letter[1][2])} bytes; RabbitMQ takes {self._largest}", "store it elsewhere")
