"""Storing what is published: many as one where the server can, so that they share one write to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from forebay.errors import ForebayError, Unavailable
from forebay.message import new_id
from forebay.queue.drivers.nats.api import ApiError, Missed, refusal, stored_at
from forebay.queue.drivers.nats.envelope import FIRST_LINE
from forebay.queue.drivers.nats.structures import ATOMIC_SINCE, version_of
from forebay.queue.drivers.nats.wire import Frame, Wire

LARGEST_BATCH = 500
"""Messages stored as one; the server takes twice as many."""
Place = int | ForebayError | ApiError | Missed


async def stored(wire: Wire, frames: Sequence[Frame], what: str, *, as_one: bool) -> list[Place]:
    """Publish frames to one stream; return the place of each, or why it has none.

    Arguments:
        what: for errors.
        as_one: all or none of every `LARGEST_BATCH`; singly where the server refuses that.
    """
    if not as_one or len(frames) < 2:
        return [stored_at(heard, what) for heard in await wire.ask(frames)]
    parts = [frames[n : n + LARGEST_BATCH] for n in range(0, len(frames), LARGEST_BATCH)]
    done = await asyncio.gather(*(_stored_part(wire, part, what) for part in parts))
    return [place for part in done for place in part]


async def _stored_part(wire: Wire, frames: Sequence[Frame], what: str) -> list[Place]:
    """Store one of several parts; where it cannot be, that says nothing of the others."""
    try:
        return await _stored_as_one(wire, frames, what)
    except Unavailable as error:
        return [error] * len(frames)


async def _stored_as_one(wire: Wire, frames: Sequence[Frame], what: str) -> list[Place]:
    answers = await wire.ask(_marked(frames), silent=len(frames) - 1)
    place = stored_at(answers[-1], what)
    if isinstance(place, ApiError):  # as when one of them was stored before
        return await stored(wire, frames, what, as_one=False)
    if isinstance(place, int):
        return list(range(place - len(frames) + 1, place + 1))
    return [place] * len(frames)


def _marked(frames: Sequence[Frame]) -> list[Frame]:
    """Return frames that the server takes as a batch."""
    batch = b"%sNats-Batch-Id: %s\r\nNats-Batch-Sequence: " % (FIRST_LINE, new_id().encode())
    marked = [
        Frame(frame.subject, frame.data, b"%s%d\r\n%s" % (batch, number, frame.headers[len(FIRST_LINE) :] or b"\r\n"))
        for number, frame in enumerate(frames, 1)
    ]
    last = marked[-1]
    marked[-1] = Frame(last.subject, last.data, last.headers[:-2] + b"Nats-Batch-Commit: 1\r\n\r\n")
    return marked


async def confirmed(wire: Wire, frames: Sequence[Frame], what: str) -> list[int]:
    """Publish to one stream of ours, and return the places once all is stored.

    Raises:
        Unavailable, Unknown: not all of it is.
    """
    able = version_of(str(wire.info.get("version", ""))) >= ATOMIC_SINCE
    places = await stored(wire, frames, what, as_one=able)
    for place in places:
        if not isinstance(place, int):
            raise place if isinstance(place, ForebayError) else refusal(place)
    return [place for place in places if isinstance(place, int)]
