"""From a finished message to an answered one: who asked hears of it, and only then is the message settled.

A worker that dies in between leaves the message to another one, which answers again; an asker takes the first answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from forebay.errors import ForebayError, TooLarge, UsageError
from forebay.message import Message, payload_of
from forebay.queue.batching import Gatherer
from forebay.queue.driver import Settlement
from forebay.queue.request_reply import Answer, Replier
from forebay.workers.story import one_line

MOST_UNSENT = 5_000
INSIST_SECONDS = 30.0
"""How long an answer is tried for: who asked has given up by then, and the message must come to its end."""


class Unsent(msgspec.Struct, gc=False):
    """An answer on its way, the settlement that follows it, and when it is given up (in the loop's time)."""

    answer: Answer
    settlement: Settlement
    until: float


class Answering:
    """Sends the answers that messages want, many at once, each before its message is settled.

    Arguments:
        replier: knows which messages want one, and where it goes; None: nobody is answered.
        settle: tells the broker that a delivery is over.
        on_trouble: hears of each failure to send.
    """

    def __init__(
        self,
        replier: Replier | None,
        settle: Callable[[Settlement], None],
        on_trouble: Callable[[ForebayError], None],
    ) -> None:
        self._replier = replier
        self._settle = settle
        self._on_trouble = on_trouble
        self._unsent: Gatherer[Unsent] = Gatherer(self._send, on_trouble, MOST_UNSENT)

    def is_asked(self, message: Message) -> bool:
        """Return whether the message wants an answer from here."""
        return self._replier is not None and self._replier.is_asked(message)

    def end(self, settlement: Settlement, value: Any) -> None:
        """Settle a message that is done, after its answer where it wants one.

        Arguments:
            settlement: of its delivery.
            value: what its handler returned; bytes as they are, text as UTF-8, anything else as JSON.
        """
        message = settlement.delivery.message
        if not (message.headers and self.is_asked(message)):
            self._settle(settlement)
            return
        try:
            self._add(settlement, Answer(message, payload_of(value)))
        except UsageError as error:
            self._add(settlement, Answer(message, b"", f"it is done, but its answer cannot be told: {error}"))

    def end_failed(self, settlement: Settlement, reason: str) -> None:
        """Settle a message that was given up, after its answer where it wants one."""
        message = settlement.delivery.message
        if self.is_asked(message):
            self._add(settlement, Answer(message, b"", one_line(reason) or "it was given up"))
        else:
            self._settle(settlement)

    async def wait_for_room(self) -> None:
        """Return when enough has been sent."""
        await self._unsent.wait_for_room()

    async def drain(self, budget: float) -> int:
        """Wait until all is sent, for at most `budget` seconds, and let go; return how many answers were not sent."""
        left = await self._unsent.drain(budget)
        if self._replier is not None:
            await self._replier.close()
        return left

    def _add(self, settlement: Settlement, answer: Answer) -> None:
        self._unsent.add(Unsent(answer, settlement, asyncio.get_running_loop().time() + INSIST_SECONDS))

    async def _send(self, batch: list[Unsent]) -> None:
        assert self._replier is not None
        told = await self._replier.send([unsent.answer for unsent in batch])
        now, again, trouble = asyncio.get_running_loop().time(), [], None
        for unsent, error in zip(batch, told, strict=True):
            if error is not None and error.retryable and now < unsent.until:
                again.append(unsent)
                trouble = error
            elif isinstance(error, TooLarge) and not unsent.answer.error:  # who asked must not wait for nothing
                self._add(unsent.settlement, Answer(unsent.answer.request, b"", f"its answer is too large: {error}"))
            else:
                self._settle(unsent.settlement)
                if error is not None:
                    self._on_trouble(error)
        if trouble is not None:
            batch[:] = again  # the gatherer comes again with this list: what was sent is not sent twice
            raise trouble


def kept_value(value: bytes, returned: Any = None) -> Any:
    """Return what an earlier delivery of a message returned, from the JSON that the store has kept.

    Arguments:
        value: from the store.
        returned: by the handler now; JSON says bytes as text, and only their kind tells them apart.
    """
    if isinstance(returned, bytes):
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(value, type=bytes)
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, str) else value
