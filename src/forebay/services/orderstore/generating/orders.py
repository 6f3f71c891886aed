"""Orders as a shop would send them: number i is made of the seed and i alone, so whoever writes it writes the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import shake_128
from struct import Struct
from typing import TYPE_CHECKING

import msgspec

from forebay import UsageError
from forebay.services.orderstore.generating.breaking import FLAWS, Flaw, broken
from forebay.services.orderstore.order import Item, Order, Payment

if TYPE_CHECKING:
    from forebay.services.orderstore.generating.customers import Customer
    from forebay.services.orderstore.generating.goods import Article

LARGEST = 20_000
"""Bytes: the limit of the original service."""

_CUSTOMERS, _ARTICLES = 3_000, 1_000
_DAY = 24 * 3600
_ITEMS = (1, 1, 1, 2, 2, 2, 3, 4)
"""How many things are in an order; each as likely."""
_SALES = (0, 0, 0, 0, 5, 10, 15, 20, 30, 50)
"""Per cent off the price."""
_PROVIDERS = ("adyen", "klarna", "paypal", "stripe")
_DELIVERIES = ("cdek", "dhl", "dpd", "gls", "meest", "ups")
_STATUSES = (202, 202, 202, 204, 206)
_ENTRY = "FBAY"
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_words = Struct("<24I")
_FLAW, _WHICH_FLAW, _WHO, _WHEN, _PAID, _COUNT, _PROVIDER, _SHIPPING, _SHARD, _STORE, _FEE, _FIRST_ITEM = range(12)
"""What each drawn word decides; three more for every item."""


class Orders:
    """The orders of a seed: an endless row, of which any can be made at any time.

    Arguments:
        seed: another one gives other customers, goods and orders.
        start: the orders were created within the day before it; a part of their identity, for an order does not
            change; None: now.
        share_broken: from 0 to 1.
        largest: bytes; an order that is broken by being too large has more.

    Raises:
        UsageError: the share is none, or the package that makes names and addresses is not installed.
    """

    def __init__(
        self, seed: int = 0, start: datetime | None = None, *, share_broken: float = 0.0, largest: int = LARGEST
    ) -> None:
        if not 0 <= share_broken <= 1:
            raise UsageError(f"a share of {share_broken:g} is not possible", "it is from 0 to 1")
        self.start = (start or datetime.now(UTC)).astimezone(UTC)
        self._broken_below = round(share_broken * 2**32)
        self._largest = largest
        self._customers, self._goods = _material(seed)
        self._seed = shake_128(str(seed).encode())
        self._identity = shake_128(f"{seed} {self.start.isoformat()}".encode())
        self._encode = msgspec.json.Encoder().encode

    def uid(self, index: int) -> str:
        """Return the order_uid of an order: 20 hex digits."""
        identity = self._identity.copy()
        identity.update(b" %d" % index)
        return identity.hexdigest(10)

    def flaw(self, index: int) -> Flaw | None:
        """Return what is wrong with an order; None: nothing."""
        if not self._broken_below:
            return None
        words = self._drawn(index)
        return FLAWS[words[_WHICH_FLAW] % len(FLAWS)] if words[_FLAW] < self._broken_below else None

    def order(self, index: int) -> Order:
        """Return an order as it is where nothing is wrong with it."""
        words, uid = self._drawn(index), self.uid(index)
        customer = self._customers[words[_WHO] % len(self._customers)]
        track = _track(words[_SHARD], words[_STORE])
        items = self._items(words, uid, track, customer.prices)
        created = self.start.replace(microsecond=0) - timedelta(seconds=words[_WHEN] % _DAY)
        return Order(
            order_uid=uid,
            track_number=track,
            entry=_ENTRY,
            delivery=customer.delivery,
            payment=_payment(words, uid, customer, items, created),
            items=items,
            locale=customer.language,
            internal_signature="",
            customer_id=customer.id,
            delivery_service=_DELIVERIES[words[_SHIPPING] % len(_DELIVERIES)],
            shardkey=str(words[_SHARD] % 10),
            sm_id=words[_STORE] % 100,
            date_created=created,
            oof_shard=str(words[_SHARD] % 2),
        )

    def body(self, index: int) -> bytes:
        """Return an order as it is sent: JSON, or what a flaw has left of it."""
        body, flaw = self._encode(self.order(index)), self.flaw(index)
        return body if flaw is None else broken(body, flaw, self._largest)

    def _items(self, words: tuple[int, ...], uid: str, track: str, prices: int) -> list[Item]:
        first, count = _FIRST_ITEM, _ITEMS[words[_COUNT] % len(_ITEMS)]
        drawn = (words[first + 3 * n : first + 3 * n + 3] for n in range(count))
        return [self._item(three, f"{uid}{n}", track, prices) for n, three in enumerate(drawn)]

    def _item(self, words: tuple[int, ...], rid: str, track: str, prices: int) -> Item:
        which, variant, sold = words
        article = self._goods[which % len(self._goods)]
        size, chrt_id = article.sizes[variant % len(article.sizes)]
        price, sale = article.price * prices, _SALES[sold % len(_SALES)]
        return Item(
            chrt_id=chrt_id,
            track_number=track,
            price=price,
            rid=rid,
            name=article.name,
            sale=sale,
            size=size,
            total_price=price * (100 - sale) // 100,
            nm_id=article.number,
            brand=article.brand,
            status=_STATUSES[sold // len(_SALES) % len(_STATUSES)],
        )

    def _drawn(self, index: int) -> tuple[int, ...]:
        draw = self._seed.copy()
        draw.update(b" %d" % index)
        return _words.unpack(draw.digest(_words.size))


def _payment(words: tuple[int, ...], uid: str, customer: Customer, items: list[Item], created: datetime) -> Payment:
    goods_total = sum(item.total_price for item in items)
    delivery_cost = words[_SHIPPING] // len(_DELIVERIES) % 16 * customer.prices
    custom_fee = goods_total // 10 if words[_FEE] % 20 == 0 else 0
    return Payment(
        transaction=uid,
        request_id="",
        currency=customer.currency,
        provider=_PROVIDERS[words[_PROVIDER] % len(_PROVIDERS)],
        amount=goods_total + delivery_cost + custom_fee,
        payment_dt=int(created.timestamp()) - words[_PAID] % 60,
        bank=customer.bank,
        delivery_cost=delivery_cost,
        goods_total=goods_total,
        custom_fee=custom_fee,
    )


def _track(one: int, other: int) -> str:
    drawn = one << 32 | other
    return _ENTRY + "".join([_ALPHABET[drawn >> shift & 31] for shift in range(0, 50, 5)])


def _material(seed: int) -> tuple[list[Customer], list[Article]]:
    try:
        from forebay.services.orderstore.generating.customers import customers
        from forebay.services.orderstore.generating.goods import goods
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("forebay"):
            raise
        raise UsageError(
            f"to make orders needs the package {error.name}", "install it: pip install 'forebay[generate]'"
        ) from error
    return customers(seed, _CUSTOMERS), goods(seed, _ARTICLES)
