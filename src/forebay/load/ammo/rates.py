"""Ammunition for the service of rates: ``POST /rate?rate=N`` with N from 0 to 10, each as likely."""

from __future__ import annotations

import hashlib

from forebay.load.shot import Ammo, Shot

_SHOTS = [Shot(path=f"/rate?rate={rate}") for rate in range(11)]


def rates(seed: int = 0) -> Ammo:
    """Return the ammunition: shot `index` is always the same rate.

    Arguments:
        seed: another one gives another order of them.
    """

    def shot(index: int) -> Shot:
        drawn = hashlib.blake2b(f"{seed}-{index}".encode(), digest_size=8).digest()
        return _SHOTS[int.from_bytes(drawn, "big") % len(_SHOTS)]

    return shot
