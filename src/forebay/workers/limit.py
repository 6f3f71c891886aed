"""How long a handler may take; the time in which it insists on a store that is down is not its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

_around: ContextVar[Limit | None] = ContextVar("limit", default=None)


class Limit:
    """Ends what runs in its ``async with`` after so many seconds by TimeoutError, as `asyncio.timeout` does.

    Unlike there, the time stands still while the handler, or a task that it has begun, is inside `held`.

    Arguments:
        seconds: None: any.
    """

    __slots__ = ("_holds", "_left", "_seconds", "_timeout", "_token")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        self._holds, self._left = 0, 0.0
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        self._token: Token[Limit | None] = _around.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _around.reset(self._token)
        self._seconds = None  # a task that the handler has left behind has no limit to hold
        await self._timeout.__aexit__(kind, error, trace)

    def hold(self) -> None:
        """Let the time stand still, until as many calls of `release` have come."""
        self._holds += 1
        if self._holds == 1 and self._runs and (until := self._timeout.when()) is not None:
            self._left = until - asyncio.get_running_loop().time()
            self._timeout.reschedule(None)

    def release(self) -> None:
        """Let the time go on."""
        self._holds -= 1
        if not self._holds and self._runs:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)

    @property
    def _runs(self) -> bool:
        return self._seconds is not None and not self._timeout.expired()


@contextmanager
def held() -> Iterator[None]:
    """Let the limit of the handler that we are in stand still; where there is none, nothing happens."""
    limit = _around.get()
    if limit is None:
        yield
        return
    limit.hold()
    try:
        yield
    finally:
        limit.release()
