import asyncio
import json
import logging
import math

import pytest
from msgspec import Struct

from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import QueueFull, Retry, TooLarge, Unavailable, Unknown
from forebay.events import Answered, Refused
from forebay.intake.admission import Limiter
from forebay.intake.answers import Answers
from forebay.intake.http import Request
from forebay.intake.intake import Intake
from forebay.intake.routes import Routes
from forebay.queue.driver import Ending, Settlement
from forebay.queue.opening import open_driver
from forebay.queue.topic import Topic
from forebay.queue.writable import Unwritable
from forebay.stores.opening import open_store
from forebay.stores.store import Result


class Order(Struct, forbid_unknown_fields=True):
    product_id: str


GOOD = b'{"product_id": "33"}'


@pytest.fixture
async def store(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/results.db")
    yield store
    await store.close()


@pytest.fixture
async def driver(tmp_path):
    driver = await open_driver(f"sqlite:///{tmp_path}/queue.db?topic=orders")
    yield driver
    await driver.close()


@pytest.fixture
async def topic(driver):
    topic = Topic("orders", driver, owned=False)
    yield topic
    await topic.close()


def site_of(intake):
    routes = Routes()
    intake.mount(routes)
    return routes


async def ask(site, method="POST", path="/orders", body=GOOD, **headers):
    answer = asyncio.get_running_loop().create_future()
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    site.handle(Request(method, path, "", named, body), answer.set_result)
    response = await asyncio.wait_for(answer, 30)
    return response.status, {n.decode(): v.decode() for n, v in response.headers}, json.loads(response.body)


class Failing:
    """A topic that gives every message the same answer."""

    name = work_name = "orders"
    durability = Durability.FSYNC

    def __init__(self, answer):
        self.answer = answer

    def publish_soon(self, message, done):
        asyncio.get_running_loop().call_soon(done, self.answer)

    async def find(self, reference):
        if isinstance(self.answer, BaseException):
            raise self.answer


async def test_a_request_is_answered_once_its_message_is_durable(topic, driver, store):
    site = site_of(Intake("/orders", Order, topic, store=store))
    status, headers, body = await ask(site)
    (delivery,) = await driver.receive(10, 30)
    assert status == 202
    assert body == {"id": headers["forebay-id"], "status": "accepted"}
    assert headers["forebay-durability"] == "fsync"
    assert headers["location"] == f"/orders/{headers['forebay-id']}"
    assert (delivery.message.id, delivery.message.body) == (headers["forebay-id"], GOOD)


async def test_a_bad_body_is_refused_with_its_reason_and_nothing_is_published(topic, store):
    status, headers, body = await ask(site_of(Intake("/orders", Order, topic, store=store)), body=b'{"product_id": 33}')
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert "product_id" in body["detail"]
    assert (await topic.counts()).accepted == 0


async def test_a_service_says_it_in_its_own_words(topic):
    site = site_of(Intake("/orders", Order, topic, answers=Answers.of_results(created="created", invalid="invalid")))
    assert (await ask(site))[::2] == (200, {"result": "created"})
    assert (await ask(site, body=b"{"))[::2] == (400, {"result": "invalid"})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (QueueFull("full"), "full"),
        (Unavailable("down"), "unavailable"),
        (Unknown("late"), "unknown"),
        (ValueError(), "unknown"),
    ],
)
async def test_what_the_queue_refuses_or_does_not_know_is_503_and_may_be_tried_again(error, reason):
    heard = []
    intake = Intake("/orders", Order, Failing(error), listeners=[heard.append])
    status, headers, body = await ask(site_of(intake))
    assert (status, headers["retry-after"]) == (503, "1")
    assert "failed" not in body["detail"]
    assert Refused("orders", reason) in heard


async def test_what_the_broker_never_takes_is_413_and_need_not_be_tried_again():
    heard = []
    intake = Intake("/orders", Order, Failing(TooLarge("1 MiB at most")), listeners=[heard.append])
    status, headers, body = await ask(site_of(intake))
    assert (status, body["detail"]) == (413, "1 MiB at most")
    assert "retry-after" not in headers
    assert Refused("orders", "invalid") in heard


async def test_what_no_broker_can_write_is_400_and_need_not_be_tried_again():
    heard = []
    intake = Intake("/orders", Order, Failing(Unwritable("'caf\\udce9' is no Unicode")), listeners=[heard.append])
    status, headers, body = await ask(site_of(intake))
    assert (status, body["detail"]) == (400, "'caf\\udce9' is no Unicode")
    assert "retry-after" not in headers
    assert Refused("orders", "invalid") in heard


async def test_a_full_queue_refuses_and_drops_nothing(driver):
    topic = Topic("orders", driver, places=2, owned=False)
    site = site_of(Intake("/orders", Order, topic))
    answers = [(await ask(site))[0] for _ in range(4)]
    assert answers == [202, 202, 503, 503]
    assert (await topic.counts()).waiting == 2
    await topic.close()


async def test_above_the_rate_it_is_429_with_the_seconds_to_wait(topic, store):
    clock = ManualClock()
    site = site_of(Intake("/orders", Order, topic, store=store, limiter=Limiter(0.25, 1), clock=clock))
    assert (await ask(site))[0] == 202
    assert (await ask(site))[1]["retry-after"] == "4"
    assert (await ask(site, idempotency_key="a"))[0] == 429
    assert (await ask(site, body=b"{"))[0] == 400
    clock.advance(4)
    assert (await ask(site, idempotency_key="a"))[0] == 202


async def test_events_tell_of_answers_and_refusals(topic):
    heard = []
    site = site_of(Intake("/orders", Order, topic, listeners=[heard.append]))
    await ask(site)
    await ask(site, body=b"{")
    assert [(e.status, e.intake) for e in heard if isinstance(e, Answered)] == [(202, "/orders"), (400, "/orders")]
    assert [e.reason for e in heard if isinstance(e, Refused)] == ["invalid"]
    assert all(0 <= e.seconds < 10 for e in heard if isinstance(e, Answered))


async def test_a_repeated_key_gets_the_same_answer_and_one_message(topic, store):
    site = site_of(Intake("/orders", Order, topic, store=store))
    first = await ask(site, idempotency_key='"k 1"')
    again = await ask(site, idempotency_key='"k 1"', body=b'{ "product_id" : "33" }')
    assert (first[0], first[2]) == (again[0], again[2])
    assert again[1] == {**first[1], "idempotency-replayed": "true"}
    assert (await topic.counts()).accepted == 1
    assert (await ask(site, idempotency_key='"k 1"', body=b'{"product_id": "34"}'))[0] == 422


@pytest.mark.parametrize("key", ["", "a" * 10_000, "a b", '"'])
async def test_a_key_that_is_none_is_400(topic, store, key):
    assert (await ask(site_of(Intake("/orders", Order, topic, store=store)), idempotency_key=key))[0] == 400


async def test_a_key_that_nobody_would_remember_is_refused(topic):
    assert (await ask(site_of(Intake("/orders", Order, topic)), idempotency_key="a"))[0] == 400


async def test_the_key_of_a_message_comes_from_its_body(topic, driver):
    intake = Intake("/orders", Order, topic, key=lambda order: order.product_id)
    await ask(site_of(intake))
    (delivery,) = await driver.receive(1, 30)
    assert delivery.message.key == "33"


async def test_a_key_that_is_no_text_is_told_to_whoever_made_it(topic, driver, caplog):
    intake = Intake("/orders", Order, topic, key=lambda order: int(order.product_id))
    with caplog.at_level(logging.ERROR):
        assert (await ask(site_of(intake)))[0] == 500
    assert "key= gave 33, and the key of a message is text or None" in caplog.text
    assert (await driver.counts()).accepted == 0


async def test_the_status_follows_a_message_to_its_end(topic, driver, store):
    site = site_of(Intake("/orders", Order, topic, store=store))
    where = (await ask(site))[1]["location"]

    async def state():
        return (await ask(site, "GET", where))[2]

    assert (await state())["state"] == "waiting"
    (delivery,) = await driver.receive(1, 30)
    assert (await state())["state"] == "in work"
    message = delivery.message
    await store.save([Result(message.id, "orders", b'{"ok":true}', message.accepted_at, 5.0, 6.0, 2)])
    await driver.settle([Settlement(delivery)])
    told = await state()
    assert (told["state"], told["value"], told["attempts"], told["done_at"]) == ("done", {"ok": True}, 2, 6.0)


async def test_the_status_of_a_dead_letter_tells_its_story(topic, driver, store):
    site = site_of(Intake("/orders", Order, topic, store=store))
    where = (await ask(site))[1]["location"]
    (delivery,) = await driver.receive(1, 30)
    await driver.settle([Settlement(delivery, Ending.DEAD, headers={"forebay-reason": "poison", "other": "x"})])
    told = (await ask(site, "GET", where))[2]
    assert (told["state"], told["story"]) == ("dead", {"reason": "poison"})


@pytest.mark.parametrize(
    "name", ["unknown", "..", ".", "a..b", "%2e%2e", "\\", "a\0", "a" * 10_000, "a b", "é", "a;b", "-"]
)
async def test_what_is_no_message_of_ours_is_404(topic, store, name):
    assert (await ask(site_of(Intake("/orders", Order, topic, store=store)), "GET", f"/orders/{name}"))[0] == 404


async def test_a_message_of_another_topic_is_not_told_of(topic, store):
    await store.save([Result("abc", "ratings", b"1", 1.0, 2.0, 3.0)])
    assert (await ask(site_of(Intake("/orders", Order, topic, store=store)), "GET", "/orders/abc"))[0] == 404


async def test_a_status_that_cannot_be_asked_for_is_503():
    site = site_of(Intake("/orders", Order, Failing(Unavailable("down"))))
    status, headers, body = await ask(site, "GET", "/orders/abc")
    assert (status, headers["retry-after"]) == (503, "1")
    assert body["detail"] == "the queue or the store cannot be reached"  # nobody wanted anything to be accepted


class Workers:
    """n workers whose work ends when the test says so."""

    topic = "orders"

    def __init__(self, n, error=None):
        self.free = n
        self.error = error
        self.done = []
        self.gate = asyncio.Event()

    @property
    def has_room(self):
        return self.free > 0

    async def work(self, message, body):
        self.free -= 1
        await self.gate.wait()
        self.free += 1
        if self.error:
            raise self.error
        self.done.append((message.id, body))


@pytest.mark.parametrize(("overload", "status"), [("kaput", 500), ("429", 429), ("503", 503)])
async def test_a_system_with_losses_refuses_who_finds_no_worker_free(overload, status):
    workers = Workers(2)
    site = site_of(Intake("/orders", Order, workers, overload=overload))
    asking = [asyncio.ensure_future(ask(site)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    refused = await ask(site)
    assert refused[0] == status
    if overload == "kaput":
        assert refused[2] == {"result": "server-kaput"}
    else:
        assert refused[1]["retry-after"] == "1"
    workers.gate.set()
    answers = await asyncio.gather(*asking)
    assert [answer[0] for answer in answers] == [202, 202]
    assert [(answer[1]["forebay-id"], Order("33")) for answer in answers] == workers.done


async def test_requests_of_one_turn_do_not_pass_the_number_of_workers():
    workers = Workers(2)
    site = site_of(Intake("/orders", Order, workers))
    asking = [asyncio.ensure_future(ask(site)) for _ in range(5)]
    for _ in range(6):
        await asyncio.sleep(0)
    workers.gate.set()
    assert sorted(answer[0] for answer in await asyncio.gather(*asking)) == [202, 202, 500, 500, 500]


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("secret"), 500), (Retry(), 500), (Unavailable("store"), 503)]
)
async def test_work_that_fails_inside_the_request_is_told_without_details(error, status):
    workers = Workers(1, error)
    workers.gate.set()
    answer = await ask(site_of(Intake("/orders", Order, workers)))
    assert answer[0] == status
    assert "secret" not in json.dumps(answer[2])


@pytest.mark.parametrize("error", [Unavailable("store"), Unknown("store")])
async def test_the_store_may_be_to_blame_too_and_a_client_is_not_told_that_it_was_the_queue(error):
    workers = Workers(1, error)
    workers.gate.set()
    _, _, body = await ask(site_of(Intake("/orders", Order, workers)))
    assert "the queue or the store" in body["detail"]


async def test_work_inside_the_request_is_done_once_for_a_key(store):
    workers = Workers(1)
    workers.gate.set()
    site = site_of(Intake("/orders", Order, workers, store=store))
    first, again = await ask(site, idempotency_key="k"), await ask(site, idempotency_key="k")
    assert first[1]["forebay-id"] == again[1]["forebay-id"]
    assert again[1]["idempotency-replayed"] == "true"
    assert len(workers.done) == 1


async def test_a_system_with_losses_under_a_sine_refuses_one_in_pi():
    clock = ManualClock()
    workers = Workers(10)
    workers.gate.set()
    site = site_of(Intake("/orders", Order, workers, limiter=Limiter(50, 2), clock=clock))
    refused = asked = 0
    due = 0.0
    for _ in range(6000):  # 60 s in steps of 10 ms
        clock.advance(0.01)
        due += (50 + 50 * math.sin(2 * math.pi * (clock.time() - 1e6) / 60)) * 0.01
        while due >= 1:
            due -= 1
            asked += 1
            refused += (await ask(site))[0] == 500
    assert refused / asked == pytest.approx(1 / math.pi, abs=0.01)
