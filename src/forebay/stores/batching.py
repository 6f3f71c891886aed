"""Calls that come while a commit runs share the next one: many callers, few commits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from forebay.errors import ForebayError

T = TypeVar("T")
R = TypeVar("R")
Call: TypeAlias = tuple[Sequence[T], asyncio.Future[Sequence[R]]]

HEAVIEST_BATCH = 4 * 2**20  # bytes; keeps one statement far from the time limits of a server


class Batcher(Generic[T, R]):
    """Gathers the items of concurrent calls into batches, one or a few batches under way at a time.

    Arguments:
        commit: takes the items of one batch, returns an answer for each, in their order; what it raises, all of
            the batch's callers get.
        weigh: the size of an item in bytes, roughly.
        heaviest: bytes; a batch that weighs so much takes no further call.
        at_once: how many batches may be under way.
    """

    def __init__(
        self,
        commit: Callable[[list[T]], Awaitable[Sequence[R]]],
        weigh: Callable[[T], int],
        heaviest: int = HEAVIEST_BATCH,
        at_once: int = 1,
    ) -> None:
        self._commit = commit
        self._weigh = weigh
        self._heaviest = heaviest
        self._at_once = at_once
        self._calls: deque[Call[T, R]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, items: Sequence[T]) -> Sequence[R]:
        """Commit items and return an answer for each; whoever is cancelled here stops waiting, not the commit."""
        if not items:
            return []
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[R]] = loop.create_future()
        self._calls.append((items, answer))
        if len(self._tasks) < self._at_once:
            self._tasks.add(loop.create_task(self._run()))
        return await answer

    async def drain(self) -> None:
        """Return when nothing is waiting or under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # let all that comes in this turn of the loop join
            while self._calls:
                await self._answer(self._take())
        finally:
            self._tasks -= {asyncio.current_task()}  # at once: a callback would come after the next call

    def _take(self) -> list[Call[T, R]]:
        taken: list[Call[T, R]] = []
        weight = 0
        while self._calls and (not taken or weight < self._heaviest):
            call = self._calls.popleft()
            weight += sum(map(self._weigh, call[0]))
            taken.append(call)
        return taken

    async def _answer(self, calls: list[Call[T, R]]) -> None:
        try:
            answers = await self._commit([item for items, _ in calls for item in items])
        except Exception as error:
            for _, answer in calls:
                if not answer.done():
                    answer.set_exception(_own(error))
            return
        start = 0
        for items, answer in calls:
            if not answer.done():
                answer.set_result(answers[start : start + len(items)])
            start += len(items)


def _own(error: Exception) -> Exception:
    # one exception raised in many tasks would gather the tracebacks of all of them
    if not isinstance(error, ForebayError):
        return error
    own = type(error)(error.what, error.hint)
    own.__cause__ = error.__cause__
    return own
