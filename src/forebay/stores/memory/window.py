"""A window in this process: its values in a list, the newest last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay.stores.memory.contents import Memory
from forebay.stores.storable import check_entries, check_window
from forebay.stores.window import Entry


class MemoryWindow:
    """The values of a name in a memory.

    Arguments:
        opened: gives the memory; raises `Unavailable` when the store is closed.
        name: of the window.
        size: how many values it holds.

    Raises:
        UsageError: not a name or a size.
    """

    def __init__(self, opened: Callable[[], Memory], name: str, size: int) -> None:
        check_window(name, size)
        self.size = size
        self._opened = opened
        self._name = name

    async def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """Put values in; see :meth:`forebay.stores.window.Window.put`."""
        check_entries(entries)
        memory = self._opened()
        fresh = [memory.enter(entry.id, entry.topic) for entry in entries]
        values = memory.windows.setdefault(self._name, [])
        values += [entry.value for entry, new in zip(entries, fresh, strict=True) if new]
        if entries:
            del values[: -self.size]
        return fresh

    async def values(self) -> Sequence[int]:
        """Return the values that are in the window, the newest first."""
        return self._opened().windows.get(self._name, [])[: -self.size - 1 : -1]
