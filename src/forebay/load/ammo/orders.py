"""Ammunition for the orders service: the same orders for the same seed, each one recognisable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from forebay.errors import UsageError
from forebay.load.shot import Shot

_INVALID: tuple[Callable[[str], bytes], ...] = (
    lambda who: msgspec.json.encode({"product_id": "101", "count": "3", "username": who}),
    lambda who: msgspec.json.encode({"product_id": "33", "count": "+3", "username": who}),
    lambda who: msgspec.json.encode({"product_id": "33", "count": -1, "username": who}),
    lambda who: msgspec.json.encode({"product_id": "33", "username": who}),
    lambda who: msgspec.json.encode({"product_id": "33", "count": "3", "username": who, "discount": "50"}),
    lambda who: f'{{"product_id": "33", "count": "3", "username": "{who}"'.encode(),
)
"""What the service has to refuse, taken in turn."""


def orders(seed: int = 0, *, invalid: float = 0.0, marker: str = "forebay") -> Callable[[int], Shot]:
    """Return the ammunition: shot `index` is always the same order.

    Its username, ``marker-seed-index``, is also its id, so an order that was accepted can be found again.

    Arguments:
        seed: another one gives other orders and other usernames.
        invalid: the share of shots, 0 to 1, that the service has to refuse.
        marker: begins each username; letters, digits, dots and dashes.

    Raises:
        UsageError: the share or the marker is not possible.
    """
    if not 0 <= invalid <= 1:
        raise UsageError(f"a share of {invalid:g} is not possible", "invalid is from 0 to 1")
    if not (marker and marker.isascii() and marker.replace("-", "").replace(".", "").isalnum()):
        raise UsageError(f"the marker {marker!r} is not possible", "letters, digits, dots and dashes")

    def shot(index: int) -> Shot:
        who = f"{marker}-{seed}-{index}"
        drawn = int.from_bytes(hashlib.blake2b(who.encode(), digest_size=8).digest(), "big")
        product_id, count, chance = drawn % 101, drawn // 101 % 101, (drawn >> 32) / 2**32
        if chance < invalid:
            return Shot(_INVALID[index % len(_INVALID)](who), who, _HEADERS)
        order = {"product_id": str(product_id), "count": str(count), "username": who}
        return Shot(msgspec.json.encode(order), who, _HEADERS)

    return shot


_HEADERS = {"Content-Type": "application/json"}
