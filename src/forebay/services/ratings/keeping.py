"""How rates get into the window: each message once, whatever is delivered twice, and none lost with the store down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from forebay.errors import Dead, ForebayError, Unavailable, Unknown, UsageError
from forebay.stores.window import Entry, Window

PAUSE_SECONDS = 0.2
"""Between two tries of a store that does not answer."""

Stalled = Callable[[ForebayError], None]


async def keep(window: Window, entries: Sequence[Entry], stalled: Stalled | None = None) -> list[Dead | None]:
    """Put entries into a window, and return what became of each: None, or `Dead` for one that no store can keep.

    Arguments:
        window: keeps one entry of a message, whatever is put in again.
        entries: as they came from the queue.
        stalled: told each time that the store did not answer, which is asked again until it does: an outage of the
            store is no failure of the messages. None: the error is raised instead.

    Raises:
        Unavailable, Unknown: from the store, where nobody is to be told.
    """
    try:
        await _insist(window, entries, stalled)
    except UsageError:  # of one of them; which, the window does not say
        return [await _by_itself(window, entry, stalled) for entry in entries]
    return [None] * len(entries)


async def _by_itself(window: Window, entry: Entry, stalled: Stalled | None) -> Dead | None:
    try:
        await _insist(window, [entry], stalled)
    except UsageError as error:
        return Dead(error.what)
    return None


async def _insist(window: Window, entries: Sequence[Entry], stalled: Stalled | None) -> None:
    while True:
        try:
            await window.put(entries)  # an entry that was put in although nobody could say so is not put in again
            return
        except (Unavailable, Unknown) as error:
            if stalled is None:
                raise
            stalled(error)
        await asyncio.sleep(PAUSE_SECONDS)
