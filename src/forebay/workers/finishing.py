"""From a handled message to a finished one: its result is kept, once, and only then is it answered and settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from forebay.errors import Dead, ForebayError
from forebay.events import Event, Finished, Listener, Stalled
from forebay.queue.batching import Gatherer
from forebay.queue.driver import Delivery, Settlement
from forebay.stores.store import Result, Store
from forebay.workers.answering import Answering, kept_value

MOST_UNSAVED = 5_000


class Handled(msgspec.Struct, gc=False):
    """What a handler returned for a delivery, and when (seconds since the epoch)."""

    delivery: Delivery
    value: Any
    began: float
    ended: float
    dropped: bool = False


class Finisher:
    """The last stage of a pool: saves results in groups, then settles.

    A worker does not wait for the store: it takes the next message while the results of many are saved in one commit.
    A store that is down is asked again until it is back; when too much is unsaved the workers wait.

    Arguments:
        topic: the name for results and events.
        store: where results go; None: handled means done.
        answering: settles a delivery that is over, after its answer where it wants one.
        fail: takes a delivery whose result can never be kept, with the error and the time it began.
        listeners: hear of each end.
    """

    def __init__(
        self,
        topic: str,
        store: Store | None,
        answering: Answering,
        fail: Callable[[Delivery, BaseException, float], None],
        listeners: list[Listener],
    ) -> None:
        self._topic = topic
        self._store = store
        self._answering = answering
        self._fail = fail
        self._listeners = listeners
        self._unsaved: Gatherer[tuple[Handled, Result]] = Gatherer(self._save, self._stalled, MOST_UNSAVED)

    def finish(self, handled: Handled) -> None:
        """Bring a handled message to its end, now or with the next commit of the store."""
        if self._store is None:
            self._done(handled)
            return
        try:
            value = msgspec.json.encode(handled.value)
        except Exception as error:  # whatever an object of the handler's says when it is looked at
            self._fail(handled.delivery, Dead(f"its result is not JSON: {error}"), handled.began)
            return
        self._unsaved.add((handled, self._result(handled, value)))

    @property
    def unsaved(self) -> int:
        """How many results the store has not confirmed."""
        return self._unsaved.unsent

    @property
    def is_full(self) -> bool:
        """Whether workers must wait for the store."""
        return self._unsaved.unsent >= MOST_UNSAVED

    async def wait_for_room(self) -> None:
        """Return when the store has kept enough."""
        await self._unsaved.wait_for_room()

    async def drain(self, budget: float) -> int:
        """Wait for the store, for at most `budget` seconds; return how many results it did not confirm."""
        return await self._unsaved.drain(budget)

    def _result(self, handled: Handled, value: bytes) -> Result:
        delivery = handled.delivery
        message = delivery.message
        return Result(
            message.id,
            self._topic,
            value,
            message.accepted_at,
            handled.began,
            handled.ended,
            delivery.attempt,
        )

    async def _save(self, batch: list[tuple[Handled, Result]]) -> None:
        assert self._store is not None
        answers = await self._store.save([result for _, result in batch])
        if not all(answers):
            await self._recall([handled for (handled, _), answer in zip(batch, answers, strict=True) if not answer])
        for (handled, _), answer in zip(batch, answers, strict=True):
            if isinstance(answer, ForebayError):
                self._fail(handled.delivery, answer, handled.began)
            else:
                self._done(handled)

    async def _recall(self, repeated: list[Handled]) -> None:
        """Put what the store has kept of earlier deliveries in the place of what was returned now, for who asked."""
        assert self._store is not None
        for handled in repeated:
            message = handled.delivery.message
            if self._answering.is_asked(message):
                kept = await self._store.get(message.id)
                if kept is not None and kept.topic == self._topic:
                    handled.value = kept_value(kept.value, handled.value)

    def _done(self, handled: Handled) -> None:
        self._answering.end(Settlement(handled.delivery), handled.value)
        if self._listeners:
            delivery = handled.delivery
            self._emit(
                Finished(
                    self._topic,
                    delivery.message.id,
                    delivery.attempt,
                    "dropped" if handled.dropped else "done",
                    handled.ended - handled.began,
                    handled.ended - delivery.message.accepted_at,
                )
            )

    def _stalled(self, error: ForebayError) -> None:
        self._emit(Stalled(self._topic, "save", str(error)))

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
