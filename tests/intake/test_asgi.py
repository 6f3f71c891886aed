import asyncio

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from forebay.intake.asgi import ASGISite
from forebay.intake.http import JSON, Limits, Response


class Caller:
    """Calls an ASGI application with messages of the test's choice."""

    def __init__(self, app):
        self.app = app
        self.sent = []

    async def __call__(self, path="/orders", method="POST", messages=({"body": b"{}"},), headers=(), **scope):
        waiting = [{"type": "http.request", **message} for message in messages]

        async def receive():
            if not waiting:
                await asyncio.Event().wait()  # a client that sends nothing more
            return waiting.pop(0)

        async def send(message):
            self.sent.append(message)

        whole = {"type": "http", "path": path, "method": method, "headers": list(headers), "query_string": b"",
                 "http_version": "1.1", "root_path": "", **scope}  # fmt: skip
        await asyncio.wait_for(self.app(whole, receive, send), 30)
        if not self.sent:
            return None
        start, body = self.sent
        return start["status"], dict(start["headers"]), body["body"]


class Placing:
    """A site that tells where a thing is."""

    def handle(self, request, respond):
        respond(Response(200, request.path.encode(), (*JSON, (b"location", b"/orders/7"))))


@pytest.fixture
def call(site):
    return Caller(ASGISite(site, Limits(max_body=10, receive_seconds=0.1, max_headers=5)))


async def test_a_request_is_answered_with_its_length(call, site):
    status, headers, body = await call(messages=[{"body": b"ab", "more_body": True}, {"body": b"cd"}])
    assert (status, headers[b"content-length"], body) == (200, b"4", b"abcd")
    assert site.requests[0].path == "/orders"


async def test_head_is_sent_no_body(call):
    assert (await call(method="HEAD"))[2] == b""


@pytest.mark.parametrize("messages", [[{"body": b"x" * 11}], [{"body": b"x" * 6, "more_body": True}] * 5])
async def test_a_body_beyond_the_limit_is_413_and_not_read_on(call, site, messages):
    status, headers, _ = await call(messages=messages)
    assert (status, headers[b"connection"]) == (413, b"close")
    assert site.requests == []


async def test_a_length_beyond_the_limit_is_413_before_the_body_is_read(call):
    assert (await call(headers=[(b"content-length", b"11")], messages=[]))[0] == 413


async def test_a_slow_body_is_408(call, site):
    assert (await call(messages=[{"body": b"x", "more_body": True}]))[0] == 408
    assert (await Caller(call.app)(messages=[]))[0] == 408
    assert site.requests == []


async def test_only_the_slow_one_of_many_is_given_up(call, site):
    slow = Caller(call.app)
    asking = asyncio.ensure_future(slow(messages=[]))
    for _ in range(10):
        assert (await Caller(call.app)())[0] == 200
        await asyncio.sleep(0.02)
    assert (await asking)[0] == 408


async def test_a_task_that_is_cancelled_by_others_ends_as_cancelled(call):
    asking = asyncio.ensure_future(call(messages=[]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await Caller(call.app)())[0] == 200


async def test_many_headers_long_targets_and_odd_lengths_are_refused(call):
    assert (await call(headers=[(b"x", b"y")] * 6))[0] == 431
    assert (await Caller(call.app)(path="/" + "a" * 9000))[0] == 414
    assert (await Caller(call.app)(headers=[(b"content-length", b"x")]))[0] == 400


async def test_a_client_that_leaves_before_its_body_has_come_is_forgotten(call, site):
    messages = [{"body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    assert await call(messages=messages) is None
    assert site.requests == []


async def test_mounted_under_a_prefix_it_sees_its_own_paths_and_tells_the_whole_ones():
    app = Starlette(routes=[Mount("/shop", app=ASGISite(Placing()))])
    status, headers, body = await Caller(app)(path="/shop/orders")
    assert (status, body, headers[b"location"]) == (200, b"/orders", b"/shop/orders/7")


async def test_a_web_socket_is_closed_and_the_lifespan_answered(site):
    sent, waiting = [], [{"type": "websocket.connect"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message["type"])

    app = ASGISite(site)
    await app({"type": "websocket"}, receive, send)
    await app({"type": "lifespan"}, receive, send)
    assert sent == ["websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete"]
