"""An order store at work: what a run of it is made of, and what goes on in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from forebay import Request, Response, Running, UsageError
from forebay.services.orderstore.cleaning import Cleaner
from forebay.services.orderstore.examples import write_examples
from forebay.services.orderstore.figures import Figures
from forebay.services.orderstore.keeping import Keeper
from forebay.services.orderstore.lookup import Lookup
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.newest import Newest
from forebay.services.orderstore.options import Options
from forebay.services.orderstore.reading import Arrived
from forebay.services.orderstore.restoring import Restoring, progress

TOPIC = COLLECTION = "orders"

log = logging.getLogger("forebay.services")


class Service:
    """The parts of an order store, made anew with each run, and who of them is asked for what.

    Arguments:
        wanted: how it works.
    """

    def __init__(self, wanted: Options) -> None:
        self._wanted = wanted

    @asynccontextmanager
    async def run(self, running: Running) -> AsyncIterator[None]:
        """Open the collection, and clean and restore in the background until the end.

        Raises:
            UsageError: places are 0: nobody would ever bring an order.
        """
        if running.settings.places == 0:
            hint = "the order store takes orders from a queue: leave places out"
            raise UsageError("places 0 means that there is no queue", hint)
        wanted, stalled = self._wanted, partial(running.stalled, TOPIC)
        collection = await running.store.collection(COLLECTION)
        self._memory = memory = Memory(wanted.most_orders, wanted.most_bytes)
        self._lookup = Lookup(memory, collection, wanted.by_number)
        self._newest = Newest(memory, collection, lambda: running.health.stopping)
        self._keeper = Keeper(collection, memory, stalled, self._newest.tell)
        self._cleaner = Cleaner(memory, wanted.outdated)
        self._restoring = Restoring(collection, memory, self._cleaner.oldest(), stalled)
        self._figures = Figures(self._values)
        running.metrics.tell_also(self._figures)
        async with _at_work(self._background(running)):
            yield

    def _background(self, running: Running) -> list[Coroutine[Any, Any, object]]:
        wanted = self._wanted
        background: list[Coroutine[Any, Any, object]] = []
        if wanted.writers:  # which may be refused: first of all
            background.append(write_examples(running.topic(TOPIC), wanted.writers))
        if wanted.restore:
            running.health.hold("restore", "it has not begun")
            background.append(self._restore(running))
        return [*background, self._cleaner.keep_on(wanted.cleanup)]

    async def keep(self, orders: list[Arrived]) -> list[Exception | None]:
        """Work orders off."""
        return await self._keeper.keep(orders)

    def by_parameter(self, request: Request) -> Response | Awaitable[Response]:
        """Tell one order, by one of the parameters id, number and order_uid."""
        return self._lookup.by_parameter(request)

    def by_path(self, request: Request) -> Response | Awaitable[Response]:
        """Tell one order, by its order_uid."""
        return self._lookup.by_path(request)

    def newest(self, request: Request) -> Response | Awaitable[Response]:
        """Tell the newest orders in short; with the parameter after, wait for one that is newer."""
        return self._newest.answer(request)

    def stats(self, request: Request) -> Response:
        """Tell what is in memory, and how many orders were told from there."""
        return self._figures.answer(request)

    def _values(self) -> dict[str, int]:
        memory, lookup = self._memory, self._lookup
        return {
            "orders": len(memory),
            "bytes": memory.bytes,
            "newest": memory.newest,
            "waiting": self._newest.waiting,
            "added": memory.added,
            "evicted": memory.evicted,
            "outdated": self._cleaner.outdated,
            "restored": self._restoring.restored,
            "from_memory": lookup.from_memory,
            "from_store": lookup.from_store,
            "missing": lookup.missing,
        }

    async def _restore(self, running: Running) -> None:
        def told(restored: int, total: int) -> None:
            running.health.hold("restore", f"{restored:,} of {total:,} orders restored")
            show(restored, total)

        try:
            with progress() as show:
                await self._restoring.run(told)
        finally:  # should it have failed: what is not in memory is answered from the store
            running.health.release("restore")


@asynccontextmanager
async def _at_work(coroutines: list[Coroutine[Any, Any, object]]) -> AsyncIterator[None]:
    """Let coroutines run meanwhile; one that fails is told, and harms nobody else."""
    tasks = [asyncio.create_task(_logged(coroutine)) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(coroutine: Coroutine[Any, Any, object]) -> None:
    try:
        await coroutine
    except Exception:
        log.exception("%s failed", coroutine)
