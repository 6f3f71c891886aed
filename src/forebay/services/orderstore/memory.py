"""Orders in memory: the newest, as many as fit, each with its answer ready."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from forebay import Document, Response

OVERHEAD = 320
"""Bytes that an order takes beside its own: the objects around it, and its places in the two tables."""

JSON = ((b"content-type", b"application/json"),)


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An order in memory.

    Arguments:
        number: given by the store.
        uid: its `order_uid`.
        created: its `date_created`, in seconds since the epoch.
        answer: what a request for it hears; the body is the order as it came.
    """

    number: int
    uid: str
    created: float
    answer: Response

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return _size(self.uid, self.answer.body)


class Memory:
    """Orders by uid and by number; where they are too many or too large together, the lowest numbers go.

    Orders that come in the order of their numbers, upwards or downwards, cost the same however many there are.

    Arguments:
        most_orders, most_bytes: what is held at any time, at most.

    Attributes:
        by_uid, by_number: to be read; changed by `add` and `remove` only.
        bytes: that all of them take, about.
        added, evicted: how many ever came, and how many went because others needed their place.
    """

    def __init__(self, most_orders: int, most_bytes: int) -> None:
        self.most_orders = most_orders
        self.most_bytes = most_bytes
        self.by_uid: dict[str, Kept] = {}
        self.by_number: dict[int, Kept] = {}
        self.bytes = 0
        self.added = 0
        self.evicted = 0
        self._numbers: deque[int] = deque()  # sorted

    def __len__(self) -> int:
        return len(self.by_number)

    @property
    def newest(self) -> int:
        """The highest number in memory, 0 while it is empty."""
        return self._numbers[-1] if self._numbers else 0

    def add(self, document: Document, created: float) -> bool:
        """Put an order into memory, and let older ones go where it needs their place.

        Returns whether it is in memory now: a full one does not take what is older than all that it holds.
        """
        if document.number in self.by_number or document.key in self.by_uid:
            return True
        kept = Kept(document.number, document.key, created, answer_of(document))
        if self._has_no_place_for(kept):
            return False
        self.by_number[kept.number] = self.by_uid[kept.uid] = kept
        self._insert(kept.number)
        self.added += 1
        self.bytes += kept.size
        while len(self._numbers) > self.most_orders or self.bytes > self.most_bytes:
            self._forget(self._numbers.popleft())
            self.evicted += 1
        return document.number in self.by_number  # its own turn may have come: it was large, and the next to go

    def could_hold(self, document: Document) -> bool:
        """Say whether an order would find a place if it were the only one."""
        return _size(document.key, document.value) <= self.most_bytes

    def remove(self, numbers: Iterable[int]) -> int:
        """Let the orders of these numbers go, where they are here; return how many did."""
        found = [number for number in numbers if number in self.by_number]
        for number in found:
            self._forget(number)
        if found:
            self._numbers = deque(number for number in self._numbers if number in self.by_number)
        return len(found)

    def downwards(self) -> Iterator[Kept]:
        """Yield the orders, the highest number first; not to be held across a change."""
        return (self.by_number[number] for number in reversed(self._numbers))

    def _has_no_place_for(self, kept: Kept) -> bool:
        if kept.size > self.most_bytes:
            return True  # all others would go for it, and it would not fit even then
        is_full = len(self._numbers) >= self.most_orders or self.bytes + kept.size > self.most_bytes
        return is_full and bool(self._numbers) and kept.number < self._numbers[0]

    def _insert(self, number: int) -> None:
        numbers = self._numbers
        if not numbers or number > numbers[-1]:
            numbers.append(number)
        elif number < numbers[0]:
            numbers.appendleft(number)
        else:
            numbers.insert(bisect_left(numbers, number), number)

    def _forget(self, number: int) -> None:
        kept = self.by_number.pop(number)
        del self.by_uid[kept.uid]
        self.bytes -= kept.size


def _size(uid: str, body: bytes) -> int:
    return len(body) + len(uid.encode()) + OVERHEAD


def answer_of(document: Document) -> Response:
    """Return what a request for an order hears: its bytes."""
    return Response(200, document.value, JSON)
