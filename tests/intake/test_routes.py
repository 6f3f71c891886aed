import asyncio
import logging

import pytest

from forebay.errors import Undecodable, UsageError
from forebay.intake.http import Request, Response, text_response
from forebay.intake.routes import Route, Routes


async def ask(site, method, path):
    answer = asyncio.get_running_loop().create_future()
    site.handle(Request(method, path, "", {}, b""), answer.set_result)
    return await asyncio.wait_for(answer, 30)


async def tail(request):
    return text_response(request.path)


@pytest.fixture
def routes():
    routes = Routes(deadline=0.1)
    routes.add("POST", "/orders", lambda request, respond: respond(Response(200, b"posted")))
    routes.add("GET", "/orders/{id}", tail)
    return routes


async def test_method_and_path_pick_the_handler(routes):
    assert (await ask(routes, "POST", "/orders")).body == b"posted"
    assert (await ask(routes, "GET", "/orders/a7")).body == b"/orders/a7"
    assert (await ask(routes, "HEAD", "/orders/a7")).status == 200


@pytest.mark.parametrize("path", ["/", "", "/order", "/orders/", "/orders/a/b", "//orders", "/orders/a/../b", "*"])
async def test_what_is_not_there_is_404(routes, path):
    assert (await ask(routes, "GET", path)).status == 404


async def test_another_method_is_405_and_hears_which_are_allowed(routes):
    for path, method, allow in (("/orders", "GET", b"OPTIONS, POST"), ("/orders/a", "DELETE", b"GET, HEAD, OPTIONS")):
        response = await ask(routes, method, path)
        assert response.status == 405
        assert dict(response.headers)[b"allow"] == allow
    response = await ask(routes, "OPTIONS", "/orders")
    assert (response.status, dict(response.headers)[b"allow"]) == (204, b"OPTIONS, POST")


async def test_a_handler_that_fails_becomes_a_500_without_details_and_a_line_in_the_log(routes, caplog):
    async def fails(request):
        raise RuntimeError("secret")

    def fails_at_once(request, respond):
        raise RuntimeError("secret too")

    routes.add("GET", "/a", fails)
    routes.add("GET", "/b", fails_at_once)
    with caplog.at_level(logging.ERROR):
        for path in ("/a", "/b"):
            response = await ask(routes, "GET", path)
            assert response.status == 500
            assert b"secret" not in response.body
    assert "secret" in caplog.text
    assert "secret too" in caplog.text


async def test_a_handler_that_hangs_is_given_up(routes):
    async def hangs(request):
        await asyncio.Event().wait()

    routes.add("GET", "/hangs", hangs)
    response = await ask(routes, "GET", "/hangs")
    assert (response.status, dict(response.headers)[b"retry-after"]) == (503, b"1")


@pytest.mark.parametrize("path", ["orders", "/a/{b}/c", "/a/{", "/a/{b", "/a{b}", ""])
def test_a_path_of_another_form_is_refused(path):
    with pytest.raises(UsageError):
        Routes().add("GET", path, tail)


def test_one_method_of_a_path_has_one_handler(routes):
    with pytest.raises(UsageError):
        routes.add("POST", "/orders", tail)


async def test_a_function_answers_at_once_or_with_what_it_lets_be_awaited(routes):
    told = []
    routes = Routes(deadline=0.1, listeners=[told.append])

    async def later(request):
        return text_response("later")

    routes.answer(Route("GET", "/", lambda request: text_response("at once")))
    routes.answer(Route("GET", "/later", later))
    routes.answer(Route("GET", "/either", lambda request: later(request) if request.query else text_response("now")))
    assert [(await ask(routes, "GET", path)).body for path in ("/", "/later", "/either")] == [
        b"at once",
        b"later",
        b"now",
    ]
    assert [(event.intake, event.status) for event in told] == [("/", 200), ("/later", 200), ("/either", 200)]


async def test_a_function_that_fails_is_a_500_and_one_that_takes_too_long_a_503(routes):
    def fails(request):
        raise RuntimeError("secret")

    async def sleeps(request):
        await asyncio.sleep(30)

    routes.answer(Route("GET", "/fails", fails))
    routes.answer(Route("GET", "/sleeps", sleeps))
    assert (await ask(routes, "GET", "/fails")).status == 500
    assert (await ask(routes, "GET", "/sleeps")).status == 503


async def test_what_a_function_finds_undecodable_is_a_400_with_the_reason_whenever_it_says_so():
    told = []
    routes = Routes(listeners=[told.append])

    def at_once(request):
        raise Undecodable("no number")

    async def later(request):
        raise Undecodable("no number")

    routes.answer(Route("GET", "/a", at_once))
    routes.answer(Route("GET", "/b", later))
    for path in ("/a", "/b"):
        heard = await ask(routes, "GET", path)
        assert (heard.status, b"no number" in heard.body) == (400, True)
    assert [(event.intake, event.status) for event in told] == [("/a", 400), ("/b", 400)]


async def test_a_function_that_fails_at_once_is_told_to_the_listeners_too():
    told = []
    routes = Routes(listeners=[told.append])
    routes.answer(Route("GET", "/fails", lambda request: 1 / 0))
    assert (await ask(routes, "GET", "/fails")).status == 500
    assert [(event.intake, event.status) for event in told] == [("/fails", 500)]


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/a"), ("", "/a"), ("GET ", "/a"), ("GET", "a"), ("GET", "/{a}/b")]
)
def test_a_route_of_no_method_or_no_path_is_refused_where_it_is_declared(method, path):
    with pytest.raises(UsageError):
        Route(method, path, tail)
