"""Guns of one's own: shots that a coroutine of Python fires, by the same plans, and counted in the same way.

    async def shoot(shot):                      @contextlib.asynccontextmanager
        ...                                     async def gun():
        return 200                                  async with Client() as client:
                                                        async def shoot(shot): ...
                                                        yield shoot

The second form opens what lives as long as the run. A gun says how the shot ended: by the status that it returns (None
is 200), by `NotSent`, or by any other exception, after which the outcome is unknown.

What a gun costs is counted as the time of its target, since nobody can tell them apart. A gun of bare asyncio streams
takes twice the processor time of the engine of bare sockets for each shot (benchmarks/README.md), a client library
several times that; beyond what a processor can do shots come late, and the run is not valid. It is also the way to
other protocols: the engine itself speaks HTTP/1.1 only.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from forebay.errors import UsageError
from forebay.load.by_name import by_name
from forebay.load.shot import Shot

Shoot = Callable[[Shot], Awaitable[int | None]]
Gun = Callable[..., Any]
"""A coroutine function that takes a shot, or a function without arguments that returns a context manager of one."""

_HINT = "write `async def shoot(shot)`, and name it module:shoot, of a module in this folder"


class NotSent(Exception):
    """Raised by a gun: nothing of the shot was sent, so that it certainly has no effect."""


def load(text: str) -> Gun:
    """Return the gun of ``module:function``.

    Raises:
        UsageError: there is none.
    """
    return by_name(text, "gun", _HINT)


@asynccontextmanager
async def opened(gun: Gun) -> AsyncIterator[Shoot]:
    """Open a gun for the length of a run, in the loop in which it is fired.

    Raises:
        UsageError: it is not one.
    """
    if inspect.iscoroutinefunction(gun) or inspect.iscoroutinefunction(getattr(gun, "__call__", None)):  # noqa: B004
        yield gun
        return
    manager = _made(gun)
    async with manager as shoot:
        if not callable(shoot):
            raise UsageError(f"{gun!r} opens nothing that can be called with a shot", _HINT)
        yield shoot


def _made(gun: Gun) -> AbstractAsyncContextManager[Shoot]:
    try:
        manager = gun()
    except TypeError as error:
        raise UsageError(f"{gun!r} is not a gun: {error}", _HINT) from error
    if not isinstance(manager, AbstractAsyncContextManager):
        raise UsageError(f"{gun!r} is not a gun", _HINT)
    return manager
