"""A large call as several scripts: while one runs the server answers nobody else, and it takes a million words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from forebay.errors import Unavailable, Unknown
from forebay.stores.batching import HEAVIEST_BATCH

T = TypeVar("T")
R = TypeVar("R")


async def in_steps(
    submit: Callable[[Sequence[T]], Awaitable[Sequence[R]]], items: Sequence[T], weigh: Callable[[T], int]
) -> list[R]:
    """Submit the items of a call in parts of about 4 MiB, one after the other, and return the answers to all.

    Raises:
        Unavailable: nothing was done. Unknown: cannot say, or a part was done; to do all again must be harmless.
    """
    answers: list[R] = []
    for part in _parts(items, weigh):
        try:
            answers += await submit(part)
        except Unavailable as error:
            if not answers:
                raise
            hint = f"{len(answers)} of {len(items)} are kept; to do all again is harmless"
            raise Unknown(error.what, hint) from error
    return answers


def _parts(items: Sequence[T], weigh: Callable[[T], int]) -> Iterator[Sequence[T]]:
    first, weight = 0, 0
    for n, item in enumerate(items):
        weight += weigh(item)
        if weight >= HEAVIEST_BATCH:
            yield items[first : n + 1]
            first, weight = n + 1, 0
    if first < len(items):
        yield items[first:]
