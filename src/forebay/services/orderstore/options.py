"""The order store's own settings, from text to values."""

from __future__ import annotations

import math

import msgspec

from forebay import UsageError
from forebay.quantity import duration, size
from forebay.services.setting import read_setting, whole


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an order store works.

    Arguments:
        by_number: what ``GET /orders?id=`` means: the number of an order; False: its uid.
        most_orders, most_bytes: what memory holds, at most.
        cleanup: seconds between two clean-ups of memory.
        outdated: seconds since its date_created after which an order leaves memory; inf: never.
        restore: whether memory is filled from the store at the start.
        largest: bytes of an order, at most.
        writers: of generated orders into the queue that is served; 0: none.
    """

    by_number: bool
    most_orders: int
    most_bytes: int
    cleanup: float
    outdated: float
    restore: bool
    largest: int
    writers: int


def options(
    *,
    by: str,
    orders_limit: str,
    bytes_limit: str,
    cleanup: str,
    outdated: str,
    restore: str,
    largest: str,
    examples: str,
    writers: str,
) -> Options:
    """Return the options that texts name.

    Raises:
        UsageError: says which cannot be read, and why.
    """
    wanted = read_setting("writers", writers, lambda text: whole(text, 1, 64))
    return Options(
        by_number=read_setting("by", by, lambda text: _one_of(text, "number", "uid")) == "number",
        most_orders=read_setting("orders_limit", orders_limit, lambda text: whole(text, 1, 10**9)),
        most_bytes=read_setting("bytes_limit", bytes_limit, size),
        cleanup=read_setting("cleanup", cleanup, _time),
        outdated=math.inf if outdated == "none" else read_setting("outdated", outdated, _time),
        restore=read_setting("restore", restore, _yes),
        largest=read_setting("largest", largest, size),
        writers=wanted if read_setting("examples", examples, _yes) else 0,
    )


def _one_of(text: str, *words: str) -> str:
    if text not in words:
        raise UsageError(f"{text!r} is not one of {', '.join(words)}")
    return text


def _yes(text: str) -> bool:
    return _one_of(text, "yes", "no") == "yes"


def _time(text: str) -> float:
    if not 0 < (seconds := duration(text)) < math.inf:
        raise UsageError(f"{text!r} is no span of time", "write it as 30s, 10m or 30d")
    return seconds
