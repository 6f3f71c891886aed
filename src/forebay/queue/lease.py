"""How long a delivery belongs to its worker without a heartbeat: the option `lease` of a queue's URL."""

from __future__ import annotations

import math

from forebay.errors import UsageError
from forebay.quantity import duration
from forebay.url import URL

DEFAULT_LEASE = 15.0
"""Seconds, where the URL says nothing."""


def lease_of(url: URL) -> float:
    """Return the seconds of the lease that a queue's URL asks for.

    Raises:
        UsageError: it is not a duration, or no time at all, or it never ends.
    """
    return url.option("lease", _lease, DEFAULT_LEASE)


def _lease(text: str) -> float:
    seconds = duration(text)
    if not 0 < seconds < math.inf:
        raise UsageError("a lease is longer than nothing and ends some time", "write lease=15s")
    return seconds
