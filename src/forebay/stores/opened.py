"""What a store has opened by name: each once, however many ask for it, and all of it drained at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Drained(Protocol):
    """What may have something under way."""

    async def drain(self) -> None:
        """Return when nothing is under way."""
        ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Drained)


class Opened(Generic[K, T]):
    """The windows, or the collections, that a store has opened."""

    def __init__(self) -> None:
        self._opened: dict[K, T] = {}

    async def get(self, key: K, opening: Callable[[], Awaitable[T]]) -> T:
        """Return what was opened under a key; it is opened where nothing was.

        Of two that open it at the same time both get what was there first.
        """
        if key not in self._opened:
            opened = await opening()
            return self._opened.setdefault(key, opened)
        return self._opened[key]

    async def drain(self) -> None:
        """Return when nothing is under way in any of them."""
        for opened in list(self._opened.values()):
            await opened.drain()
