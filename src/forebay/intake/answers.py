"""What clients hear: the default words, and how a service says it in its own."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from forebay.intake.http import JSON, Request, Response, json_response, problem


class Overload(StrEnum):
    """What a request hears that a system with losses has no capacity for."""

    KAPUT = "kaput"
    """500 ``{"result": "server-kaput"}``."""
    TOO_MANY_REQUESTS = "429"
    UNAVAILABLE = "503"


class Answers:
    """The words of an intake; override a method to say it otherwise.

    The intake adds the headers: Forebay-Id, Forebay-Durability and Location where it accepted, Retry-After where
    trying again helps. An answer depends on its arguments only.
    """

    def to(self, request: Request) -> Answers:
        """Return the words for this request: themselves, unless they speak JSON to one client and text to another."""
        return self

    def accepted(self, reference: str) -> Response:
        """Return the answer to a request that was accepted durably: 202 with its id."""
        return Response(202, b'{"id":%b,"status":"accepted"}' % msgspec.json.encode(reference), JSON)

    def done(self, reference: str) -> Response:
        """Return the answer to a request whose work was done inside it; default: as `accepted`."""
        return self.accepted(reference)

    def invalid(self, reason: str) -> Response:
        """Return the answer to a body that is not what the intake takes: 400 with the reason."""
        return problem(400, reason)

    def too_large(self, reason: str) -> Response:
        """Return the answer to a body that the broker never takes: 413 with the reason."""
        return problem(413, reason)

    def bad_key(self, reason: str) -> Response:
        """Return the answer to an Idempotency-Key that is none: 400."""
        return problem(400, reason)

    def conflict(self) -> Response:
        """Return the answer to a known Idempotency-Key with another body: 422."""
        return problem(422, "this Idempotency-Key came with another body before")

    def overload(self, kind: Overload) -> Response:
        """Return the answer of a system with losses that has no capacity left."""
        if kind is Overload.KAPUT:
            return Response(500, b'{"result": "server-kaput"}', JSON)
        return problem(int(kind), "no capacity left; nothing was accepted")

    def limited(self) -> Response:
        """Return the answer to a request above the admitted rate: 429."""
        return problem(429, "above the admitted rate; nothing was accepted")

    def full(self) -> Response:
        """Return the answer when all waiting places are taken: 503."""
        return problem(503, "all waiting places are taken; nothing was accepted")

    def unavailable(self) -> Response:
        """Return the answer when certainly nothing was accepted: 503."""
        return problem(503, "the queue or the store cannot be reached; nothing was accepted")

    def unknown(self) -> Response:
        """Return the answer when nobody can say whether the request was accepted: 503."""
        return problem(503, "no answer from the queue or the store in time; it may or may not have been accepted")

    def failed(self) -> Response:
        """Return the answer when the work inside the request failed: 500."""
        return problem(500, "the work on this request failed")

    @staticmethod
    def of_results(*, created: str, invalid: str) -> Answers:
        """Return answers in one word: 200 ``{"result": created}`` and 400 ``{"result": invalid}``."""
        return _OfResults(created, invalid)


class _OfResults(Answers):
    def __init__(self, created: str, invalid: str) -> None:
        self._created = json_response({"result": created})
        self._invalid = json_response({"result": invalid}, 400)

    def accepted(self, reference: str) -> Response:
        return self._created

    def invalid(self, reason: str) -> Response:
        return self._invalid


def retry_after(response: Response, seconds: float) -> Response:
    """Return the answer with Retry-After, in whole seconds, at least 1."""
    return response.with_headers((b"retry-after", b"%d" % max(1, math.ceil(seconds))))
