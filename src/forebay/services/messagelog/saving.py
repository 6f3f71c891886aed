"""Saving: from a request to the text of a message, and from its reference to words about where the broker has it."""

from __future__ import annotations

from typing import Any

from forebay import (
    Answers,
    Position,
    Request,
    Response,
    Undecodable,
    json_response,
    position_of,
    split_reference,
    text_response,
)

ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""A GET saves too: an answer from a cache would have saved nothing."""


def read(request: Request) -> bytes:
    """Return the body of the message that a request stands for: the text of its parameter q, which may be empty.

    Raises:
        Undecodable: there is no q, it is not UTF-8, or it holds a NUL, which no store can keep.
    """
    text = request.parameter("q")
    if text is None:
        raise Undecodable("the parameter q is missing: /save?q=TEXT")
    _check(text)
    return text.encode()


def decode(body: bytes) -> str:
    """Return the text of a message, whoever has published it.

    Raises:
        Undecodable: it is not UTF-8, or holds a NUL; such a message ends among the dead letters.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"not a text of UTF-8: {error}") from error
    _check(text)
    return text


def _check(text: str) -> None:
    if "\0" in text:
        raise Undecodable("a NUL character in the text: no store can keep it")


def position_told(position: Position | None) -> dict[str, Any]:
    """Return a position as fields, in the words of the broker that has given it."""
    if position is None:
        return {}
    if position.partition is None:
        return {"sequence": position.offset}
    return {"partition": position.partition, "offset": position.offset}


class Saved(Answers):
    """The answers to those who save: partition and offset, as the broker has told them, in text or as JSON."""

    def to(self, request: Request) -> Answers:
        """Return JSON for the client that prefers it."""
        return _JSON if request.prefers("text/plain", "application/json") == "application/json" else self

    def accepted(self, reference: str) -> Response:
        """Return 200 with the position of the message; its id where the broker knows it by that alone."""
        id, place = split_reference(reference)
        position = position_of(place)
        if position is None:
            text = f"Message was saved.\nMessage id is {id}.\n"
        elif position.partition is None:
            text = f"Message was saved to the stream.\nMessage sequence is {position.offset}.\n"
        else:
            text = f"Message was saved to partition {position.partition}.\nMessage offset is {position.offset}.\n"
        return text_response(text).with_headers(*ALWAYS)


class _SavedJSON(Answers):
    def accepted(self, reference: str) -> Response:
        id, place = split_reference(reference)
        return json_response({"id": id, **position_told(position_of(place))}, headers=ALWAYS)


_JSON = _SavedJSON()
