"""From the body of a message, or a document of the store, to an order: whole, valid, and with its date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from forebay import Document, Undecodable, decoder
from forebay.services.orderstore.order import Order


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A valid order on its way into the store: as it came, and when it was created (seconds since the epoch)."""

    document: Document
    created: float


class _Dated(msgspec.Struct, frozen=True, gc=False):
    date_created: datetime


def reader(largest: int) -> Callable[[bytes], Arrived]:
    """Return a function from the body of a message to an order; it raises `Undecodable` with a short reason.

    Arguments:
        largest: bytes of an order, at most.
    """
    decode = decoder(Order)

    def read(body: bytes) -> Arrived:
        if len(body) > largest:
            raise Undecodable(f"an order of {len(body):,} bytes, more than {largest:,}")
        order: Order = decode(body)
        return Arrived(Document(order.order_uid, body), _seconds(order.date_created))

    return read


def created_of(document: Document) -> float:
    """Return when an order of the store was created, in seconds since the epoch; 0 where it does not say."""
    try:
        return _seconds(_dated(document.value).date_created)
    except (msgspec.DecodeError, UnicodeDecodeError):  # somebody else has written into the store
        return 0.0


def _seconds(date: datetime) -> float:
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


_dated = msgspec.json.Decoder(_Dated).decode
