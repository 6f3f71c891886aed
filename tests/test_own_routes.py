"""What an application declares beside its topics: routes, intakes that read, several topics, its lifespan."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from asking import ask
from forebay import Answers, App, Response, Undecodable, UsageError, Work, text_response
from forebay.running import settings_of
from forebay.serving import serving

MEMORY = {"queue": "memory://", "port": 0}


def rate_of(request):
    if (rate := request.parameter("rate")) is None:
        raise Undecodable("rate is missing")
    return rate.encode()


async def test_a_route_answers_beside_the_intakes():
    app = App("shop")
    app.intake("/orders", bytes)
    app.get("/")(lambda request: text_response("hello"))

    @app.get("/items/{name}")
    async def item(request):
        return text_response(request.tail)

    async with serving(app, settings_of(MEMORY)) as (_, server):
        assert (await ask(server.port, "/")).body == b"hello"
        assert (await ask(server.port, "/items/tea%20pot")).body == b"tea pot"
        assert (await ask(server.port, "/orders", b"x")).status == 202


async def test_a_route_that_is_an_intake_too_is_refused():
    app = App("shop")
    app.intake("/orders", bytes)
    app.route("POST", "/orders")(lambda request: text_response(""))
    with pytest.raises(UsageError, match="two handlers"):
        async with serving(app, settings_of(MEMORY)):
            pass


async def test_an_intake_reads_the_message_from_query_or_form_in_any_method_but_head():
    seen = []
    app = App("rates")

    @app.post("/rate", read=rate_of, methods=("POST", "GET"))
    async def work_off(rate: int) -> None:
        seen.append(rate)

    async with serving(app, settings_of(MEMORY)) as (running, server):
        form = {"content_type": "application/x-www-form-urlencoded"}
        assert (await ask(server.port, "/rate?rate=1", b"")).status == 202
        assert (await ask(server.port, "/rate", b"rate=2", **form)).status == 202
        assert (await ask(server.port, "/rate?rate=3", method="GET")).status == 202
        for refused in ("HEAD", "PUT"):
            answer = await ask(server.port, "/rate?rate=4", method=refused)
            assert (answer.status, answer.headers["allow"]) == (405, "GET, OPTIONS, POST")
        assert (await ask(server.port, "/rate?rate=x", b"")).status == 400
        refused = await ask(server.port, "/rate", b"")
        assert (refused.status, refused.json["detail"]) == (400, "rate is missing")
        await running.drained(30)
    assert sorted(seen) == [1, 2, 3]


@pytest.mark.parametrize("places", ["inf", "0"])
async def test_of_several_topics_each_message_goes_to_one_and_its_status_is_found_there(places):
    seen = {"a": 0, "b": 0, "c": 0}
    app = App("rates")

    async def count(body: bytes, work: Work) -> None:
        seen[work.topic] += 1

    app.post("/rate", topic=["a", "b", "c"])(count)
    async with serving(app, settings_of({**MEMORY, "places": places})) as (running, server):
        answers = [await ask(server.port, "/rate", b"x") for _ in range(60)]
        await running.drained(30)
        for answer in answers[:5]:
            assert (await ask(server.port, answer.headers["location"])).json["state"] == "done"
    assert sum(seen.values()) == 60
    assert min(seen.values()) > 0


async def test_the_same_idempotency_key_goes_to_the_same_of_several_topics():
    app = App("rates")
    app.intake("/rate", bytes, topic=["a", "b", "c"])
    async with serving(app, settings_of(MEMORY)) as (running, server):
        for n in range(10):
            first = await ask(server.port, "/rate", b"x", idempotency_key=f"k{n}")
            again = await ask(server.port, "/rate", b"x", idempotency_key=f"k{n}")
            assert first.headers["forebay-id"] == again.headers["forebay-id"]
        assert sum([counts.accepted for counts in (await running.counts()).values()]) == 10


async def test_answers_may_speak_to_each_client_in_its_own_form():
    class Plain(Answers):
        def accepted(self, reference):
            return Response(200)

    class Either(Answers):
        def to(self, request):
            return self if request.prefers("text/plain", "application/json") == "application/json" else Plain()

    app = App("shop")
    app.intake("/orders", bytes, answers=Either())
    async with serving(app, settings_of(MEMORY)) as (_, server):
        assert (await ask(server.port, "/orders", b"x")).status == 200
        assert (await ask(server.port, "/orders", b"x", accept="application/json")).status == 202


async def test_a_lifespan_that_wants_it_is_given_what_runs_before_the_first_message_is_worked_off():
    happened = []

    @asynccontextmanager
    async def lifespan(running):
        happened.append(("open", sorted(running.topics), running.store.durability.value))
        await running.publish("orders", b"first")
        yield
        happened.append("closed")

    app = App("shop", lifespan=lifespan)

    @app.handler("orders")
    async def handler(body: bytes) -> None:
        happened.append(body)

    async with app.running(queue="memory://") as running:
        await running.drained(30)
    assert happened == [("open", ["orders"], "memory"), b"first", "closed"]


async def test_a_handler_that_keeps_its_own_effect_leaves_no_result():
    app = App("shop")

    @app.handler("orders", results=False)
    async def handler(body: bytes) -> str:
        return "not kept"

    async with app.running(queue="memory://") as running:
        await running.publish("orders", b"x")
        await running.drained(30)
        assert await running.store.count("orders") == 0
        [ledger] = await running.ledgers()
        assert (ledger.done, ledger.stored, ledger.balanced) == (1, None, True)


async def test_of_what_is_done_without_a_result_the_status_is_404_that_says_so():
    app = App("shop")

    @app.post("/orders", results=False)
    async def handler(body: bytes) -> None: ...

    async with serving(app, settings_of(MEMORY)) as (running, server):
        location = (await ask(server.port, "/orders", b"x")).headers["location"]
        await running.drained(30)
        told = await ask(server.port, location)
    assert (told.status, "not kept" in told.json["detail"]) == (404, True)


async def test_an_own_decoder_decides_what_a_message_is():
    seen = []

    def decode(raw):
        if not raw.isdigit():
            raise Undecodable("no digits")
        return int(raw)

    app = App("shop")

    @app.handler("orders", decode=decode)
    async def handler(n: int) -> None:
        seen.append(n)

    async with app.running(queue="memory://") as running:
        for body in (b"7", b"seven"):
            await running.publish("orders", body)
        await running.drained(30)
        [letter] = await running.topics["orders"].dead_letters()
    assert seen == [7]
    assert "no digits" in letter.message.headers["forebay-reason"]


async def test_what_an_own_decoder_refuses_is_refused_at_the_intake_with_and_without_a_queue():
    seen = []

    def decode(raw):
        if not raw.isdigit():
            raise Undecodable("no digits")
        return int(raw)

    for places in ("10", "0"):
        app = App("shop")

        @app.post("/orders", decode=decode)
        async def handler(n: int) -> None:
            seen.append(n)

        async with serving(app, settings_of({**MEMORY, "places": places})) as (running, server):
            assert (await ask(server.port, "/orders", b"007")).status == 202  # no JSON, but what the decoder takes
            refused = await ask(server.port, "/orders", b"seven")
            assert (refused.status, refused.json["detail"]) == (400, "no digits")
            await running.drained(30)
    assert seen == [7, 7]


async def test_several_readers_share_the_workers_and_lose_nothing():
    seen = []
    app = App("shop")

    @app.handler("orders")
    async def handler(body: bytes) -> None:
        seen.append(body)

    async with app.running(queue="memory://", workers=5, readers=3) as running:
        assert [pool.workers for pool in running.pools["orders"]] == [2, 2, 1]
        for n in range(50):
            await running.publish("orders", b"%d" % n)
        await running.drained(30)
    assert len(set(seen)) == len(seen) == 50


async def test_several_readers_of_what_each_hears_are_refused():
    app = App("shop")

    @app.handler("orders")
    async def handler(body: bytes) -> None: ...

    with pytest.raises(UsageError, match="readers"):
        async with app.running(queue="memory://?group=each", readers=2):
            pass


async def test_a_service_that_restores_is_not_ready_until_it_has():
    app = App("shop")
    app.intake("/orders", bytes)
    async with serving(app, settings_of(MEMORY)) as (running, server):
        running.health.hold("restore", "12 of 50 orders")
        held = await ask(server.port, "/readyz")
        running.health.release("restore")
        assert (held.status, held.json["troubles"]) == (503, {"restore": "12 of 50 orders"})
        assert (await ask(server.port, "/readyz")).status == 200
