import asyncio
import threading
from typing import Annotated

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from msgspec import Meta, Struct
from schemathesis.specs.openapi.checks import positive_data_acceptance

from forebay.durability import Durability
from forebay.intake.answers import Answers
from forebay.intake.http import json_response, text_response
from forebay.intake.intake import Intake
from forebay.intake.openapi import openapi
from forebay.intake.routes import Route, Routes
from forebay.intake.server import serve
from forebay.queue.opening import open_topic
from forebay.stores.opening import open_store

Number = (
    Annotated[int, Meta(ge=0, le=100)] | Annotated[str, Meta(pattern=r"^(?:100|[1-9]?[0-9])(?![\s\S])", max_length=3)]
)


class Order(Struct, forbid_unknown_fields=True):
    product_id: Number
    count: Number
    username: Annotated[str, Meta(min_length=1, max_length=256)]


def rate_of(request):
    """Return the rate, whatever it is.

    This line is not told.
    """
    return (request.parameter("rate") or "").encode()


def stock(request):
    """Tell how many pieces there are.

    Nor is this one.
    """
    return text_response(request.tail)


class Service:
    """Two intakes and a route behind a real socket, on a loop of its own."""

    def __init__(self, answers):
        self._answers = answers
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(60)

    async def _run(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        store, topic = await open_store("memory://described"), await open_topic("memory://described")
        intake = Intake("/orders", Order, topic, store=store, answers=self._answers)
        rates = Intake("/rate", bytes, topic, store=store, read=rate_of, parameters=["rate"], methods=["POST", "GET"])
        route = Route("GET", "/stock/{product}", stock)
        routes = Routes()
        for mounted in (intake, rates):
            mounted.mount(routes)
        routes.answer(route)
        self.description = openapi([intake, rates], [route], title="orders", version="1")
        routes.add("GET", "/openapi.json", lambda request, respond: respond(json_response(self.description)))
        server = await serve(routes, port=0)
        self.url = f"http://127.0.0.1:{server.port}"
        self._ready.set()
        await self._over.wait()
        await server.close(1)
        await topic.close()
        await store.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)


@pytest.fixture(params=["default", "results"])
def service(request):
    words = Answers() if request.param == "default" else Answers.of_results(created="created", invalid="invalid")
    service = Service(words)
    yield service
    service.stop()


def beyond_schemas(body):
    """Say whether a body fits its JSON Schema and is refused still: 17.0 for an integer, a NUL in a text."""
    values = body.values() if isinstance(body, dict) else ()
    return any(isinstance(value, float) or (isinstance(value, str) and "\0" in value) for value in values)


def check_acceptance(case, response):
    """What positive_data_acceptance checks, but for what JSON Schema cannot say, and for keys used before."""
    if response.status_code == 400:
        assert beyond_schemas(case.body)
    elif response.status_code == 422:
        assert "Idempotency-Key" in case.headers
    else:
        assert response.status_code in {200, 202, 404}


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_answer_of_a_real_server_is_as_described(service, mode):
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    heard = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is schemathesis.GenerationMode.NEGATIVE and operation.path.startswith("/stock"):
            continue  # any text fits it

        @settings(
            max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answers_as_described(case):
            response = case.call()
            case.validate_response(response, excluded_checks=[positive_data_acceptance])
            if mode is schemathesis.GenerationMode.POSITIVE:
                check_acceptance(case, response)
            heard.add((case.method, response.status_code))

        answers_as_described()
    expected = ("POST", 400) if mode is schemathesis.GenerationMode.NEGATIVE else ("GET", 404)
    assert expected in heard


def test_the_description_speaks_of_the_status_that_is_really_answered(service):
    post = service.description["paths"]["/orders"]["post"]
    assert ("200" in post["responses"]) != ("202" in post["responses"])
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}
    assert msgspec.json.encode(service.description)


def test_what_a_reader_looks_for_is_in_the_query_of_all_methods_and_in_the_form_of_those_with_a_body(service):
    told = service.description["paths"]["/rate"]
    for method in ("post", "get"):
        assert told[method]["description"] == "Return the rate, whatever it is."
        assert [(p["in"], p["name"]) for p in told[method]["parameters"][1:]] == [("query", "rate")]
    assert "requestBody" not in told["get"]
    content = told["post"]["requestBody"]["content"]
    assert sorted(content) == ["application/x-www-form-urlencoded", "multipart/form-data"]
    assert all(media["schema"]["properties"] == {"rate": {"type": "string"}} for media in content.values())


def test_a_route_is_told_with_the_first_line_of_its_docstring_and_its_open_segment(service):
    told = service.description["paths"]["/stock/{product}"]["get"]
    assert told["summary"] == "Tell how many pieces there are."
    assert [(p["in"], p["name"], p["required"]) for p in told["parameters"]] == [("path", "product", True)]


def described(intakes=(), routes=()):
    return openapi(intakes, routes, title="shop", version="1")


def test_a_path_that_an_intake_has_too_is_told_once_with_the_methods_of_both():
    intake = Intake("/orders", bytes, Target())
    routes = [Route("GET", "/orders", stock), Route("DELETE", "/orders/{uid}", stock), Route("LOCK", "/orders", stock)]
    paths = described([intake], routes)["paths"]
    assert {path: sorted(told) for path, told in paths.items()} == {
        "/orders": ["get", "post"],
        "/orders/{id}": ["delete", "get"],
    }
    assert paths["/orders/{id}"]["delete"]["parameters"][0]["name"] == "id"


def test_each_operation_has_an_id_of_its_own_and_one_without_a_docstring_a_plain_summary():
    routes = [Route("GET", path, lambda request: text_response("")) for path in ("/a-b", "/a_b", "/a.b", "/")]
    told = [path["get"] for path in described(routes=routes)["paths"].values()]
    assert len({operation["operationId"] for operation in told}) == 4
    assert told[0]["summary"] == "GET /a-b"


class Target:
    """As much of a topic as a description asks."""

    name = "orders"
    durability = Durability.MEMORY


class Money:
    """A type that has no JSON Schema."""


def test_an_intake_with_a_decoder_of_its_own_takes_bytes_that_nobody_else_describes():
    told = described([Intake("/orders", Money, Target(), decode=lambda raw: Money())])["paths"]["/orders"]["post"]
    assert told["requestBody"]["content"] == {"application/octet-stream": {"schema": {}}}
