"""OpenAPI 3.1 of intakes, from the types and the words that they really use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from forebay.intake.answers import Answers
from forebay.intake.http import Response, reason_phrase
from forebay.intake.idempotency import BARE, QUOTED
from forebay.intake.intake import Intake
from forebay.intake.status import LONGEST_REFERENCE, REFERENCE

REFERENCE_TEMPLATE = "#/components/schemas/{name}"
_EXAMPLE = "018f0000000000000000000000000000"

_ACCEPTED_HEADERS = {
    "Forebay-Id": "The reference of the message; its status is told below the path of the intake.",
    "Forebay-Durability": "What the accepted message survives: memory, os, fsync or replicated.",
    "Location": "Where the status of the message is told.",
    "Idempotency-Replayed": "true: this is the answer of an earlier request with the same Idempotency-Key.",
}
_SOMETIMES = {"Idempotency-Replayed"}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}

_STATUS = {
    "type": "object",
    "required": ["id", "state", "accepted_at", "attempts"],
    "properties": {
        "id": {"type": "string"},
        "state": {"enum": ["waiting", "in work", "retrying", "done", "dead"]},
        "accepted_at": {"type": "number", "description": "seconds since the epoch"},
        "started_at": {"type": "number", "description": "seconds since the epoch"},
        "done_at": {"type": "number", "description": "seconds since the epoch"},
        "attempts": {"type": "integer"},
        "value": {"description": "what the handler returned"},
        "story": {"type": "object", "description": "why a message failed, and how often"},
    },
}


def openapi(intakes: Sequence[Intake], *, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of intakes and of the status of their messages.

    Arguments:
        intakes: those of one application.
        title: of the application.
        version: of the description.
    """
    bodies = [intake.body for intake in intakes if intake.body is not bytes]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=REFERENCE_TEMPLATE)
    found = iter(schemas)
    paths: dict[str, Any] = {}
    for intake in intakes:
        schema = {} if intake.body is bytes else next(found)
        paths[intake.path] = {method.lower(): _taken(intake, method, schema) for method in intake.methods}
        paths[f"{intake.path.rstrip('/')}/{{id}}"] = {"get": _get(intake)}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": {**components, "Problem": _PROBLEM, "MessageStatus": _STATUS}},
    }


def _taken(intake: Intake, method: str, schema: dict[str, Any]) -> dict[str, Any]:
    media = "application/octet-stream" if intake.body is bytes else "application/json"
    body = {"required": True, "content": {media: {"schema": schema}}}
    return {
        "operationId": f"{method.lower()}_{_identifier(intake.path)}",
        "summary": f"Put a message into {intake.topic}",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body again gets the same answer, and one message comes of both.",
                "schema": {"type": "string", "pattern": f"^(?:{BARE}|{QUOTED})$"},
            }
        ],
        **({} if intake.reads else {"requestBody": body}),  # what is read from a form or a query, only its reader knows
        "responses": _responses(intake),
    }


def _responses(intake: Intake) -> dict[str, Any]:
    answers = intake.answers
    accepted = answers.done(_EXAMPLE) if intake.is_direct else answers.accepted(_EXAMPLE)
    said: dict[int, list[Response]] = {}
    for response in (accepted, *_refusals(answers, intake), *_of_the_server()):
        said.setdefault(response.status, []).append(response)
    described = {str(status): _described(responses) for status, responses in sorted(said.items())}
    described[str(accepted.status)]["headers"] = _headers()
    return described


def _refusals(answers: Answers, intake: Intake) -> list[Response]:
    common = [answers.invalid(""), answers.bad_key(""), answers.conflict(), answers.unavailable(), answers.unknown()]
    if intake.is_direct:
        return [*common, answers.overload(intake.overload), answers.failed()]
    return [*common, answers.limited(), answers.full()]


def _of_the_server() -> list[Response]:
    """Return what the server says before the intake hears of a request."""
    problem = ((b"content-type", b"application/problem+json"),)
    return [Response(status, b"{}", problem) for status in (400, 408, 413, 414, 431)]


def _described(responses: Sequence[Response]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for response in responses:
        media = dict(response.headers).get(b"content-type", b"").decode()
        if media:
            is_problem = media == "application/problem+json"
            content[media] = {"schema": {"$ref": "#/components/schemas/Problem"} if is_problem else {}}
    said: dict[str, Any] = {"description": reason_phrase(responses[0].status)}
    return {**said, "content": content} if content else said


def _headers() -> dict[str, Any]:
    return {
        name: {"description": about, "required": name not in _SOMETIMES, "schema": {"type": "string"}}
        for name, about in _ACCEPTED_HEADERS.items()
    }


def _get(intake: Intake) -> dict[str, Any]:
    reference = {"type": "string", "maxLength": LONGEST_REFERENCE, "pattern": f"^{REFERENCE.pattern}$"}
    told = {"application/json": {"schema": {"$ref": "#/components/schemas/MessageStatus"}}}
    return {
        "operationId": f"get_{_identifier(intake.path)}_status",
        "summary": f"Where a message of {intake.topic} is",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": reference}],
        "responses": {
            "200": {"description": "Its state and its times", "content": told},
            "404": _described([_not_found()]),
            "503": _described([intake.answers.unavailable()]),
        },
    }


def _not_found() -> Response:
    return Response(404, b"{}", ((b"content-type", b"application/problem+json"),))


def _identifier(path: str) -> str:
    return re.sub(r"\W+", "_", path.strip("/")) or "root"
