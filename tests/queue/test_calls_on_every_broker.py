"""Push, pop, ask and answer on real brokers: the same calls by another URL."""

from __future__ import annotations

import asyncio
import itertools
import os
from string import ascii_lowercase

import pytest

from forebay import App, Dead, Failed, Unknown, open_asker, open_queue

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
