"""The order store: orders from a consumer group, kept in memory and in a store, told over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from forebay import App, Request, Response, Running
from forebay.services.orderstore.cleaning import Cleaner
from forebay.services.orderstore.examples import write_examples
from forebay.services.orderstore.figures import Figures
from forebay.services.orderstore.keeping import Keeper
from forebay.services.orderstore.lookup import Lookup
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.newest import Newest
from forebay.services.orderstore.options import Options, options
from forebay.services.orderstore.pages import mount_page
from forebay.services.orderstore.reading import Arrived, reader
from forebay.services.orderstore.restoring import Restoring, progress

TOPIC = COLLECTION = "orders"
LARGEST_BATCH = 500

log = logging.getLogger("forebay.services")


def orderstore(
    by: str = "number",
    orders_limit: str = "100000",
    bytes_limit: str = "2GiB",
    cleanup: str = "10m",
    outdated: str = "none",
    restore: str = "yes",
    largest: str = "20KB",
    examples: str = "no",
    writers: str = "1",
) -> App:
    """Return the order store.

    Arguments:
        by: what `GET /orders?id=` means: `number`, in the order of keeping, or `uid`, the order_uid.
        orders_limit: orders in memory, at most; those with the lowest numbers go first.
        bytes_limit: what the orders in memory take together, at most.
        cleanup: how often memory is cleaned of what is outdated.
        outdated: age by its date_created at which an order leaves memory, as in 30d; none: it stays.
        restore: yes or no: whether memory is filled from the store at the start.
        largest: the largest order; a larger one becomes a dead letter.
        examples: yes or no: whether it writes made-up orders into its own queue while it serves.
        writers: how many write made-up orders, each 100 a second.
    """
    wanted = options(
        by=by,
        orders_limit=orders_limit,
        bytes_limit=bytes_limit,
        cleanup=cleanup,
        outdated=outdated,
        restore=restore,
        largest=largest,
        examples=examples,
        writers=writers,
    )
    service = _Service(wanted)
    app = App("orderstore", lifespan=service.run)
    app.handler(TOPIC, batch=LARGEST_BATCH, results=False, decode=reader(wanted.largest))(service.keep)
    app.get("/orders")(service.by_parameter)
    app.get("/orders/{uid}")(service.by_path)
    app.get("/orders/newest")(service.newest)
    app.get("/stats")(service.stats)
    mount_page(app)
    return app


class _Service:
    """The parts of an order store, made anew with each run, and who is asked for what."""

    def __init__(self, wanted: Options) -> None:
        self._wanted = wanted

    @asynccontextmanager
    async def run(self, running: Running) -> AsyncIterator[None]:
        """Open the collection, and clean and restore in the background until the end."""
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
        background: list[Coroutine[Any, Any, object]] = [self._cleaner.keep_on(wanted.cleanup)]
        if wanted.restore:
            running.health.hold("restore", "it has not begun")
            background.append(self._restore(running))
        if wanted.writers:
            background.append(write_examples(running.topic(TOPIC), wanted.writers))
        async with _at_work(background):
            yield

    async def keep(self, orders: list[Arrived]) -> list[Exception | None]:
        return await self._keeper.keep(orders)

    def by_parameter(self, request: Request) -> Response | Awaitable[Response]:
        return self._lookup.by_parameter(request)

    def by_path(self, request: Request) -> Response | Awaitable[Response]:
        return self._lookup.by_path(request)

    def newest(self, request: Request) -> Response | Awaitable[Response]:
        return self._newest.answer(request)

    def stats(self, request: Request) -> Response:
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

        with progress() as show:
            await self._restoring.run(told)
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
