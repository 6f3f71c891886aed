import asyncio

import pytest

from forebay.workers.limit import Limit, held

pytestmark = pytest.mark.usefixtures("own_time")

SHORT, LONG = 0.3, 0.5


async def limited(work):
    async with Limit(SHORT):
        await work()


async def test_what_takes_longer_ends_with_a_timeout():
    with pytest.raises(TimeoutError):
        await limited(asyncio.Event().wait)


async def test_without_seconds_nothing_ends():
    async with Limit(None):
        with held():
            await asyncio.sleep(0)


async def test_while_it_is_held_the_time_stands_still():
    async with Limit(SHORT):
        with held():
            await asyncio.sleep(LONG)


async def test_what_was_left_is_left_afterwards():
    passed = asyncio.Event()

    async def work():
        with held():
            await asyncio.sleep(LONG)
        passed.set()
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await limited(work)
    assert passed.is_set()


async def test_it_stands_still_until_the_last_of_several_lets_go():
    async def one(seconds):
        with held():
            await asyncio.sleep(seconds)

    async with Limit(SHORT):
        await asyncio.gather(one(0.0), one(LONG))


async def test_a_task_that_is_left_behind_holds_nothing():
    begin, ended = asyncio.Event(), asyncio.Event()

    async def left_behind():
        with held():
            await begin.wait()
        with held():
            ended.set()

    async with Limit(SHORT):
        task = asyncio.create_task(left_behind())
        await asyncio.sleep(0)
    begin.set()
    await task
    assert ended.is_set()


async def test_the_innermost_limit_is_the_one_that_is_held():
    async def work():
        async with Limit(LONG):
            with held():
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await limited(work)


async def test_outside_of_any_limit_nothing_is_held():
    async with Limit(SHORT):
        pass
    with held():
        await asyncio.sleep(0)
