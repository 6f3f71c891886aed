"""Which form of an answer a client would rather have (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def preferred(accept: str, kinds: Sequence[str]) -> str:
    """Return the media type of `kinds` that an ``Accept`` header weighs most; of equals the first.

    A header that takes none of them gets the first: an answer in another form helps more than none.

    Arguments:
        accept: as in ``application/json, text/*;q=0.5``.
        kinds: as in ``text/plain``, in the order of the service's own preference.
    """
    if accept == "*/*":
        return kinds[0]
    ranges = _ranges(accept[:1_000])
    weights = [_weight(kind, ranges) for kind in kinds]
    best = max(weights)
    return kinds[weights.index(best)] if best > 0 else kinds[0]


@lru_cache(maxsize=256)
def _ranges(accept: str) -> tuple[tuple[str, float], ...]:
    return tuple(_range(part) for part in accept.lower().split(","))


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return kind, float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
    return kind, 1.0


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most exact range that covers a kind; 0: none does."""
    family = kind.partition("/")[0] + "/*"
    for covering in (kind, family, "*/*"):
        for given, weight in ranges:
            if given == covering:
                return weight
    return 0.0
