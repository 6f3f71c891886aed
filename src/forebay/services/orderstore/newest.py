"""The newest orders in short, told to those who wait for them as soon as they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec

from forebay import Collection, ForebayError, Request, Response, Undecodable, json_response, problem
from forebay.services.orderstore.memory import Kept, Memory
from forebay.services.orderstore.reading import created_of

MOST_AT_ONCE = 100
USUAL = 20
MOST_WAITING = 1_000
WAIT_SECONDS = 20.0
LOOK_SECONDS = 1.0
"""How often the store is asked for what other processes have kept, and a stop is noticed."""
GATHER_SECONDS = 0.1
"""Orders that come within this time are told together."""

ASKED_WRONGLY = problem(400, f"limit is 1 to {MOST_AT_ONCE}, after the number of an order")
TOO_MANY = problem(503, "too many wait for new orders already").with_headers((b"retry-after", b"5"))


class _Delivery(msgspec.Struct, gc=False):
    city: str


class _Payment(msgspec.Struct, gc=False):
    amount: int
    currency: str


class _Seen(msgspec.Struct, gc=False):
    order_uid: str
    date_created: str
    customer_id: str
    payment: _Payment
    delivery: _Delivery
    items: list[msgspec.Raw]


class Newest:
    """Answers ``GET /orders/newest?limit=20&after=41``.

    With `after`, the request waits until there is an order of a higher number, for `WAIT_SECONDS` at most. Its answer
    are the newest then, whatever their numbers: one may be kept after one that is higher, by another process above all.

    Arguments:
        memory: where the orders are.
        collection: asked for those that other processes have kept, once in `LOOK_SECONDS` at most.
        is_stopping: says whether nobody may be kept waiting any more.
    """

    def __init__(self, memory: Memory, collection: Collection, is_stopping: Callable[[], bool]) -> None:
        self.waiting = 0
        self._memory = memory
        self._collection = collection
        self._is_stopping = is_stopping
        self._looked_at = -LOOK_SECONDS
        self._bell = asyncio.Event()
        self._will_ring = False
        self._last: tuple[tuple[int, int, int], Response] | None = None

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Return the newest orders, the highest number first, and the highest number of all."""
        try:
            limit = _whole(request.parameter("limit") or str(USUAL), 1, MOST_AT_ONCE)
            text = request.parameter("after")
            after = None if text is None else _whole(text, 0, 2**63 - 1)
        except Undecodable:
            return ASKED_WRONGLY
        if after is None:
            return self._newest(limit)
        if after < self._memory.newest:
            return self._told(limit)
        return self._newer(limit, after) if self.waiting < MOST_WAITING else TOO_MANY

    def tell(self) -> None:
        """Say that orders have come into memory."""
        if self.waiting and not self._will_ring:
            self._will_ring = True
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._ring)

    async def _newest(self, limit: int) -> Response:
        await self._look()
        return self._told(limit)

    async def _newer(self, limit: int, after: int) -> Response:
        loop = asyncio.get_running_loop()
        end = loop.time() + WAIT_SECONDS
        self.waiting += 1
        try:
            while self._memory.newest <= after and loop.time() < end and not self._is_stopping():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), LOOK_SECONDS)
                await self._look()
        finally:
            self.waiting -= 1
        return self._told(limit)

    async def _look(self) -> None:
        """Put into memory what other processes have kept; without the store, what is in memory has to do."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        with suppress(ForebayError):
            for document in await self._collection.newest(MOST_AT_ONCE):
                self._memory.add(document, created_of(document))

    def _ring(self) -> None:
        self._will_ring = False
        self._bell.set()
        self._bell.clear()  # whoever waits now has been woken

    def _told(self, limit: int) -> Response:
        asked = limit, self._memory.added, len(self._memory)
        if self._last is None or self._last[0] != asked:  # those who wait together mostly ask the same
            lines = in_short(list(islice(self._memory.downwards(), limit)))
            self._last = asked, json_response({"orders": lines, "newest": self._memory.newest})
        return self._last[1]


def in_short(orders: Sequence[Kept]) -> list[dict[str, Any]]:
    """Return orders as lines of a list: number, order_uid, date_created, customer_id, amount, currency, items, city."""
    lines = []
    for kept in orders:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):  # somebody else has written into the store
            seen = _seen(kept.answer.body)
            lines.append(_line(kept.number, seen))
    return lines


def _line(number: int, seen: _Seen) -> dict[str, Any]:
    return {
        "number": number,
        "order_uid": seen.order_uid,
        "date_created": seen.date_created,
        "customer_id": seen.customer_id,
        "amount": seen.payment.amount,
        "currency": seen.payment.currency,
        "items": len(seen.items),
        "city": seen.delivery.city,
    }


def _whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise Undecodable(f"{text[:20]!r} is not a whole number of {least} to {most}")
    return int(text)


_seen = msgspec.json.Decoder(_Seen).decode
