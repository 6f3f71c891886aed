"""Push, pop, ask and answer on real brokers: the same calls by another URL."""

from __future__ import annotations

import asyncio
import itertools
import os
from string import ascii_lowercase

import pytest

from forebay import App, Dead, Failed, Unknown, UsageError, open_asker, open_queue
from forebay.message import Message
from forebay.queue.opening import open_driver, queue_url
from forebay.queue.request_reply import REPLY_FROM, REPLY_TO, Answer, Replier

pytestmark = pytest.mark.server

numbers = itertools.count()


@pytest.fixture(params=["redis", "nats", "rabbitmq", "kafka"])
def url(request):
    server = request.getfixturevalue(request.param)
    return f"{server.url.rstrip('/')}/calls-{os.getpid()}-{next(numbers)}"


async def test_nine_digits_come_out_as_they_went_in(url):
    digits = list("123456789")
    async with open_queue(url) as queue:
        for digit in digits:
            await queue.push(digit, key="one")  # of one partition, where there are any
        assert [(await queue.pop(30)).decode() for _ in digits] == digits
        with pytest.raises(TimeoutError):
            await queue.pop(timeout=0.2)


async def test_two_subscribers_get_the_whole_alphabet(url):
    each = f"{url}?group=each"
    async with open_queue(each) as one, open_queue(each) as other, open_queue(url) as publisher:
        for letter in ascii_lowercase:
            await publisher.push(letter)
        for queue in (one, other):
            assert sorted([(await queue.pop(30)).decode() for _ in ascii_lowercase]) == list(ascii_lowercase)


async def test_requests_in_plenty_get_each_its_own_answer(url):
    topic = url.rpartition("/")[2]
    app = App("answers")

    @app.handler(topic)
    async def double(n: int) -> int:
        if n < 0:
            raise Dead("negative")
        return 2 * n

    async with app.running(queue=url, store="memory://") as running, open_asker(url) as one, open_asker(url) as other:
        answers = await asyncio.gather(*[(one, other)[n % 2].ask(n, timeout=30) for n in range(200)])
        assert [int(answer.body) for answer in answers] == [2 * n for n in range(200)]
        with pytest.raises(Failed, match="negative"):
            await one.ask(-1, timeout=30)
        await running.drained(30)
        (ledger,) = await running.ledgers()
    assert (ledger.done, ledger.dead, ledger.lost) == (200, 1, 0)


async def test_a_request_that_nobody_answers_is_unknown_and_stays(url):
    async with open_asker(url) as asker:
        with pytest.raises(Unknown):
            await asker.ask("anybody?", timeout=0.5)
    async with open_queue(url) as queue:
        assert await queue.pop(30) == b"anybody?"


async def test_an_answer_that_the_broker_does_not_take_is_an_error_and_costs_no_connection(nats):
    url = f"{nats.url}/calls-{os.getpid()}-{next(numbers)}"
    app = App("answers")

    @app.handler(url.rpartition("/")[2])
    async def repeat(n: int) -> str:
        return "x" * n

    async with app.running(queue=url, store="memory://") as running, open_asker(url) as asker:
        with pytest.raises(Failed, match="too large"):
            await asker.ask(9 * 2**20, timeout=30)
        assert len((await asker.ask(2**10, timeout=30)).body) == 2**10
        await running.drained(30)


async def test_no_request_makes_a_worker_send_what_the_broker_cannot_read(nats):
    name = f"calls-{os.getpid()}-{next(numbers)}"
    driver = await open_driver(f"{nats.url}/{name}")
    replier = Replier(queue_url(f"{nats.url}/{name}"), driver)
    foul = Message("x", b"", headers={REPLY_TO: "_INBOX.a 1\r\nPUB secret 0\r\n", REPLY_FROM: name})
    (error,) = await replier.send([Answer(foul, b"")])
    assert isinstance(error, UsageError)
    assert (await driver.counts()).lost == 0
    await driver.close()
