"""From a message that was given up to a dead letter: its result is looked for first, for it may be done after all.

A worker may have kept a result and died before the broker heard of it. The message comes again; should its handler fail
now, the message would be done and dead at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from forebay.errors import ForebayError
from forebay.queue.batching import Gatherer
from forebay.queue.driver import Settlement
from forebay.stores.store import Store

MOST_UNBURIED = 5_000


class Burial(msgspec.Struct, gc=False):
    """A settlement that makes a dead letter, why, and when the handler began and ended (seconds since the epoch).

    `kept` is the result that the store has after all, as JSON.
    """

    settlement: Settlement
    reason: str
    began: float
    ended: float
    kept: bytes | None = None


class Burials:
    """Settles what was given up: as dead, or as done when the store has its result.

    A store that is down is asked again until it is back; until then the messages stay leased.

    Arguments:
        topic: the name in results.
        store: where results are; None: a message is dead at once.
        end: takes the settlement that became of a burial, and the burial.
        on_trouble: hears of each failure to ask the store.
    """

    def __init__(
        self,
        topic: str,
        store: Store | None,
        end: Callable[[Settlement, Burial], None],
        on_trouble: Callable[[ForebayError], None],
    ) -> None:
        self._topic = topic
        self._store = store
        self._end = end
        self._asking: Gatherer[Burial] = Gatherer(self._ask, on_trouble, MOST_UNBURIED)

    def add(self, burial: Burial) -> None:
        """Bring a message that was given up to its end, now or with the next answer of the store."""
        if self._store is None:
            self._end(burial.settlement, burial)
        else:
            self._asking.add(burial)

    @property
    def unsettled(self) -> int:
        """How many messages wait for the store."""
        return self._asking.unsent

    async def wait_for_room(self) -> None:
        """Return when the store has answered for enough."""
        await self._asking.wait_for_room()

    async def drain(self, budget: float) -> int:
        """Wait for the store, for at most `budget` seconds; return for how many messages it did not answer."""
        return await self._asking.drain(budget)

    async def _ask(self, burials: list[Burial]) -> None:
        assert self._store is not None
        ids = [burial.settlement.delivery.message.id for burial in burials]
        results = await asyncio.gather(*map(self._store.get, ids))
        for burial, result in zip(burials, results, strict=True):
            if result is not None and result.topic == self._topic:
                burial.kept = result.value
                self._end(Settlement(burial.settlement.delivery), burial)
            else:
                self._end(burial.settlement, burial)
