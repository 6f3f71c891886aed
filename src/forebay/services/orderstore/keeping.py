"""The work on orders: into the store, then into memory, and only then are they settled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from forebay import Collection, Dead, Document, ForebayError, insist
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.reading import Arrived


class Keeper:
    """Works orders off, many at once.

    A store that is down is asked again until it is back: its orders stay in hand, and are never given up for it.

    Arguments:
        collection: where orders are kept.
        memory: where those are put that are kept.
        on_trouble: hears of each failure of the store.
        on_kept: called when orders have been put into memory.
    """

    def __init__(
        self,
        collection: Collection,
        memory: Memory,
        on_trouble: Callable[[ForebayError], None],
        on_kept: Callable[[], None],
    ) -> None:
        self._collection = collection
        self._memory = memory
        self._on_trouble = on_trouble
        self._on_kept = on_kept

    async def keep(self, orders: Sequence[Arrived]) -> list[Exception | None]:
        """Keep orders; return for each why it cannot be kept, None when it is in the store and, if there, in memory."""
        documents = [order.document for order in orders]
        standing = await insist(lambda: self._collection.keep(documents), self._on_trouble)
        ends = [self._end(order, stands) for order, stands in zip(orders, standing, strict=True)]
        self._on_kept()
        return ends

    def _end(self, order: Arrived, stands: Document | ForebayError) -> Exception | None:
        if isinstance(stands, ForebayError):
            return stands
        document = order.document
        if stands.value != document.value and not says_the_same(stands.value, document.value):
            return Dead(f"the order {document.key!r} is known with other content, as number {stands.number}")
        self._memory.add(Document(document.key, document.value, stands.number), order.created)
        return None


def says_the_same(one: bytes, other: bytes) -> bool:
    """Say whether two texts of JSON differ only in what a database may change that keeps them in parts.

    That is: blanks, the order of keys, escapes, and how a number is written (1e2 as 100).
    """
    return _equal(_exact(one), _exact(other))


def _exact(text: bytes) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)  # 1e300 and its 301 digits are one number


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):  # for Python, True equals 1
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
