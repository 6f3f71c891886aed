"""Push and pop: what goes in comes out, by the discipline asked for, once."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

import forebay
from forebay import QueueFull, UsageError, open_queue
from forebay.queue.opening import open_driver

names = (f"plain-{n}" for n in itertools.count())


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    name = next(names)
    return {"memory": f"memory://{name}?", "sqlite": f"sqlite:///{tmp_path}/q.db?topic={name}&"}[request.param]


async def test_nine_digits_come_out_as_they_went_in(url):
    digits = list("123456789")
    async with open_queue(url.rstrip("?&")) as queue:
        for digit in digits:
            await queue.push(digit)
        assert [(await queue.pop()).decode() for _ in digits] == digits


async def test_the_last_comes_first_where_that_is_asked_for(url):
    async with open_queue(f"{url}discipline=lifo") as queue:
        for number in range(3):
            await queue.push(number)
        taken = [await queue.pop()]
        await queue.push(3)
        taken += [await queue.pop() for _ in range(3)]
    assert taken == [b"2", b"3", b"1", b"0"]


async def test_the_largest_priority_comes_first_where_that_is_asked_for(url):
    async with open_queue(f"{url}discipline=priority") as queue:
        for number in (1, 3, 2):
            await queue.push(number, priority=number)
        assert [await queue.pop() for _ in range(3)] == [b"3", b"2", b"1"]


@pytest.mark.parametrize(("body", "kept"), [(b"\xff", b"\xff"), ("да", "да".encode()), ({"n": [1]}, b'{"n":[1]}')])
async def test_bytes_stay_text_is_utf8_and_the_rest_is_json(url, body, kept):
    async with open_queue(url.rstrip("?&")) as queue:
        await queue.push(body)
        assert await queue.pop() == kept


async def test_what_json_cannot_say_is_refused(url):
    async with open_queue(url.rstrip("?&")) as queue:
        with pytest.raises(UsageError, match="object cannot be written as JSON"):
            await queue.push(object())
        with pytest.raises(TimeoutError):
            await queue.pop(timeout=0)


async def test_a_pop_waits_for_a_push_and_the_first_who_asked_is_the_first_who_gets(url):
    async with open_queue(url.rstrip("?&")) as queue:
        pops = [asyncio.create_task(queue.pop()) for _ in range(3)]
        await asyncio.sleep(0)
        for number in range(3):
            await queue.push(number)
        assert await asyncio.gather(*pops) == [b"0", b"1", b"2"]


async def test_a_pop_that_gave_up_takes_nothing_with_it(url):
    async with open_queue(url.rstrip("?&")) as queue:
        with pytest.raises(TimeoutError, match="nothing came to plain-"):
            await queue.pop(timeout=0.01)
        waiting = asyncio.create_task(queue.pop())
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await queue.pop(timeout=0.01)  # behind the one who waits
        waiting.cancel()
        await asyncio.wait({waiting})
        await queue.push("here")
        assert await queue.pop(timeout=30) == b"here"


async def test_what_is_pushed_for_later_comes_later(url):
    async with open_queue(url.rstrip("?&")) as queue:
        await queue.push("tomorrow", delay=86_400)  # so late that no machine is slow enough for it to come before "now"
        await queue.push("now")
        assert await queue.pop(30) == b"now"
        began = time.time()
        await queue.push("later", delay=0.5)
        assert await queue.pop(30) == b"later"
        assert time.time() - began >= 0.5


async def test_what_was_popped_is_over_for_the_queue(url):
    async with open_queue(url.rstrip("?&")) as queue:
        await queue.push("a")
        await queue.pop()
        driver = await open_driver(url.rstrip("?&"))
        counts = await driver.counts()
        await driver.close()
    assert (counts.accepted, counts.done, counts.unfinished) == (1, 1, 0)


async def test_a_queue_of_two_places_refuses_the_third(url):
    async with open_queue(url.rstrip("?&"), places=2) as queue:
        await queue.push(1)
        await queue.push(2)
        with pytest.raises(QueueFull):
            await queue.push(3)
        assert await queue.pop() == b"1"
        await queue.push(3)


def test_it_is_public():
    assert {"Queue", "open_queue"} <= set(forebay.__all__)
