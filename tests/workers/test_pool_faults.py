"""What a pool does when it is stopped, when its workers die, when leases end and the store is away."""

import asyncio
import threading
from contextlib import suppress

from forebay.errors import Dead, Unavailable
from forebay.events import LeaseLost, Started
from forebay.stores.store import Result
from forebay.workers.policies import RetryPolicy

AT_ONCE = RetryPolicy(attempts=3, first=0, jitter=0)


async def test_a_store_that_is_down_stops_the_pool_and_kills_nothing(rig):
    class Down:
        up = asyncio.Event()

        async def save(self, results):
            if not self.up.is_set():
                raise Unavailable("the store is down")
            return await rig.store.save(results)

    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    down = Down()
    await rig.put(b"1", b"2")
    rig.pool(handler, store=down)
    while len(handled) < 2:
        await asyncio.sleep(0.002)
    assert (await rig.driver.counts()).in_work == 2
    down.up.set()
    await rig.until(done=2, dead=0, retrying=0)
    assert len(handled) == 2


async def test_a_stop_finishes_what_is_in_work_and_gives_back_the_rest(rig):
    began, go = asyncio.Event(), asyncio.Event()

    async def handler(body: bytes) -> None:
        began.set()
        await go.wait()

    await rig.put(*[str(n).encode() for n in range(10)])
    pool = rig.pool(handler, workers=2)
    await began.wait()
    stopping = asyncio.ensure_future(pool.stop(30))
    await asyncio.sleep(0.01)
    go.set()
    assert await stopping == 0
    counts = await rig.driver.counts()
    assert (counts.done, counts.waiting, counts.in_work) == (2, 8, 0)


async def test_what_does_not_finish_in_time_is_given_back_without_counting_as_an_attempt(rig):
    async def handler(body: bytes) -> None:
        await asyncio.Event().wait()

    await rig.put(b"x")
    pool = rig.pool(handler)
    while not any(isinstance(e, Started) for e in rig.events):
        await asyncio.sleep(0.002)
    assert await pool.stop(0.01) == 1
    (delivery,) = await rig.driver.receive(1, 30)
    assert delivery.attempt == 1


async def test_a_message_whose_worker_died_each_time_does_not_reach_another_handler(rig):
    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    await rig.put(b"x")
    for _ in range(AT_ONCE.attempts):
        assert await rig.driver.receive(1, 30)
        rig.clock.advance(60)  # the lease ends; nobody has settled
    rig.pool(handler)
    await rig.until(dead=1)
    assert handled == []


async def test_an_ending_that_comes_after_the_lease_is_told_and_changes_nothing(rig):
    go = asyncio.Event()

    async def slow(body: bytes) -> None:
        await go.wait()

    await rig.put(b"x")
    rig.pool(slow)
    while not any(isinstance(e, Started) for e in rig.events):
        await asyncio.sleep(0.002)
    rig.clock.advance(60)
    (taken_over,) = await rig.driver.receive(1, 30)
    go.set()
    while not any(isinstance(e, LeaseLost) for e in rig.events):
        await asyncio.sleep(0.002)
    assert taken_over.attempt == 2
    assert (await rig.driver.counts()).in_work == 1


async def test_at_most_once_a_message_is_over_before_its_handler_begins(rig):
    seen = []

    async def handler(body: bytes) -> None:
        seen.append((await rig.driver.counts()).done)
        raise ValueError("this is lost")

    await rig.put(b"x")
    rig.pool(handler, at_most_once=True)
    counts = await rig.until(done=1)
    while not seen:
        await asyncio.sleep(0.002)
    assert seen == [1]
    assert counts.dead == counts.retrying == 0


async def test_what_was_done_before_its_worker_died_is_done_however_it_ends_later(rig):
    """The result was kept, then the worker was killed; whoever gets the message next fails with it for good."""

    async def handler(body: bytes) -> None:
        raise Dead("nothing left to do")

    await rig.put(b"x")
    assert await rig.store.save([Result("id-x", rig.name, b"1", 0.0, 0.0, 0.0)]) == [True]
    rig.pool(handler, store=rig.store)
    counts = await rig.until(done=1)
    assert counts.dead == 0
    assert rig.outcomes() == [("id-x", "done")]


async def test_a_handler_that_does_not_let_itself_be_cancelled_does_not_keep_the_pool_from_its_end(rig):
    stubborn = asyncio.Event()

    async def handler(body: bytes) -> None:
        while not stubborn.is_set():
            with suppress(asyncio.CancelledError):
                await stubborn.wait()

    await rig.put(b"x")
    pool = rig.pool(handler)
    while not any(isinstance(e, Started) for e in rig.events):
        await asyncio.sleep(0.002)
    try:
        async with asyncio.timeout(30):
            assert await pool.stop(0.01) == 1
    finally:
        stubborn.set()


async def test_the_innocent_outlive_a_message_that_kills_its_worker_each_time(rig):
    """Each attempt but the last ended with the death of the worker, which held all of them."""
    together, most = 0, 0

    async def handler(body: bytes) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.001)
        together -= 1

    await rig.put(*[str(n).encode() for n in range(6)])
    for _ in range(AT_ONCE.attempts - 1):
        assert len(await rig.driver.receive(6, 30)) == 6
        rig.clock.advance(60)  # the leases end; nobody has settled
    rig.pool(handler, workers=4)
    counts = await rig.until(done=6)
    assert (counts.dead, most) == (0, 1)


async def test_a_batch_of_suspects_is_worked_off_one_by_one(rig):
    sizes = []

    async def handler(bodies: list[bytes]) -> None:
        sizes.append(len(bodies))

    await rig.put(b"1", b"2", b"3")
    for _ in range(AT_ONCE.attempts - 1):
        assert len(await rig.driver.receive(3, 30)) == 3
        rig.clock.advance(60)
    rig.pool(handler, batch=10, workers=2)
    await rig.until(done=3)
    assert sizes == [1, 1, 1]


async def test_a_sync_handler_that_is_stuck_keeps_no_other_message_from_its_work(rig):
    go = threading.Event()

    def handler(body: bytes) -> None:
        if body == b"stuck":
            go.wait(30)

    try:
        await rig.put(b"stuck", *[str(n).encode() for n in range(20)])
        rig.pool(handler, workers=1, timeout=0.5)
        counts = await rig.until(done=20, dead=1)
    finally:
        go.set()
    assert counts.unfinished == 0
