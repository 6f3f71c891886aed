"""An order store in a thread of its own, for tests that sit before a browser and must not wait on its loop."""

from __future__ import annotations

import asyncio
import json
import threading
from types import TracebackType
from typing import Any, Self

from forebay.running import settings_of
from forebay.services.orderstore.app import orderstore
from forebay.serving import serving
from orderstore_orders import an_order


class ServedOrders:
    """A served order store; a context manager.

    Arguments:
        store: where orders are kept.
        port: where to listen; 0: a free one.
    """

    def __init__(self, store: str = "memory://", port: int = 0) -> None:
        self.port = port
        self._settings = {"queue": "memory://", "store": store, "port": port, "drain": "1s"}
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def keep(self, uid: str, **changes: Any) -> None:
        """Send an order, and wait until it is kept."""
        self._do(self._keep(json.loads(an_order(uid, **changes))))

    def hold(self, step: str, reason: str) -> None:
        """Let the service say that it is not ready."""
        self._loop.call_soon_threadsafe(self._running.health.hold, step, reason)

    def release(self, step: str) -> None:
        """Let it be ready again."""
        self._loop.call_soon_threadsafe(self._running.health.release, step)

    async def _keep(self, order: Any) -> None:
        await self._running.publish("orders", order)
        await self._running.drained(20)

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with serving(orderstore(), settings_of(self._settings)) as (running, server):
            self._running, self.port = running, server.port
            self._started.set()
            await self._end.wait()
