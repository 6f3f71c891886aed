"""Where one message is: asked of the store first, then of its queue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from forebay.intake.http import Request, Response, json_response, problem
from forebay.queue.driver import Found, State
from forebay.queue.place import split_reference
from forebay.stores.store import Result, Store

REFERENCE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
LONGEST_REFERENCE = 200


class Finder(Protocol):
    """What knows the messages that are not done; a topic."""

    async def find(self, reference: str) -> Found | None:
        """Return where the message is."""
        ...


Place = Callable[[str], tuple[Finder | None, str]]
"""From the id of a message to who knows of it while it is not done (None: there is no queue), and its topic.

Only messages of this topic are told of: with its group, where that is another one.
"""


class Status:
    """Answers ``GET /orders/{id}``.

    Arguments:
        store: knows what is done; None: nobody does, and the answer to who asks for it is 404 as well.
        place: tells who knows the rest.
    """

    def __init__(self, store: Store | None, place: Place) -> None:
        self._store = store
        self._place = place
        self._unknown = problem(404) if store else problem(404, "not known, or done: what came of it is not kept here")

    async def answer(self, request: Request) -> Response:
        """Return state and times of the message that the last segment of the path names, or 404."""
        reference = request.tail
        if len(reference) > LONGEST_REFERENCE or not REFERENCE.fullmatch(reference):
            return problem(404)
        told = await self._told(reference)
        return self._unknown if told is None else json_response({"id": reference, **told})

    async def _told(self, reference: str) -> dict[str, Any] | None:
        id, _ = split_reference(reference)
        finder, topic = self._place(id)
        if result := await self._result(id, topic):
            return _of_result(result)
        found = await finder.find(reference) if finder else None
        if found is not None:
            return _of_found(found)
        result = await self._result(id, topic)  # it may have ended between the two questions
        return _of_result(result) if result else None

    async def _result(self, id: str, topic: str) -> Result | None:
        if self._store is None:
            return None
        result = await self._store.get(id)
        return result if result is not None and result.topic == topic else None


def _of_result(result: Result) -> dict[str, Any]:
    return {
        "state": "done",
        "accepted_at": result.accepted_at,
        "started_at": result.started_at,
        "done_at": result.done_at,
        "attempts": result.attempts,
        "value": msgspec.Raw(result.value or b"null"),
    }


def _of_found(found: Found) -> dict[str, Any]:
    told: dict[str, Any] = {"state": found.state.value, "accepted_at": found.accepted_at, "attempts": found.attempts}
    if found.state in {State.DEAD, State.RETRYING}:
        told["story"] = {k.removeprefix("forebay-"): v for k, v in found.headers.items() if k.startswith("forebay-")}
    return told
