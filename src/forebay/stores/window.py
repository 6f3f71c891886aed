"""The contract of a window: the last n values, each message counted once, whatever is delivered twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A value to be put into a window.

    Arguments:
        id, topic: of the message that brought it; the inbox of the store keeps one effect for both.
        value: a whole number of 64 bits.
    """

    id: str
    topic: str
    value: int


class Window(Protocol):
    """The last `size` values, in the order in which they were put in; shared by all who open it by its name.

    The inbox row of the message (see :meth:`forebay.stores.store.Store.once`) is written in the same transaction, so
    a value is never counted twice, and never lost between the two.
    """

    size: int

    async def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """Put values in and let those beyond `size` go; those of one call share a commit.

        Returns for each entry, in their order: True when it was put in now, False when its message had had its effect.

        Raises:
            UsageError: no store can keep such an id, topic or value.
            Unavailable: certainly nothing was put in. Unknown: cannot say. After either, to put again is harmless.
        """
        ...

    async def values(self) -> Sequence[int]:
        """Return the values that are in the window, the newest first; at most `size`."""
        ...
