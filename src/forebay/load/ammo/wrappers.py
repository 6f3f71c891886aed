"""Ammunition changed on its way: with headers, and with an end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from forebay.load.ammo.text import with_headers
from forebay.load.shot import Ammo, Shot, UsedUp

_REMEMBERED = 1024


def limited(ammo: Ammo, limit: int) -> Ammo:
    """Return the ammunition with a limit, in shots of all processes together; 0: none."""
    if not limit:
        return ammo

    def shot(index: int) -> Shot:
        if index >= limit:
            raise UsedUp("the ammunition has come to its limit")
        return ammo(index)

    return shot


def dressed(ammo: Ammo, headers: Mapping[str, str]) -> Ammo:
    """Return the ammunition with headers below its own; the same shot remains the same."""
    if not headers:
        return ammo
    known: dict[int, tuple[Shot, Shot]] = {}

    def shot(index: int) -> Shot:
        plain = ammo(index)
        found = known.get(id(plain))
        if found is None or found[0] is not plain:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[id(plain)] = (plain, _with(plain, headers))
        return found[1]

    return shot


def _with(shot: Shot, headers: Mapping[str, str]) -> Shot:
    return msgspec.structs.replace(shot, headers=with_headers(headers, shot.headers))
