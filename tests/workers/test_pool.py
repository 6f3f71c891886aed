import asyncio
import itertools
import threading
from contextlib import suppress

import msgspec
import pytest

from forebay.clock import ManualClock
from forebay.errors import Dead, Drop, Retry, Unavailable
from forebay.events import Finished, LeaseLost, Started
from forebay.message import Message
from forebay.queue.opening import open_driver
from forebay.queue.subscription import Subscription
from forebay.stores.opening import open_store
from forebay.stores.store import Result
from forebay.workers import story
from forebay.workers.handler import Handler, Work
from forebay.workers.policies import RetryPolicy
from forebay.workers.pool import Pool

names = (f"pool-{n}" for n in itertools.count())
AT_ONCE = RetryPolicy(attempts=3, first=0, jitter=0)


class Rig:
    """A queue in memory, a store, and the pools of a test."""

    def __init__(self, name):
        self.name = name
        self.clock = ManualClock()
        self.events = []
        self.pools = []

    async def open(self):
        self.driver = await open_driver(f"memory://{self.name}", clock=self.clock)
        self.store = await open_store(f"memory://{self.name}")
        return self

    async def put(self, *bodies):
        messages = [Message(f"id-{body.decode()}", body, accepted_at=self.clock.time()) for body in bodies]
        assert await self.driver.publish(messages, float("inf"))

    def pool(self, function, *, batch=None, store=None, **more):
        more.setdefault("policy", AT_ONCE)
        subscription = Subscription(self.name, self.driver, owned=False)
        handler = Handler(function, batch=batch)
        pool = Pool(subscription, handler, store=store, listeners=[self.events.append], clock=self.clock, **more)
        self.pools.append(pool)
        pool.start()
        return pool

    async def until(self, **wanted):
        async with asyncio.timeout(10):
            while True:
                counts = await self.driver.counts()
                assert counts.lost == 0
                if all(getattr(counts, name) == value for name, value in wanted.items()):
                    return counts
                await asyncio.sleep(0.002)

    def outcomes(self):
        return sorted((e.id, e.outcome) for e in self.events if isinstance(e, Finished))

    async def close(self):
        for pool in self.pools:
            await pool.stop(0.1)
        await self.store.close()
        await self.driver.close()


@pytest.fixture
async def rig():
    rig = await Rig(next(names)).open()
    yield rig
    await rig.close()


async def test_every_message_is_handled_once_and_done(rig):
    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    bodies = [str(n).encode() for n in range(500)]
    await rig.put(*bodies)
    rig.pool(handler, workers=4)
    await rig.until(done=500)
    assert sorted(handled) == sorted(bodies)


async def test_no_more_than_n_messages_are_in_work_at_once(rig):
    now = most = 0

    async def handler(body: bytes) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await rig.put(*[str(n).encode() for n in range(50)])
    rig.pool(handler, workers=3)
    await rig.until(done=50)
    assert most == 3


async def test_a_result_is_kept_with_its_times_and_attempts(rig):
    async def handler(body: bytes, work: Work) -> dict:
        rig.clock.advance(2)
        if work.attempt == 1:
            raise Retry(after=0)
        return {"body": body.decode()}

    await rig.put(b"x")
    rig.pool(handler, store=rig.store)
    await rig.until(done=1)
    result = await rig.store.get("id-x")
    assert msgspec.json.decode(result.value) == {"body": "x"}
    assert (result.attempts, result.done_at - result.started_at) == (2, 2)


async def test_a_failing_message_is_tried_again_and_then_a_dead_letter_with_its_story(rig):
    async def handler(body: bytes) -> None:
        raise KeyError("no such product")

    await rig.put(b"x")
    rig.pool(handler)
    await rig.until(dead=1)
    (letter,) = await rig.driver.dead_letters()
    told = story.read(letter.message.headers)
    assert (told.reason, told.origin, told.attempts) == ("KeyError: 'no such product'", rig.name, 3)
    assert rig.outcomes() == [("id-x", "dead"), ("id-x", "retry"), ("id-x", "retry")]


async def test_a_poison_message_does_not_touch_its_neighbours(rig):
    async def handler(body: dict) -> None: ...

    await rig.put(b'{"a": 1}', b"{", b'{"a": 2}')
    rig.pool(handler)
    counts = await rig.until(done=2, dead=1)
    assert counts.unfinished == 0


async def test_what_a_handler_says_decides(rig):
    async def handler(body: bytes) -> None:
        raise {b"drop": Drop(), b"dead": Dead("no"), b"later": Retry(after=60)}[body]

    await rig.put(b"drop", b"dead", b"later")
    rig.pool(handler)
    await rig.until(done=1, dead=1, retrying=1)
    assert rig.outcomes() == [("id-dead", "dead"), ("id-drop", "dropped"), ("id-later", "retry")]


async def test_a_sync_handler_works_in_threads_of_its_own(rig):
    seen = set()
    both = threading.Barrier(2, timeout=5)

    def handler(body: bytes) -> None:
        both.wait()
        seen.add(threading.current_thread().name)

    await rig.put(b"1", b"2")
    rig.pool(handler, workers=2)
    await rig.until(done=2)
    assert threading.current_thread().name not in seen


async def test_a_handler_that_takes_too_long_is_tried_again(rig):
    async def handler(body: bytes, work: Work) -> None:
        if work.attempt == 1:
            await asyncio.Event().wait()

    await rig.put(b"x")
    rig.pool(handler, timeout=0.02)
    await rig.until(done=1)
    assert rig.outcomes() == [("id-x", "done"), ("id-x", "retry")]


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Foreign(BaseException):
    """As some libraries have it, outside the tree of Exception."""


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), asyncio.CancelledError(), BaseExceptionGroup("g", [ValueError()]), Wordless(), Foreign()],
    ids=lambda error: type(error).__name__,
)
async def test_no_exception_of_a_handler_ends_the_pool(rig, error):
    async def handler(body: bytes, work: Work) -> None:
        if work.attempt == 1:
            raise error

    await rig.put(b"1", b"2")
    rig.pool(handler, workers=1)
    await rig.until(done=2)


async def test_a_batch_handler_settles_each_item_by_itself(rig):
    sizes = []

    async def handler(bodies: list[bytes]) -> list:
        sizes.append(len(bodies))
        return [{b"dead": Dead("no"), b"later": Retry(after=60)}.get(body, body.decode()) for body in bodies]

    await rig.put(b"1", b"dead", b"2", b"later", b"3")
    rig.pool(handler, batch=500, workers=1, store=rig.store)
    await rig.until(done=3, dead=1, retrying=1)
    assert msgspec.json.decode((await rig.store.get("id-2")).value) == "2"
    assert sum(sizes) == 5


async def test_a_batch_with_an_unreadable_item_is_handled_without_it(rig):
    handled = []

    async def handler(bodies: list[int]) -> None:
        handled.extend(bodies)

    await rig.put(b"1", b"x", b"2")
    rig.pool(handler, batch=10, workers=1)
    await rig.until(done=2, dead=1)
    assert sorted(handled) == [1, 2]


@pytest.mark.parametrize("answer", [[], [1, 2, 3], 5])
async def test_a_batch_handler_that_answers_for_another_number_of_items_has_failed(rig, answer):
    async def handler(bodies: list[bytes]) -> list:
        return answer

    await rig.put(b"1")
    rig.pool(handler, batch=10)
    await rig.until(dead=1)


async def test_a_result_that_is_not_json_is_a_dead_letter(rig):
    async def handler(body: bytes) -> object:
        return object()

    await rig.put(b"x")
    rig.pool(handler, store=rig.store)
    await rig.until(dead=1)


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
    stopping = asyncio.ensure_future(pool.stop(10))
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
    (delivery,) = await rig.driver.receive(1, 1)
    assert delivery.attempt == 1


async def test_a_message_whose_worker_died_each_time_does_not_reach_another_handler(rig):
    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    await rig.put(b"x")
    for _ in range(AT_ONCE.attempts):
        assert await rig.driver.receive(1, 1)
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
    (taken_over,) = await rig.driver.receive(1, 1)
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


async def test_a_retry_that_would_never_come_is_a_failure_like_any_other(rig):
    async def handler(body: bytes) -> None:
        raise Retry(after=float("nan"))

    await rig.put(b"x")
    rig.pool(handler)
    await rig.until(dead=1)
    (letter,) = await rig.driver.dead_letters()
    assert "would never come" in story.read(letter.message.headers).reason


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
        async with asyncio.timeout(20):
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
        assert len(await rig.driver.receive(6, 1)) == 6
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
        assert len(await rig.driver.receive(3, 1)) == 3
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
