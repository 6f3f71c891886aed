"""An order as shops send it, and what makes one invalid."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

Text = Annotated[str, Meta(max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Amount = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Delivery(Struct, frozen=True):
    """Who gets the parcel, and where."""

    name: Text
    phone: Text
    zip: Text
    city: Text
    address: Text
    region: Text
    email: Text


class Payment(Struct, frozen=True):
    """What was paid, and how; `payment_dt` in seconds since the epoch, sums in the currency's unit."""

    transaction: Text
    request_id: Text
    currency: Text
    provider: Text
    amount: Amount
    payment_dt: Whole
    bank: Text
    delivery_cost: Amount
    goods_total: Amount
    custom_fee: Amount


class Item(Struct, frozen=True):
    """One thing of an order."""

    chrt_id: Whole
    track_number: Text
    price: Amount
    rid: Text
    name: Text
    sale: Whole
    size: Text
    total_price: Amount
    nm_id: Whole
    brand: Text
    status: Whole


class Order(Struct, frozen=True):
    """An order; every field must be there, further ones are kept as they came."""

    order_uid: Name
    track_number: Text
    entry: Text
    delivery: Delivery
    payment: Payment
    items: Annotated[list[Item], Meta(max_length=1_000)]
    locale: Text
    internal_signature: Text
    customer_id: Text
    delivery_service: Text
    shardkey: Text
    sm_id: Whole
    date_created: datetime
    oof_shard: Text
