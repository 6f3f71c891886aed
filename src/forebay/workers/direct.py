"""A system with losses: the work is done inside the request, by n workers, and nobody waits."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import Drop, ForebayError, Outcome
from forebay.events import Accepted, Event, Finished, Listener, Started
from forebay.message import Message
from forebay.queue.driver import Counts
from forebay.stores.store import Result, Store
from forebay.workers.handler import Handler, Work
from forebay.workers.policies import reason_of


class Direct:
    """Handles one message at once, inside the request that brought it.

    Arguments:
        topic: the name for results and events.
        handler: what is called; one body a call.
        workers: n of A/B/n/0.
        store: where results go; None: nowhere.
        timeout: seconds that the handler may take; None: any.
        listeners: hear of every start and end.
    """

    def __init__(
        self,
        topic: str,
        handler: Handler,
        *,
        workers: int,
        store: Store | None = None,
        timeout: float | None = None,
        listeners: list[Listener] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.topic = topic
        self.workers = workers
        self.busy = 0
        self.done = 0
        self.failed = 0
        self._handler = handler
        self._call = handler.calling(None)
        self._store = store
        self._timeout = timeout
        self._listeners = listeners if listeners is not None else []
        self._clock = clock

    @property
    def has_room(self) -> bool:
        """Whether a worker is free."""
        return self.busy < self.workers

    def counts(self) -> Counts:
        """Return how many messages are where: what was refused or failed was never accepted."""
        return Counts(accepted=self.done + self.busy, in_work=self.busy, done=self.done)

    async def work(self, message: Message, body: Any) -> None:
        """Handle a message and keep its result.

        Raises:
            Exception: what the handler raised, or the store; the request that brought the message tells its client.
        """
        began = self._clock.time()
        self._emit(Started(self.topic, message.id, 1, began - message.accepted_at, message.accepted_at))
        self.busy += 1
        outcome, reason = "dead", ""
        try:
            value, outcome = await self._handle(message, body)
            handled = self._clock.time()
            await self._keep(message, value, began, handled)
            self.done += 1
            self._emit(Accepted(self.topic, 1, self._clock.time() - handled))  # only now: there is no queue to hold it
        except (Exception, Outcome) as error:
            outcome, reason = "dead", reason_of(error)
            self.failed += 1
            raise
        finally:
            self.busy -= 1
            self._tell_end(message, outcome, began, reason)

    async def _handle(self, message: Message, body: Any) -> tuple[Any, str]:
        bodies = [body] if self._handler.batch else body
        work = Work(message, self.topic, 1)
        arguments = (bodies, [work] if self._handler.batch else work) if self._handler.takes_work else (bodies,)
        try:
            async with asyncio.timeout(self._timeout):
                value = await self._call(*arguments)
        except Drop:
            return None, "dropped"
        if not self._handler.batch:
            return value, "done"
        first = value[0] if value else None
        if isinstance(first, BaseException):
            raise first
        return first, "done"

    async def _keep(self, message: Message, value: Any, began: float, ended: float) -> None:
        if self._store is not None:
            encoded = msgspec.json.encode(value)
            result = Result(message.id, self.topic, encoded, message.accepted_at, began, ended)
            for answer in await self._store.save([result]):
                if isinstance(answer, ForebayError):
                    raise answer

    def _tell_end(self, message: Message, outcome: str, began: float, reason: str) -> None:
        now = self._clock.time()
        total = now - message.accepted_at
        self._emit(Finished(self.topic, message.id, 1, outcome, now - began, total, reason))

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
