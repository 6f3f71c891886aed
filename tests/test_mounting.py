"""An application inside somebody else's program, and as an ASGI program of its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_server import alive, request
from forebay import App, Unavailable, UsageError, text_response

ORDER = {"n": 1}


class Order(msgspec.Struct):
    n: int


@pytest.fixture
def handled():
    return []


@pytest.fixture
def app(handled):
    app = App("shop")

    @app.post("/orders")
    async def work_off(order: Order) -> int:
        handled.append(order.n)
        return order.n

    return app


@pytest.fixture
def queue(tmp_path):
    return f"sqlite:///{tmp_path}/shop.db"


async def home(request):
    return PlainTextResponse("home")


def program(*apps, lifespan=None):
    mounts = [Mount("/shop" if n == 0 else f"/shop{n}", one) for n, one in enumerate(apps)]
    return Starlette(routes=[Route("/", home), *mounts], lifespan=lifespan)


async def test_mounted_with_its_lifespan_it_works_beside_the_routes_of_the_program(app, queue, handled):
    levelled = app.asgi(queue=queue)
    mine = program(levelled, lifespan=levelled.lifespan)
    async with alive(mine):
        assert levelled.running is not None
        assert (await request(mine, "GET", "/")).body == b"home"
        heard = await request(mine, "POST", "/shop/orders", ORDER)
        assert (heard.status, heard.headers["forebay-durability"]) == (202, "fsync")
        assert heard.headers["location"].startswith("/shop/orders/")
        await levelled.running.drained(30)
        assert (await request(mine, "GET", heard.headers["location"])).json["state"] == "done"
        assert (await request(mine, "GET", "/shop/ledger")).json["lost"] == 0
        assert (await request(mine, "GET", "/shop/orders")).status == 405
        assert (await request(mine, "GET", "/shop/nothing")).status == 404
    assert handled == [1]
    assert levelled.running is None


async def test_without_its_lifespan_it_starts_with_the_first_request(app, queue, handled):
    levelled = app.asgi(queue=queue)
    mine = program(levelled)
    async with alive(mine):
        assert (await request(mine, "GET", "/")).body == b"home"
        assert levelled.running is None
        assert (await request(mine, "POST", "/shop/orders", ORDER)).status == 202
        await levelled.running.drained(30)
    await levelled.stop()
    assert handled == [1]


async def test_many_first_requests_start_it_once(app, queue):
    started = []

    @asynccontextmanager
    async def lifespan():
        started.append(True)
        await asyncio.sleep(0.01)
        yield

    app.lifespan = lifespan
    levelled = app.asgi(queue=queue)
    heard = await asyncio.gather(*[request(levelled, "GET", "/healthz") for _ in range(8)])
    await levelled.stop()
    assert {one.status for one in heard} == {200}
    assert started == [True]


async def test_a_lifespan_of_the_program_may_hold_that_of_the_application(app, queue):
    levelled = app.asgi(queue=queue)

    @asynccontextmanager
    async def lifespan(host):
        async with levelled.lifespan():
            yield {"mine": 1}

    mine = program(levelled, lifespan=lifespan)
    async with alive(mine):
        assert (await request(mine, "GET", "/shop/readyz")).status == 200
    assert levelled.running is None


async def test_two_applications_are_mounted_side_by_side(app, tmp_path):
    one = app.asgi(queue=f"sqlite:///{tmp_path}/one.db")
    two = app.asgi(queue=f"sqlite:///{tmp_path}/two.db")
    mine = program(one, two)
    async with one.lifespan(), two.lifespan():
        await request(mine, "POST", "/shop/orders", ORDER)
        heard = await request(mine, "POST", "/shop1/orders", ORDER)
        assert heard.headers["location"].startswith("/shop1/orders/")
        for levelled in (one, two):
            await levelled.running.drained(30)
            assert (await levelled.running.counts())["orders"].done == 1


async def test_served_alone_it_takes_part_in_the_lifespan_of_the_server(app, queue):
    levelled = app.asgi(queue=queue)
    async with alive(levelled):
        assert levelled.running is not None
        assert (await request(levelled, "POST", "/orders", b"nonsense")).status == 400
        assert (await request(levelled, "POST", "/orders", ORDER)).status == 202
        assert (await request(levelled, "GET", "/openapi.json")).json["openapi"].startswith("3.")
    assert levelled.running is None


async def test_a_start_that_fails_is_told_to_the_server_in_clear_words(app):
    said = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        said.append(message)

    levelled = app.asgi(queue="sqlite:////nowhere/at/all/shop.db", store="memory://")
    await levelled({"type": "lifespan"}, receive, send)
    (failed,) = said
    assert failed["type"] == "lifespan.startup.failed"
    assert "/nowhere/at/all" in failed["message"]


async def test_a_stop_that_fails_is_told_to_the_server_too(app, queue):
    said, received = [], iter(["lifespan.startup", "lifespan.shutdown"])

    @asynccontextmanager
    async def lifespan():
        yield
        raise ValueError("the pool of connections did not close")

    async def receive():
        return {"type": next(received)}

    async def send(message):
        said.append(message)

    app.lifespan = lifespan
    await app.asgi(queue=queue)({"type": "lifespan"}, receive, send)
    assert [one["type"] for one in said] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "did not close" in said[1]["message"]


async def test_after_a_start_that_failed_another_may_succeed(app, tmp_path):
    folder = tmp_path / "later"
    levelled = app.asgi(queue=f"sqlite:///{folder}/shop.db")
    with pytest.raises(Exception, match="later"):
        await levelled.start()
    folder.mkdir()
    async with levelled.lifespan():
        assert levelled.running is not None


def test_an_application_does_not_run_in_two_event_loops(app, queue):
    levelled = app.asgi(queue=queue)

    async def main():
        async with levelled.lifespan():
            with pytest.raises(UsageError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, levelled.start())

    asyncio.run(main())
    asyncio.run(main())  # after its end any other may have it


def test_after_a_start_that_failed_another_event_loop_may_have_it(app, tmp_path):
    levelled = app.asgi(queue=f"sqlite:///{tmp_path}/later/shop.db", store="memory://")
    for _ in range(2):
        with pytest.raises(Unavailable, match="later"):
            asyncio.run(levelled.start())


async def test_in_front_of_a_program_it_answers_its_paths_and_leaves_the_rest_and_the_lifespan_to_it(
    app, queue, handled
):
    lived = []

    @asynccontextmanager
    async def lifespan(program):
        lived.append("began")
        yield
        lived.append("ended")

    levelled = app.asgi(queue=queue)
    front = levelled.in_front_of(program(lifespan=lifespan))
    async with alive(front):
        assert levelled.running is not None
        assert (await request(front, "GET", "/")).body == b"home"
        accepted = await request(front, "POST", "/orders", ORDER)
        assert accepted.status == 202
        await levelled.running.drained(30)
        status = await request(front, "GET", accepted.headers["location"])
        assert msgspec.json.decode(status.body)["state"] == "done"
        assert (await request(front, "GET", "/ledger")).status == 404  # not ours here: the program has its own
    assert levelled.running is None
    assert lived == ["began", "ended"]
    assert handled == [1]


async def test_in_front_of_a_program_it_answers_its_own_routes_too(app, queue):
    app.get("/total")(lambda request: text_response("7"))
    app.get("/stock/{product}")(lambda request: text_response(request.tail))
    front = app.asgi(queue=queue).in_front_of(program())
    async with alive(front):
        assert (await request(front, "GET", "/total")).body == b"7"
        assert (await request(front, "GET", "/stock/mill")).body == b"mill"
        assert (await request(front, "GET", "/")).body == b"home"
        for path in ("/stock/", "/stock/a/b", "/total/", "/orders/"):
            assert (await request(front, "GET", path)).body == b"Not Found"  # in the words of the program


async def test_mounted_its_own_routes_answer_at_once_and_later_and_take_a_body_in_pieces(app, queue):
    @app.route("POST", "/length")
    async def length(asked):
        await asyncio.sleep(0)
        return text_response(str(len(asked.body)))

    app.get("/total")(lambda asked: text_response(asked.query))
    levelled = app.asgi(queue=queue)
    pieces = [{"type": "http.request", "body": b"x" * 10, "more_body": n < 99} for n in range(100)]
    said = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        said.append(message)

    async with levelled.lifespan():
        scope = {"type": "http", "method": "POST", "path": "/shop/length", "root_path": "/shop", "headers": []}
        await levelled(scope, receive, send)
        assert (said[0]["status"], said[1]["body"]) == (200, b"1000")
        assert (await request(program(levelled), "GET", "/shop/total")).status == 200


async def test_of_a_start_that_fails_at_its_routes_nothing_stays_open(app, queue):
    lived = []

    @asynccontextmanager
    async def lifespan():
        lived.append("began")
        try:
            yield
        finally:
            lived.append("ended")

    app.lifespan = lifespan
    app.get("/metrics")(lambda request: text_response("mine"))
    levelled = app.asgi(queue=queue)
    for _ in range(2):
        with pytest.raises(UsageError, match="two handlers"):
            await levelled.start()
    assert lived == ["began", "ended"] * 2
    assert levelled.running is None
