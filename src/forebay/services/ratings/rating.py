"""The service of ratings at work: puts rates into the window, and tells their average."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from forebay import (
    Dead,
    Entry,
    Request,
    Response,
    Running,
    Unavailable,
    Unknown,
    Window,
    Work,
    json_response,
    problem,
    text_response,
)
from forebay.services.ratings.average import average
from forebay.services.ratings.keeping import keep
from forebay.services.ratings.opened import Opened
from forebay.services.work_time import WorkTime

WINDOW = "rates"
"""The name under which every process of the service finds the window in their store."""

VARY = (b"vary", b"accept")
RETRY = (b"retry-after", b"1")


class Ratings:
    """The window of a service that runs, and what its paths and handlers do with it.

    Arguments:
        size: n of the moving average.
        work: pretended, before each rate is put in.
    """

    def __init__(self, size: int, work: WorkTime) -> None:
        self._size = size
        self._work = work
        self._opened = Opened()
        self._window: Window
        self._running: Running

    @asynccontextmanager
    async def lifespan(self, running: Running) -> AsyncIterator[None]:
        """Open the window, and count the handlers from now on."""
        self._running = running
        self._window = await running.store.window(WINDOW, self._size)
        running.listen(self._opened)
        yield

    async def count(self, rates: list[int], works: list[Work]) -> list[Dead | None]:
        """Put rates into the window, those of one call in one commit."""
        if self._work.mean:
            await asyncio.sleep(sum(self._work.draw() for _ in rates))
        entries = [Entry(work.message.id, work.topic, rate) for rate, work in zip(rates, works, strict=True)]
        if self._running.settings.places == 0:  # a client waits for this, and shall hear that the store is away
            return await keep(self._window, entries)
        return await keep(self._window, entries, partial(self._running.stalled, works[0].topic))

    async def total(self, request: Request) -> Response:
        """Tell the moving average: text with two decimals, or JSON; 503 while there is none."""
        try:
            rates = await self._window.values()
        except (Unavailable, Unknown):  # why, and where the store is, is told to operators alone: /readyz and the log
            return problem(503, "the store cannot be reached; no rate is lost").with_headers(VARY, RETRY)
        found = average(rates, self._size)
        if _wants_json(request):
            said = json_response(found.as_dict()) if found else problem(503, "there is no rate yet")
        else:
            said = text_response(found.text) if found else text_response("there is no rate yet\n", 503)
        return said.with_headers(VARY)

    def told(self, request: Request) -> Response:
        """Tell how many handlers have been opened and closed in this process, and how many are open."""
        opened, closed = self._opened.opened, self._opened.closed
        if _wants_json(request):
            return json_response({"opened": opened, "closed": closed, "open": opened - closed}).with_headers(VARY)
        return text_response(f"opened {opened}\nclosed {closed}\n").with_headers(VARY)


def _wants_json(request: Request) -> bool:
    return request.prefers("text/plain", "application/json") == "application/json"
