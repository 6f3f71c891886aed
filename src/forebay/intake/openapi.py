"""OpenAPI 3.1 of intakes and routes, from the types and the words that they really use."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from forebay.intake.answers import Answers
from forebay.intake.http import Response, reason_phrase
from forebay.intake.idempotency import BARE, QUOTED
from forebay.intake.intake import Intake
from forebay.intake.routes import Route, split_path
from forebay.intake.status import LONGEST_REFERENCE, REFERENCE

REFERENCE_TEMPLATE = "#/components/schemas/{name}"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_HAVE_BODIES = {"POST", "PUT", "PATCH"}
_DESCRIBABLE = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}
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


def openapi(intakes: Sequence[Intake], routes: Sequence[Route] = (), *, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of intakes, of the status of their messages, and of routes.

    Arguments:
        intakes: those of one application.
        routes: its own.
        title: of the application.
        version: of the description.
    """
    bodies = [intake.body for intake in intakes if intake.is_typed]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=REFERENCE_TEMPLATE)
    found = iter(schemas)
    paths: dict[str, Any] = {}
    for intake in intakes:
        schema = next(found) if intake.is_typed else {}
        for method in intake.methods:
            paths.setdefault(intake.path, {})[method.lower()] = _taken(intake, method, schema)
        paths.setdefault(f"{intake.path.rstrip('/')}/{{id}}", {})["get"] = _get(intake)
    for route in routes:
        if route.method in _DESCRIBABLE:
            path = _path_in(paths, route.path)
            paths.setdefault(path, {})[route.method.lower()] = _answered(route, path)
    _tell_apart(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": {**components, "Problem": _PROBLEM, "MessageStatus": _STATUS}},
    }


def _path_in(paths: dict[str, Any], path: str) -> str:
    """Return the path under which it is described already, where that names its open segment otherwise."""
    stem, name = split_path(path)
    return next((known for known in paths if name and known.startswith(stem + "{")), path)


def _tell_apart(paths: dict[str, Any]) -> None:
    """Give each operation an id of its own: ``/a-b`` and ``/a_b`` come to the same."""
    given: set[str] = set()
    for operation in (operation for path in paths.values() for operation in path.values()):
        while operation["operationId"] in given:
            operation["operationId"] += "_"
        given.add(operation["operationId"])


def _answered(route: Route, path: str) -> dict[str, Any]:
    _, name = split_path(path)
    segment = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": f"{route.method.lower()}_{_identifier(path)}",
        "summary": _first_line(route.answer) or f"{route.method} {route.path}",
        **({"parameters": [segment]} if name else {}),
        "responses": {"default": {"description": "What the application answers"}},
    }


def _first_line(function: Callable[..., Any]) -> str:
    told = inspect.getdoc(function) if inspect.isroutine(function) else None
    return (told or "").partition("\n")[0]


def _taken(intake: Intake, method: str, schema: dict[str, Any]) -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body again gets the same answer, and one message comes of both.",
        "schema": {"type": "string", "pattern": f"^(?:{BARE}|{QUOTED})$"},
    }
    about = _first_line(intake.read) if intake.read else ""
    return {
        "operationId": f"{method.lower()}_{_identifier(intake.path)}",
        "summary": f"Put a message into {intake.topic}",
        **({"description": about} if about else {}),
        "parameters": [key, *(_in_query(name, method) for name in intake.parameters)],
        **_body(intake, method, schema),
        "responses": _responses(intake),
    }


def _in_query(name: str, method: str) -> dict[str, Any]:
    about = {"description": "May be in a form as well, which goes before the query."} if method in _HAVE_BODIES else {}
    return {"name": name, "in": "query", **about, "schema": {"type": "string"}}


def _body(intake: Intake, method: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the body of a request is; nothing where it has none, or only the reader of the intake knows."""
    if intake.read is None:
        media = "application/json" if intake.is_typed else "application/octet-stream"
        return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}
    if not intake.parameters or method not in _HAVE_BODIES:
        return {}
    fields = {"type": "object", "properties": {name: {"type": "string"} for name in intake.parameters}}
    return {"requestBody": {"content": {media: {"schema": fields} for media in _FORMS}}}


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
    return re.sub(r"\W+", "_", path).strip("_") or "root"
