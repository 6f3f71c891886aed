"""What the scripts answered, as the words of the contract."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from forebay.queue.driver import Counts, DeadLetter, Delivery, Found, State
from forebay.queue.drivers.redis.payload import id_of, unpack


def deliveries_of(
    token: str, members: Sequence[bytes], values: Sequence[bytes], attempts: Sequence[bytes | None]
) -> list[Delivery]:
    """Return what a claim has leased under its token; no attempts at all: none of them was delivered before."""
    held = token.encode()
    begun = map(_number, attempts) if attempts else itertools.repeat(0)
    found = zip(members, values, begun, strict=False)
    return [Delivery(unpack(id_of(member), value), n + 1, held + member) for member, value, n in found]


def counts_of(answer: Sequence[Any]) -> Counts:
    """Return what a group has counted."""
    accepted, done, discarded, dead, waiting, in_work, retrying, oldest, now = answer
    age = float(now) - unpack("", oldest).accepted_at if oldest else 0.0
    return Counts(
        accepted=accepted,
        waiting=waiting,
        in_work=in_work,
        retrying=retrying,
        done=done,
        dead=dead,
        discarded=discarded,
        oldest_seconds=max(0.0, age),
    )


def found_of(reference: str, answer: tuple[bytes, int, bytes] | None) -> Found | None:
    """Return what is known of one message."""
    if answer is None:
        return None
    state, attempts, value = answer
    message = unpack(reference, value)
    return Found(State(state.decode()), message.accepted_at, attempts, message.headers)


def letters_of(
    ids: Sequence[bytes], values: Sequence[bytes | None], attempts: Sequence[bytes | None]
) -> list[DeadLetter]:
    """Return dead letters; one whose content somebody removed is empty."""
    found = zip(ids, values, attempts, strict=True)
    return [DeadLetter(unpack(id.decode(), value or b""), _number(n)) for id, value, n in found]


def _number(text: bytes | None) -> int:
    return int(text or 0)
