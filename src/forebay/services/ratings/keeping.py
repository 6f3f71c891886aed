"""How rates get into the window: each message once, whatever is delivered twice, and none lost with the store down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay import Dead, Entry, ForebayError, UsageError, Window, insist

OnTrouble = Callable[[ForebayError], None]


async def keep(window: Window, entries: Sequence[Entry], on_trouble: OnTrouble | None = None) -> list[Dead | None]:
    """Put entries into a window, and return what became of each: None, or `Dead` for one that no store can keep.

    Arguments:
        window: keeps one entry of a message, whatever is put in again.
        entries: as they came from the queue.
        on_trouble: hears each time that the store did not answer, which is asked again until it does. None: the error
            is raised instead.

    Raises:
        Unavailable, Unknown: from the store, where nobody hears of it.
    """
    try:
        await _put(window, entries, on_trouble)
    except UsageError:  # of one of them; which, the window does not say
        return [await _by_itself(window, entry, on_trouble) for entry in entries]
    return [None] * len(entries)


async def _by_itself(window: Window, entry: Entry, on_trouble: OnTrouble | None) -> Dead | None:
    try:
        await _put(window, [entry], on_trouble)
    except UsageError as error:
        return Dead(error.what)
    return None


async def _put(window: Window, entries: Sequence[Entry], on_trouble: OnTrouble | None) -> None:
    if on_trouble is None:
        await window.put(entries)
    else:
        await insist(lambda: window.put(entries), on_trouble)
