"""The orders service as its users meet it: over real HTTP, in one process."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager

import apsw
import pytest
from prometheus_client.parser import text_string_to_metric_families

from asking import ask
from forebay.clock import ManualClock
from forebay.errors import Dead
from forebay.intake.admission import Limiter
from forebay.load.ammo.orders import orders as ammunition
from forebay.load.cannon import fire
from forebay.load.firing import Firing
from forebay.load.profiles.notation import parse as profile
from forebay.running import settings_of
from forebay.services.orders import orders
from forebay.serving import serving
from order_bodies import INVALID, ORDER, VALID, order


@pytest.fixture
async def serve(tmp_path):
    """Serve orders by settings; the queue is a file of this test."""

    @asynccontextmanager
    async def serve(work="0s", app=None, **settings):
        settings.setdefault("queue", f"sqlite:///{tmp_path}/orders.db")
        async with serving(app or orders(work), settings_of({"port": 0, **settings})) as (running, server):
            running.port = server.port
            yield running

    return serve


def gated():
    """The service with a handler that begins, says so, and waits until it may go on."""
    app, began, go = orders(), asyncio.Event(), asyncio.Event()

    async def handler(order):
        began.set()
        await go.wait()

    app.handlers["orders"].handler.function = handler
    return app, began, go


async def test_every_valid_order_is_created(serve):
    async with serve() as running:
        for name, body in VALID.items():
            heard = await ask(running.port, "/orders", body)
            assert (heard.status, heard.json) == (200, {"result": "created"}), name
        await running.drained(30)
        (ledger,) = await running.ledgers()
        assert (ledger.accepted, ledger.done, ledger.lost, ledger.stored) == (len(VALID), len(VALID), 0, len(VALID))


async def test_whatever_else_is_sent_is_invalid_and_leaves_nothing(serve):
    async with serve(workers=0) as running:
        for name, body in INVALID.items():
            heard = await ask(running.port, "/orders", body)
            assert (heard.status, heard.json) == (400, {"result": "invalid"}), name
        assert (await running.topic("orders").counts()).accepted == 0


@pytest.mark.parametrize(
    "content_type",
    [None, "application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/json; charset=x", "nonsense"],
)
async def test_the_body_decides_and_not_the_content_type(serve, content_type):
    headers = {} if content_type is None else {"content_type": content_type}
    async with serve(queue="memory://") as running:
        assert (await ask(running.port, "/orders", ORDER, **headers)).json == {"result": "created"}
        assert (await ask(running.port, "/orders", b"{}", **headers)).json == {"result": "invalid"}


async def test_what_is_too_large_is_413_and_a_wrong_method_405_with_allow(serve):
    async with serve(queue="memory://", max_body="1KiB") as running:
        assert (await ask(running.port, "/orders", order(username="x" * 2000))).status == 413
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            heard = await ask(running.port, "/orders", method=method)
            assert heard.status == 405
            assert "POST" in heard.headers["allow"]
        assert (await ask(running.port, "/order")).status == 404
        assert (await ask(running.port, "/orders", ORDER)).status == 200


# Part 1, the system with losses: the work is done inside the request


async def test_with_losses_the_work_is_done_before_the_answer(serve):
    async with serve(places=0, store="memory://") as running:
        heard = await ask(running.port, "/orders", ORDER)
        assert (heard.status, heard.json) == (200, {"result": "created"})
        told = await ask(running.port, heard.headers["location"])
        assert told.json["state"] == "done"
        assert told.json["value"] == {"product_id": 33, "count": 3, "username": "maksim.konovalov"}


async def test_above_the_limit_the_server_is_kaput_exactly_as_the_task_says(serve):
    async with serve(places=0, limit="1/m", burst=1, store="memory://") as running:
        assert (await ask(running.port, "/orders", ORDER)).status == 200
        heard = await ask(running.port, "/orders", ORDER)
        assert (heard.status, heard.body) == (500, b'{"result": "server-kaput"}')
        assert heard.headers["content-type"] == "application/json"
        assert (await ask(running.port, "/orders", b"{}")).json == {"result": "invalid"}


@pytest.mark.parametrize("overload", ["429", "503"])
async def test_the_modern_answers_say_when_to_come_again(serve, overload):
    async with serve(places=0, limit="1/m", burst=1, overload=overload, store="memory://") as running:
        await ask(running.port, "/orders", ORDER)
        heard = await ask(running.port, "/orders", ORDER)
        assert heard.status == int(overload)
        assert 1 <= int(heard.headers["retry-after"]) <= 60


async def test_with_losses_whoever_finds_all_workers_busy_is_refused(serve):
    app, began, go = gated()
    async with serve(app=app, places=0, workers=1, store="memory://") as running:
        first = asyncio.ensure_future(ask(running.port, "/orders", ORDER))
        await began.wait()
        heard = await asyncio.gather(*[ask(running.port, "/orders", ORDER) for _ in range(3)])
        assert [one.status for one in heard] == [500, 500, 500]
        go.set()
        assert (await first).status == 200
        assert (await ask(running.port, "/orders", ORDER)).status == 200


def refused_by(limiter, instants):
    clock = ManualClock(0.0)
    refused = 0
    for instant in instants:
        clock.advance(instant - clock.monotonic())
        refused += limiter.admit(clock.monotonic()) > 0
    return refused


async def test_a_limit_of_half_the_peak_of_a_wave_refuses_one_in_pi_of_its_load(serve, monkeypatch):
    seconds, load, asked, admit = 6, profile("sine(0, 100, 6s)", 6), [], Limiter.admit

    def noted(self, now):
        asked.append(now)
        return admit(self, now)

    monkeypatch.setattr(Limiter, "admit", noted)
    async with serve(places=0, limit="50/s", store="memory://", workers=100) as running:
        url, planned = f"http://127.0.0.1:{running.port}/orders", []
        firing = Firing(url, ammunition(), seconds, load)
        run = await fire(firing, lambda outcome: planned.append(outcome.planned / 1e9))
    monkeypatch.undo()
    assert run.answered == len(asked) == 300
    assert set(run.statuses) == {200, 500}
    assert run.statuses[500] == refused_by(Limiter(50), [instant - asked[0] for instant in asked])
    if max(came - due for came, due in zip(asked, sorted(planned), strict=True)) < 0.02:  # else it came as no sine
        assert abs(run.statuses[500] / 300 - 1 / math.pi) < 10 / 300


def test_the_law_of_one_in_pi_holds_for_the_default_limiter_of_the_service(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seconds = 600
    shots = list(profile(f"sine(0, 100, {seconds}s)", seconds).shots(seconds))
    refused = refused_by(Limiter(50, settings_of({}).burst), shots)
    assert refused / len(shots) == pytest.approx(1 / math.pi, abs=0.001)


# Part 2, levelled: the order is durable before the answer, and worked off later


async def test_created_means_durable_and_the_answer_carries_id_place_and_durability(serve):
    async with serve(workers=0) as running:
        heard = await ask(running.port, "/orders", ORDER)
        assert heard.headers["forebay-durability"] == "fsync"
        assert heard.headers["location"] == f"/orders/{heard.headers['forebay-id']}"
        assert (await running.topic("orders").counts()).waiting == 1


async def test_created_is_not_said_before_the_queue_has_written(serve):
    async with serve(workers=0, deadline="1m") as running:
        driver = running.topic("orders")._driver
        publish, go = driver.publish, asyncio.Event()

        async def slow(messages, places):
            await go.wait()
            return await publish(messages, places)

        driver.publish = slow
        asked = asyncio.ensure_future(ask(running.port, "/orders", ORDER))
        done, _ = await asyncio.wait({asked}, timeout=0.2)
        assert not done
        go.set()
        assert (await asked).status == 200


async def test_a_full_queue_refuses_and_drops_nothing_that_it_accepted(serve):
    async with serve(workers=0, places=3) as running:
        heard = [await ask(running.port, "/orders", ORDER) for _ in range(5)]
        assert [one.status for one in heard] == [200, 200, 200, 503, 503]
        assert int(heard[-1].headers["retry-after"]) >= 1
        counts = await running.topic("orders").counts()
        assert (counts.accepted, counts.waiting) == (3, 3)
    async with serve(places=3) as running:
        await running.drained(30)
        assert (await running.topic("orders").counts()).done == 3
        assert (await ask(running.port, "/orders", ORDER)).status == 200


async def test_a_key_makes_one_order_of_many_requests_across_restarts(serve):
    async with serve(workers=0) as running:
        first = await ask(running.port, "/orders", ORDER, idempotency_key='"a-1"')
        again = await ask(running.port, "/orders", order(), idempotency_key="a-1")
        other = await ask(running.port, "/orders", order(count=4), idempotency_key="a-1")
        assert (first.status, first.json) == (again.status, again.json) == (200, {"result": "created"})
        assert other.status == 422
    async with serve() as running:
        late = await ask(running.port, "/orders", ORDER, idempotency_key="a-1")
        await running.drained(30)
        after = await ask(running.port, "/orders", ORDER, idempotency_key="a-1")
        ids = {one.headers["forebay-id"] for one in (first, again, late, after)}
        assert len(ids) == 1
        assert (await running.topic("orders").counts()).accepted == 1
        assert (await ask(running.port, "/orders", ORDER, idempotency_key='"')).status == 400


async def test_requests_with_one_key_at_the_same_time_make_one_order(serve):
    async with serve() as running:
        heard = await asyncio.gather(*[ask(running.port, "/orders", ORDER, idempotency_key="x") for _ in range(20)])
        assert {one.status for one in heard} == {200}
        assert len({one.headers["forebay-id"] for one in heard}) == 1
        await running.drained(30)
        assert (await running.ledgers())[0].stored == 1


async def test_the_status_of_an_order_tells_its_state_and_times_from_waiting_to_done(serve):
    async with serve(workers=0) as running:
        where = (await ask(running.port, "/orders", ORDER)).headers["location"]
        waiting = (await ask(running.port, where)).json
        assert (waiting["state"], waiting["attempts"]) == ("waiting", 0)
    app, began, go = gated()
    async with serve(app=app, workers=1) as running:
        await began.wait()
        in_work = (await ask(running.port, where)).json
        assert (in_work["state"], in_work["attempts"]) == ("in work", 1)
        go.set()
        await running.drained(30)
        done = (await ask(running.port, where)).json
    assert (done["state"], done["attempts"]) == ("done", 1)
    assert done["accepted_at"] == waiting["accepted_at"] <= done["started_at"] <= done["done_at"]
    assert done["id"] == where.rpartition("/")[2]


async def test_the_status_of_a_failing_order_tells_why(serve):
    app = orders()

    async def failing(order):
        raise {"bad": Dead("never"), "later": ValueError("not now")}[order.username]

    app.handlers["orders"].handler.function = failing
    async with serve(app=app, backoff="1h", attempts=2) as running:
        dead = (await ask(running.port, "/orders", order(username="bad"))).headers["location"]
        later = (await ask(running.port, "/orders", order(username="later"))).headers["location"]
        async with asyncio.timeout(30):
            while (told := (await ask(running.port, dead)).json)["state"] != "dead":
                await asyncio.sleep(0.01)
            assert told["story"]["reason"] == "never"
            while (told := (await ask(running.port, later)).json)["state"] != "retrying":
                await asyncio.sleep(0.01)
        assert (told["attempts"], told["story"]["reason"]) == (1, "ValueError: not now")


@pytest.mark.parametrize("id", ["nope", "0" * 32, "..", "a%2Fb", "x" * 300, "%00", "'; drop table"])
async def test_an_order_that_nobody_knows_is_404(serve, id):
    async with serve(queue="memory://") as running:
        assert (await ask(running.port, f"/orders/{id.replace(' ', '%20')}")).status == 404


# What operators ask


async def test_the_metrics_have_every_figure_of_the_task(serve):
    async with serve() as running:
        for body in (ORDER, ORDER, b"{}"):
            await ask(running.port, "/orders", body)
        await running.drained(30)
        heard = await ask(running.port, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(heard.body.decode())}
    values = {(s.name, *sorted(s.labels.values())): s.value for f in families.values() for s in f.samples}
    assert heard.headers["content-type"].startswith("text/plain; version=")
    assert values["work_done_total", "done"] == 2
    assert values["work_done_total", "error"] == 0
    assert values["forebay_http_requests_total", "/orders", "200"] == 2
    assert values["forebay_http_requests_total", "/orders", "400"] == 1
    assert values["forebay_accepted_total", "orders"] == 2
    assert values["forebay_refused_total", "invalid", "orders"] == 1
    assert values["forebay_queue_messages", "orders", "waiting"] == 0
    assert values["forebay_queue_messages", "in_work", "orders"] == 0
    assert values["forebay_queue_oldest_age_seconds", "orders"] == 0
    assert values["forebay_retries_total", "orders"] == values["forebay_dead_letters_total", "orders"] == 0
    for name in ("accept_duration", "queue_wait", "work_duration", "end_to_end"):
        assert families[f"forebay_{name}_seconds"].type == "histogram"
    for name in ("queue_wait", "work_duration", "end_to_end"):
        assert values[f"forebay_{name}_seconds_count", "orders"] == 2


async def test_with_losses_the_metrics_count_the_same_work_and_refusals(serve):
    async with serve(places=0, limit="1/m", burst=1, store="memory://") as running:
        for body in (ORDER, ORDER, b"{}"):
            await ask(running.port, "/orders", body)
        text = (await ask(running.port, "/metrics")).body.decode().splitlines()
    assert 'work_done_total{status="done"} 1.0' in text
    assert 'work_done_total{status="error"} 1.0' in text
    assert 'forebay_refused_total{reason="limit",topic="orders"} 1.0' in text
    assert 'forebay_accepted_total{topic="orders"} 1.0' in text


async def test_the_books_are_told_and_balance(serve):
    async with serve() as running:
        await ask(running.port, "/orders", ORDER)
        await running.drained(30)
        told = (await ask(running.port, "/ledger")).json
    assert told["lost"] == 0
    (book,) = told["topics"]
    assert (book["topic"], book["accepted"], book["done"], book["stored"], book["balanced"]) == (
        "orders",
        1,
        1,
        1,
        True,
    )


async def test_ready_is_not_said_by_a_program_that_stops_and_alive_is(serve):
    async with serve(queue="memory://") as running:
        assert (await ask(running.port, "/healthz")).status == 200
        assert (await ask(running.port, "/readyz")).json == {"ready": True, "troubles": {}}
        running.stopping()
        assert (await ask(running.port, "/readyz")).status == 503
        assert (await ask(running.port, "/healthz")).status == 200


async def test_ready_is_not_said_while_the_queue_cannot_be_written_and_again_when_it_can(serve, tmp_path):
    async with serve(workers=0) as running:  # with time enough for this one
        where = (await ask(running.port, "/orders", ORDER)).headers["location"]
    async with serve(workers=0, deadline="300ms") as running:
        other = apsw.Connection(f"{tmp_path}/orders.db")
        other.set_busy_timeout(30_000)
        other.execute("BEGIN IMMEDIATE")  # another program holds the file
        heard = await ask(running.port, "/orders", ORDER)
        assert heard.status == 503
        assert int(heard.headers["retry-after"]) >= 1
        unready = await ask(running.port, "/readyz")
        assert (unready.status, list(unready.json["troubles"])) == (503, ["publish"])
        for path in ("/healthz", "/ledger", "/metrics", where):
            assert (await ask(running.port, path)).status == 200, path
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(30):
            while (await ask(running.port, "/orders", ORDER)).status != 200:
                pass
        assert (await ask(running.port, "/readyz")).status == 200
