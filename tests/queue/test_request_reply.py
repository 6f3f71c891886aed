"""Requests and answers: each asker gets its own, late ones go nowhere, nothing piles up."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager

import apsw
import pytest

from forebay import App, Dead, Drop, Failed, Unknown, UsageError, open_asker
from forebay.message import Message
from forebay.queue import request_reply
from forebay.queue.driver import Settlement
from forebay.queue.opening import beside, open_driver, queue_url
from forebay.queue.request_reply import CORRELATION, REPLY_FROM, REPLY_TO, Answer, Asker, Replier
from forebay.queue.topic import Topic

names = (f"asked-{n}" for n in itertools.count())
PATIENCE = 30.0
"""Seconds for what comes at once, where the machine does not stand still."""


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    name = next(names)
    return {"memory": f"memory://{name}?", "sqlite": f"sqlite:///{tmp_path}/q.db?topic={name}&"}[request.param]


@asynccontextmanager
async def working(url, function, **settings):
    """Run an application that works a topic off."""
    full = queue_url(url.rstrip("?&"))
    app = App("answers")
    app.handler(full.options["topic"], **settings)(function)
    queue = url.rstrip("?&")
    async with app.running(queue=queue, store="memory://", backoff="0", attempts=2) as running:
        yield running


async def double(n: int) -> int:
    return 2 * n


async def test_a_request_is_answered_with_what_the_handler_returns(url):
    async with working(url, double), open_asker(url.rstrip("?&")) as asker:
        answer = await asker.ask(21, timeout=PATIENCE)
    assert answer.body == b"42"


async def test_many_requests_at_once_get_each_its_own_answer(url):
    async with working(url, double), open_asker(url.rstrip("?&")) as one, open_asker(url.rstrip("?&")) as other:
        answers = await asyncio.gather(*[(one, other)[n % 2].ask(n, timeout=PATIENCE) for n in range(200)])
    assert [int(answer.body) for answer in answers] == [2 * n for n in range(200)]


@pytest.mark.parametrize(
    ("returned", "told"), [(b"\xff", b"\xff"), ("да", "да".encode()), ({"n": 1}, b'{"n":1}'), (None, b"null")]
)
async def test_bytes_and_text_are_answered_as_they_are_and_the_rest_as_json(url, returned, told):
    async def work(body: bytes) -> object:
        return returned

    async with working(url, work), open_asker(url.rstrip("?&")) as asker:
        assert (await asker.ask(b"?", timeout=PATIENCE)).body == told


async def test_nobody_waits_for_what_was_given_up(url):
    async def refuse(body: bytes) -> None:
        raise Dead("no such product")

    async def fail(body: bytes) -> None:
        raise ValueError("broken")

    async with working(url, refuse), open_asker(url.rstrip("?&")) as asker:
        with pytest.raises(Failed, match="no such product"):
            await asker.ask(b"?", timeout=PATIENCE)
    async with working(url, fail), open_asker(url.rstrip("?&")) as asker:
        with pytest.raises(Failed, match="ValueError: broken"):
            await asker.ask(b"?", timeout=PATIENCE)


async def test_a_request_that_needs_no_work_is_answered_with_nothing(url):
    async def drop(body: bytes) -> None:
        raise Drop

    async with working(url, drop), open_asker(url.rstrip("?&")) as asker:
        assert (await asker.ask(b"?", timeout=PATIENCE)).body == b"null"


async def test_a_batch_handler_answers_each_by_itself(url):
    async def work(bodies: list[int]) -> list[object]:
        return [Dead("odd") if n % 2 else n for n in bodies]

    async with working(url, work, batch=10), open_asker(url.rstrip("?&")) as asker:
        answers = await asyncio.gather(*[asker.ask(n, timeout=PATIENCE) for n in range(20)], return_exceptions=True)
    assert [type(a) is Failed for a in answers] == [n % 2 == 1 for n in range(20)]
    assert [int(a.body) for a in answers[::2]] == list(range(0, 20, 2))


async def test_who_gets_no_answer_in_time_does_not_know_and_a_late_one_harms_nobody(url):
    go, ended = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> str:
        await go.wait()
        return f"answer to {body.decode()}"

    async with working(url, slow) as running, open_asker(url.rstrip("?&")) as asker:
        running.listen(lambda event: ended.set() if type(event).__name__ == "Finished" else None)
        with pytest.raises(Unknown, match=r"no answer from asked-\d+ within 0.05 s"):
            await asker.ask("first", timeout=0.05)
        go.set()
        await ended.wait()
        assert (await asker.ask("second", timeout=PATIENCE)).body == b"answer to second"


async def test_the_request_stays_an_ordinary_message(url):
    async with working(url, double) as running, open_asker(url.rstrip("?&")) as asker:
        await asker.ask(1, timeout=PATIENCE)
        await running.drained(PATIENCE)
        (ledger,) = await running.ledgers()
    assert (ledger.accepted, ledger.done, ledger.stored, ledger.lost) == (1, 1, 1, 0)


async def test_an_answer_is_sent_before_its_message_is_settled(url):
    async with working(url, double) as running, open_asker(url.rstrip("?&")) as asker:
        [pool] = next(iter(running.pools.values()))
        order = []
        send, settle = pool._answering._replier.send, pool._subscription.settle

        async def sending(answers):
            order.append("answered")
            return await send(answers)

        def settling(settlement):
            order.append("settled")
            settle(settlement)

        pool._answering._replier.send, pool._answering._settle = sending, settling
        await asker.ask(1, timeout=PATIENCE)
        await running.drained(PATIENCE)
    assert order == ["answered", "settled"]


async def test_a_message_that_comes_twice_is_answered_with_what_was_kept_first(url):
    numbers = itertools.count()

    async def count(body: bytes) -> int:
        return next(numbers)

    full = queue_url(url.rstrip("?&"))
    async with working(url, count) as running:
        replies = await open_driver(request_reply.replies_url(full, group="each"))
        where = {REPLY_TO: f"{full.options['topic']}-replies", REPLY_FROM: full.options["topic"]}
        for _ in range(2):
            await next(iter(running.topics.values())).publish(Message("same", b"", headers=where))
            await running.drained(PATIENCE)
        heard = []
        while len(heard) < 2:
            heard += await replies.receive(2, 1)
        await replies.close()
    assert [(d.message.body, d.message.headers[CORRELATION]) for d in heard] == [(b"0", "same")] * 2


async def test_only_the_group_that_is_asked_answers(url):
    async def audit(body: bytes) -> str:
        return "audited"

    async with (
        working(url, double),
        working(f"{url}group=audit", audit) as running,
        open_asker(url.rstrip("?&")) as asker,
        open_asker(f"{url}group=audit") as auditor,
    ):
        assert (await asker.ask(4, timeout=PATIENCE)).body == b"8"
        assert (await auditor.ask(4, timeout=PATIENCE)).body == b"audited"
        await running.drained(PATIENCE)


async def test_answers_do_not_pile_up_where_nobody_reads_them(url):
    full = queue_url(url.rstrip("?&"))
    async with working(url, double), open_asker(url.rstrip("?&")) as asker:
        await asyncio.gather(*[asker.ask(n, timeout=PATIENCE) for n in range(50)])
    replies = await open_driver(request_reply.replies_url(full))
    assert (await replies.counts()).unfinished == 0
    await replies.close()


async def test_a_topic_that_is_never_asked_gets_no_topic_of_answers(tmp_path):
    url = f"sqlite:///{tmp_path}/q.db?topic=orders"
    async with working(url, double) as running:
        await running.publish("orders", 1)
        await running.drained(PATIENCE)
        replies = await open_driver(url)
        assert await replies.receive(1, 0) == []
        await replies.close()
    connection = apsw.Connection(f"{tmp_path}/q.db")
    assert "orders-replies" not in [row[0] for row in connection.execute("SELECT name FROM topic")]
    connection.close()


async def test_no_message_makes_a_worker_write_into_a_foreign_topic():
    name = next(names)
    driver = await open_driver(f"memory://{name}")
    replier = Replier(queue_url(f"memory://{name}"), driver)
    foreign = Message("x", b"", headers={REPLY_TO: "payments", REPLY_FROM: name})
    good = Message("y", b"", headers={REPLY_TO: f"{name}-replies", REPLY_FROM: name})
    refused, sent = await replier.send([Answer(foreign, b""), Answer(good, b"")])
    assert isinstance(refused, UsageError)
    assert sent is None
    await replier.close()
    await driver.close()


async def test_an_asker_that_is_closed_leaves_nobody_waiting(url):
    async with open_asker(url.rstrip("?&")) as asker:
        asked = asyncio.create_task(asker.ask(1, timeout=PATIENCE))
        while not asker._open:
            await asyncio.sleep(0)
    with pytest.raises(Unknown):
        await asked


async def test_a_broker_that_answers_by_itself_needs_no_second_topic():
    """The native way, as NATS has it: an inbox to listen at, an address to reply to."""
    plain, inboxes = await open_driver(f"memory://{next(names)}"), {}

    class Native:
        features = request_reply.msgspec.structs.replace(plain.features, native_replies=True)
        durability = plain.durability
        publish, receive, settle, close = plain.publish, plain.receive, plain.settle, plain.close

        async def listen(self, hear):
            inboxes["inbox-1"] = hear
            return "inbox-1"

        async def reply(self, address, message):
            inboxes[address](message)

    driver = Native()
    asker = Asker(Topic("prices", driver), "prices")
    await asker.listen(driver, queue_url("memory://prices"), None)
    replier = Replier(queue_url("memory://prices"), driver)

    async def answer():
        (delivery,) = await driver.receive(1, PATIENCE)
        assert replier.is_asked(delivery.message)
        assert await replier.send([Answer(delivery.message, b"12")]) == [None]
        await driver.settle([Settlement(delivery)])

    worker = asyncio.create_task(answer())
    assert (await asker.ask("?", timeout=PATIENCE)).body == b"12"
    await worker
    await replier.close()
    await plain.close()


def test_the_neighbour_of_a_topic_is_on_the_same_broker_and_asks_for_nothing_of_its_own():
    url = queue_url("redis://u:p@h:1/orders?group=g&discipline=lifo&lease=3s&durability=os")
    other = beside(url, "orders-replies", group="each")
    assert (other.host, other.path, other.password) == ("h:1", "", "p")
    assert other.options == {"lease": "3s", "topic": "orders-replies", "group": "each"}
    assert beside(queue_url("redis://h/2?topic=orders"), "x").path == "2"
    assert beside(queue_url("sqlite:///orders?topic=orders"), "x").path == "orders"
