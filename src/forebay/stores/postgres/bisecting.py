"""Items that go to the server in one statement; where it refuses one of them, its neighbours are kept all the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from forebay.errors import ForebayError, Unavailable, Undecodable, Unknown

T = TypeVar("T")
R = TypeVar("R")


async def bisected(
    commit: Callable[[list[T]], Awaitable[list[R]]], items: list[T], told: Callable[[T], str]
) -> list[R | ForebayError]:
    """Commit items together; where the server refuses the data, each half by itself, until an item stands alone.

    Arguments:
        commit: takes items, returns an answer for each; it may be repeated without harm.
        items: one or more.
        told: names an item, for the words of its refusal.

    Raises:
        Unavailable: certainly nothing was done. Unknown: cannot say.
    """
    try:
        return [*await commit(items)]
    except Undecodable as error:
        if len(items) == 1:
            return [Undecodable(f"{told(items[0])} cannot be stored: {error.what}", error.hint)]
    half = len(items) // 2
    try:
        return [*await bisected(commit, items[:half], told), *await bisected(commit, items[half:], told)]
    except Unavailable as error:
        raise Unknown(error.what, "a part may have been kept; saving again is harmless") from error
