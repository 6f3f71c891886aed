"""Orders of the store back into memory, the newest first, while everything else goes on."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from forebay import Collection, Document, ForebayError, insist
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.reading import created_of

PAGE = 1_000
"""Orders fetched at once: larger pages are no faster, and hold up the event loop for longer."""
SLICE = 250
"""Orders after which the event loop gets its turn: about a millisecond."""

Told = Callable[[int, int], None]


class Restoring:
    """Fills memory from the store.

    Orders that come meanwhile have higher numbers, or are the same: nothing is overwritten.

    Arguments:
        collection: where all orders are.
        memory: is filled until it is full.
        oldest: what was created before stays out, in seconds since the epoch. A page of nothing else is the last.
        on_trouble: hears of each failure of the store, which is asked again.

    Attributes:
        restored: how many orders have been put into memory, or were there.
    """

    def __init__(
        self, collection: Collection, memory: Memory, oldest: float, on_trouble: Callable[[ForebayError], None]
    ) -> None:
        self.restored = 0
        self._collection = collection
        self._memory = memory
        self._oldest = oldest
        self._on_trouble = on_trouble

    async def run(self, told: Told) -> None:
        """Restore all that fits.

        Arguments:
            told: is called with how many orders are restored, and of how many about, page by page.
        """
        page = await self._page(None)
        total = self._expected(page)
        told(0, total)
        while page:
            fits = await self._take(page)
            told(self.restored, max(total, self.restored))
            if not fits:
                break
            page = await self._page(page[-1].number)
        told(self.restored, self.restored)

    def _expected(self, newest: Sequence[Document]) -> int:
        """Return how many there are to restore, at most; to count them would take a large database longer than it may.

        Numbers begin at 1 and have few gaps.
        """
        return min(newest[0].number, self._memory.most_orders) if newest else 0

    async def _page(self, before: int | None) -> Sequence[Document]:
        return await insist(lambda: self._collection.newest(PAGE, before), self._on_trouble)

    async def _take(self, page: Sequence[Document]) -> bool:
        """Put a page into memory; return whether the next one may have a place there."""
        young = False
        for start in range(0, len(page), SLICE):
            for document in page[start : start + SLICE]:
                created = created_of(document)
                if created < self._oldest:
                    continue
                young = True
                if self._memory.add(document, created):
                    self.restored += 1
                elif self._memory.could_hold(document):
                    return False  # it is full
            await asyncio.sleep(0)
        return young


@contextmanager
def progress() -> Iterator[Told]:
    """Show people at the terminal how far it has come: a bar on a terminal, else a line at the end."""
    began, last = time.monotonic(), (0, 0)

    def note(restored: int, total: int) -> None:
        nonlocal last
        last = restored, total

    if sys.stderr.isatty():
        with _bar() as told:
            yield told
    else:
        yield note
        print(f"restored {last[0]:,} orders in {time.monotonic() - began:.1f}s", file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Told]:
    from rich.console import Console  # most processes have no terminal, and no need of it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("restoring orders"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("")
        yield lambda restored, total: bar.update(task, completed=restored, total=total)
