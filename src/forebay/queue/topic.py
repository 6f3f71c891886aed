"""Where messages are put: concurrent publishes share one durable write, and each caller hears of its own.

This is the group commit at the intake: while one batch is being made durable the next one gathers, so the price of an
fsync is shared by all that came meanwhile, and nobody waits longer than two of them.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, Unknown
from forebay.events import Accepted, Listener
from forebay.message import Message
from forebay.queue.driver import Counts, DeadLetter, Driver, Found, Partial
from forebay.queue.writable import Unwritable, flaw_of

log = logging.getLogger("forebay.queue")

Published = Callable[[str | ForebayError], None]
"""Called once with the reference of the accepted message, or with the error that befell it."""

LARGEST_BATCH = 1_000
MOST_GATHERED = 50_000


class _Batch:
    """Messages on their way through one driver call."""

    __slots__ = ("answered", "began", "callbacks", "messages")

    def __init__(self, messages: list[Message], callbacks: list[Published], began: float) -> None:
        self.messages = messages
        self.callbacks = callbacks
        self.began = began
        self.answered = False

    def answer(self, answers: Sequence[str | ForebayError]) -> None:
        """Tell every caller its answer; the second time nobody listens any more."""
        if not self.answered:
            self.answered = True
            for callback, answer in zip(self.callbacks, answers, strict=True):
                try:
                    callback(answer)
                except Exception:  # one caller's bug must not leave the others without an answer
                    log.exception("who published a message failed to hear %r", answer)


class Topic:
    """A named queue, as its publishers see it.

    Arguments:
        name: of the topic.
        driver: the broker's side; the topic owns it when `owned`, and closes it.
        places: waiting messages allowed (q of A/B/n/q); inf: no limit.
        deadline: seconds after which a caller hears `Unknown` instead of waiting for the broker.
        work_name: what the driver's group does with the messages is called so in results and ledgers; default: `name`.

    Attributes:
        readers: further connections of this process that take messages, and may know of some that no other knows of.
    """

    def __init__(
        self,
        name: str,
        driver: Driver,
        *,
        places: float = math.inf,
        deadline: float = 5.0,
        owned: bool = True,
        work_name: str = "",
    ) -> None:
        self.name = name
        self.work_name = work_name or name
        self.places = places
        self.listeners: list[Listener] = []
        self.readers: list[Driver] = []
        self._driver = driver
        self._owned = owned
        self._deadline = deadline
        self._free_lanes = driver.features.lanes
        self._fill = driver.features.fill
        self._messages: list[Message] = []
        self._callbacks: list[Published] = []
        self._gathering_since = 0.0
        self._under_way: deque[_Batch] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._flush_planned = False
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def durability(self) -> Durability:
        """What a message survives once its publish has been answered with a reference."""
        return self._driver.durability

    def publish_soon(self, message: Message, done: Published) -> None:
        """Put a message into the batch that gathers; `done` is called once, on the loop, never from within this call.

        It hears `QueueFull` or `Unavailable` when certainly nothing was accepted, `Unwritable` when it never can be,
        and `Unknown` when nobody can say.
        """
        if flaw := flaw_of(message):
            self._loop.call_soon(done, Unwritable(f"the message {message.id!r} cannot be written: {flaw}"))
            return
        if self._closed:
            self._loop.call_soon(done, Unavailable(f"the topic {self.name} is closed"))
            return
        if len(self._messages) >= MOST_GATHERED:
            self._loop.call_soon(done, Unavailable(f"too many messages wait to be written to {self.name}"))
            return
        if not self._messages:
            self._gathering_since = self._loop.time()
        self._messages.append(message)
        self._callbacks.append(done)
        if self._free_lanes and not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)  # after all requests of this turn of the loop were read

    async def publish(self, message: Message) -> str:
        """Accept one message durably and return its reference, which `find` takes.

        Raises:
            Unwritable: no broker can write it. TooLarge: this one takes no such size.
            QueueFull: all places are taken. Unavailable: nothing was accepted. Unknown: it may have been.
        """
        answer: asyncio.Future[str | ForebayError] = self._loop.create_future()
        self.publish_soon(message, lambda heard: None if answer.done() else answer.set_result(heard))
        heard = await answer
        if isinstance(heard, ForebayError):
            raise heard
        return heard

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this reference is; None when the queue does not (or no longer) know it."""
        return await self._driver.find(reference)

    async def counts(self) -> Counts:
        """Return how many messages of this topic are where."""
        counts = await self._driver.counts()
        if not self._driver.features.totals:
            for reader in self.readers:
                counts += cast(Partial, reader).counts_here()
        return counts

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids, those after the id `after` only: page by page."""
        return await self._driver.dead_letters(limit, after)

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back to wait, with their attempts at zero; return how many there were."""
        return await self._driver.return_dead(ids)

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good; return how many there were."""
        return await self._driver.drop_dead(ids)

    async def close(self) -> None:
        """Refuse what comes from now on, wait for what was begun, and close the driver if it is ours."""
        self._closed = True
        while self._messages or self._tasks:
            if self._messages and self._free_lanes:
                self._flush()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._deadline)
                if self._under_way and self._under_way[0].answered:
                    break  # the broker keeps silent beyond the deadline; every caller has heard Unknown
        if self._sweep is not None:
            self._sweep.cancel()
        self._refuse_gathered(f"the topic {self.name} is closed; nothing was sent to the broker, which does not answer")
        if self._owned:
            await self._driver.close()

    def _flush(self) -> None:
        self._flush_planned = False
        if not self._messages or not self._free_lanes or (self._under_way and len(self._messages) < self._fill):
            return
        batch = _Batch(self._messages[:LARGEST_BATCH], self._callbacks[:LARGEST_BATCH], self._gathering_since)
        del self._messages[:LARGEST_BATCH], self._callbacks[:LARGEST_BATCH]
        self._gathering_since = self._loop.time()
        self._free_lanes -= 1
        self._under_way.append(batch)
        task = self._loop.create_task(self._send(batch))
        self._tasks.add(task)
        task.add_done_callback(self._sent)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._deadline / 4, self._answer_the_late)

    async def _send(self, batch: _Batch) -> None:
        began = self._loop.time()
        try:
            answers = await self._driver.publish(batch.messages, self.places)
            if len(answers) != len(batch.messages):
                raise ValueError(f"{len(answers)} answers for {len(batch.messages)} messages")
        except ForebayError as error:
            answers = [error] * len(batch.messages)
        except Exception as error:  # a driver's bug must not leave a caller without an answer
            unknown = Unknown(f"the driver of {self.name} failed: {error!r}")
            unknown.__cause__ = error
            answers = [unknown] * len(batch.messages)
        finally:
            self._under_way.remove(batch)
        batch.answer(answers)
        self._tell(answers, self._loop.time() - began)

    def _tell(self, answers: Sequence[str | ForebayError], seconds: float) -> None:
        if self.listeners:
            accepted = sum(isinstance(answer, str) for answer in answers)
            for listener in self.listeners if accepted else ():
                listener(Accepted(self.name, accepted, seconds))

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free_lanes += 1
        if self._messages:
            self._flush()

    def _answer_the_late(self) -> None:
        """Let no caller wait beyond the deadline: what was sent is unknown, what was not sent is refused."""
        self._sweep = None
        too_old = self._loop.time() - self._deadline
        for batch in self._under_way:
            if batch.began < too_old:
                unknown = Unknown(f"{self.name}: no answer from the broker within {self._deadline:g} s")
                batch.answer([unknown] * len(batch.messages))
        if self._messages and self._gathering_since < too_old:
            self._refuse_gathered(f"{self.name}: the broker does not answer; nothing was sent to it")
        if self._under_way or self._messages:
            self._sweep = self._loop.call_later(self._deadline / 4, self._answer_the_late)

    def _refuse_gathered(self, what: str) -> None:
        waiting = _Batch(self._messages, self._callbacks, self._gathering_since)
        self._messages, self._callbacks = [], []
        waiting.answer([Unavailable(what)] * len(waiting.messages))
