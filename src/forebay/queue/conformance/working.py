"""The portable types and the pool of workers on this driver: what an application does with it, end to end."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from forebay.clock import SYSTEM_CLOCK
from forebay.errors import Dead, Failed, ForebayError
from forebay.message import Message
from forebay.queue.conformance.harness import Harness, accepted, assert_same, done, message
from forebay.queue.driver import Delivery, Driver
from forebay.queue.opening import queue_url
from forebay.queue.request_reply import Replier, open_asker
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.workers import story
from forebay.workers.handler import Handler, Work
from forebay.workers.policies import RetryPolicy
from forebay.workers.pool import Pool

AT_ONCE = RetryPolicy(attempts=3, first=0.0, jitter=0.0)


class Working(Harness):
    """Topic, Subscription and Pool."""

    async def test_a_thousand_messages_end_once_each_though_their_handlers_fail(self) -> None:
        driver = await self.opened()
        sent = [message(key=str(n % 11), headers={"n": str(n)}) for n in range(1_000)]
        tries: Counter[str] = Counter()

        async def handler(one: Message, work: Work) -> None:
            tries[one.id] += 1
            assert work.attempt == tries[one.id]
            if work.attempt <= int(one.headers["n"]) % 50 // 16:  # some fail once, some twice, and a few for ever
                raise RuntimeError("not yet")

        pool = self.pool(driver, handler, workers=8)
        await self.publish(driver, sent)
        dead = {one.id for one in sent if int(one.headers["n"]) % 50 >= 48}
        await self.ended(driver, 1_000)
        assert await pool.stop() == 0
        assert tries == Counter({one.id: min(int(one.headers["n"]) % 50 // 16 + 1, 3) for one in sent})
        letters = await driver.dead_letters(1_000)
        assert {letter.message.id for letter in letters} == dead
        assert {letter.message.headers[story.REASON] for letter in letters} == {"RuntimeError: not yet"}
        await self.assert_counts(driver, done=1_000 - len(dead), dead=len(dead), waiting=0, in_work=0, retrying=0)

    async def test_a_stop_in_full_flight_loses_and_repeats_nothing(self) -> None:
        publisher, *drivers = [await self.opened() for _ in range(3)]
        await accepted(publisher, [message(key=str(n)) for n in range(200)])
        handled: Counter[str] = Counter()
        flying = asyncio.Event()

        async def handler(one: Message) -> None:
            await asyncio.sleep(0.001)
            handled[one.id] += 1
            if len(handled) == 40:
                flying.set()

        first = self.pool(drivers[0], handler, workers=4)
        async with asyncio.timeout(self.patience):
            await flying.wait()
        assert await first.stop() == 0
        await drivers[0].close()
        second = self.pool(drivers[1], handler, workers=4)
        await self.ended(publisher, 200, by=handled)
        assert await second.stop() == 0
        assert set(handled.values()) == {1}

    async def test_a_handler_that_is_interrupted_begins_anew_and_has_not_failed(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message()])
        attempts: list[int] = []
        begun = asyncio.Event()

        async def handler(one: Message, work: Work) -> None:
            attempts.append(work.attempt)
            begun.set()
            if len(attempts) == 1:
                await asyncio.sleep(3_600)

        pool = self.pool(driver, handler)
        async with asyncio.timeout(self.patience):
            await begun.wait()
        assert await pool.stop(0.0) == 1
        pool = self.pool(driver, handler)
        await self.ended(driver, 1)
        await pool.stop()
        assert attempts == [1, 1]

    async def test_a_handler_that_outlasts_its_lease_runs_once(self) -> None:
        self.need(self.leases_end_by_time, "leases that end by time")
        *drivers, onlooker = [await self.opened(lease=self.lease) for _ in range(3)]
        beating = [_Beating(driver) for driver in drivers]
        await accepted(onlooker, [message()])
        runs: list[str] = []
        lost: list[Delivery] = []
        over = asyncio.Event()

        async def handler(one: Message) -> None:
            runs.append(one.id)
            for _ in range(3):
                await self.pass_time(self.lease * 0.4)
                if self.clock is not None:  # it moves at once: the heartbeat has still to come
                    await asyncio.wait([driver.next_beat() for driver in beating], return_when="FIRST_COMPLETED")
            lost.extend(await onlooker.receive(1, self.moment))
            over.set()

        pools = [self.pool(driver, handler, lease=self.lease) for driver in beating]
        async with asyncio.timeout(2 * self.lease + self.patience):
            await over.wait()
        assert [await pool.stop() for pool in pools] == [0, 0]
        assert (len(runs), lost) == (1, [])
        await self.assert_nothing_comes(onlooker)

    async def test_at_most_once_a_message_is_over_before_its_handler_begins(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message() for _ in range(20)])
        handled: list[Message] = []

        async def handler(one: Message) -> None:
            handled.append(one)
            raise RuntimeError("nobody hears this")

        pool = self.pool(driver, handler, at_most_once=True)
        await self.ended(driver, 20)
        assert await pool.stop() == 0
        assert sorted(one.id for one in handled) == sorted(one.id for one in sent)
        await self.assert_counts(driver, done=20, dead=0, retrying=0, waiting=0, in_work=0)

    async def test_a_batch_handler_gets_lists_and_each_of_their_messages_ends_by_itself(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message(body=str(n).encode()) for n in range(60)])
        lists: list[int] = []

        async def handler(bodies: list[bytes]) -> list[Any]:
            lists.append(len(bodies))
            return [Dead("odd") if int(body) % 2 else None for body in bodies]

        pool = self.pool(driver, handler, batch=7, workers=2)
        await self.ended(driver, 60)
        await pool.stop()
        assert max(lists) <= 7
        assert sum(lists) == 60
        odd = sorted(one.id for one in sent if int(one.body) % 2)
        assert [letter.message.id for letter in await driver.dead_letters()] == odd

    async def test_a_body_that_cannot_be_read_is_a_dead_letter_and_stops_no_other(self) -> None:
        driver = await self.opened()
        bodies = [b'{"n": 1}', b"\xff not JSON", b'{"n": 2}']
        sent = await accepted(driver, [message(body=body, key="one") for body in bodies])
        handled = []

        async def handler(body: dict[str, int]) -> None:
            handled.append(body)

        pool = self.pool(driver, handler, workers=1)
        await self.ended(driver, 3)
        await pool.stop()
        assert handled == [{"n": 1}, {"n": 2}]
        [letter] = await driver.dead_letters()
        assert (letter.message.id, letter.attempts) == (sent[1].id, 1)

    async def test_a_request_is_answered_and_one_that_is_given_up_fails(self) -> None:
        url, driver = queue_url(self.url(self.topic)), await self.opened()
        replier = Replier(url, driver)

        async def handler(body: bytes) -> bytes:
            if not body:
                raise Dead("nothing was asked")
            return body.upper()

        pool = self.pool(driver, handler, replier=replier)
        letters = "abcdefgh"
        async with open_asker(url) as one, open_asker(url) as other:
            asked = [(one, other)[n % 2].ask(letter, timeout=self.patience) for n, letter in enumerate(letters)]
            answers = await asyncio.gather(*asked)
            with pytest.raises(Failed, match="nothing was asked"):
                await one.ask(b"", timeout=self.patience)
        await pool.stop()
        await replier.close()
        assert b"".join(answer.body for answer in answers).decode() == letters.upper()

    async def test_a_subscription_that_is_held_takes_nothing_until_it_goes_on(self) -> None:
        driver = await self.opened()
        subscription = Subscription(self.topic, driver, lease=self.long_lease, owned=False)
        subscription.start()
        taking = asyncio.create_task(subscription.take())
        await asyncio.sleep(self.moment)
        await subscription.hold()
        sent = await accepted(driver, [message()])
        await asyncio.sleep(self.moment)
        await self.assert_counts(driver, waiting=1, in_work=0)
        subscription.go_on()
        async with asyncio.timeout(self.patience):
            delivery = await taking
        assert delivery is not None
        assert_same([delivery], sent)
        subscription.settle(done(delivery))
        assert await subscription.close() == 0
        await self.assert_counts(driver, done=1, in_work=0)

    async def test_fifty_takers_compete_and_none_gets_what_another_has(self) -> None:
        drivers = [await self.opened() for _ in range(2)]
        await self.joined(*drivers)
        subscriptions = [Subscription(self.topic, driver, lease=self.long_lease, owned=False) for driver in drivers]
        taken: list[Delivery] = []
        all_taken = asyncio.Event()

        async def take(subscription: Subscription) -> None:
            while delivery := await subscription.take():
                taken.append(delivery)
                if len(taken) == 200:
                    all_taken.set()
                await asyncio.sleep(0.001 * random.random())
                subscription.settle(done(delivery))

        for subscription in subscriptions:
            subscription.start()
        takers = [asyncio.create_task(take(subscriptions[n % 2])) for n in range(50)]
        sent = [message(key=str(n % 13)) for n in range(200)]
        await self.publish(drivers[0], sent)
        async with asyncio.timeout(self.patience):
            await all_taken.wait()
        for subscription in subscriptions:
            await subscription.stop()
        await asyncio.gather(*takers)
        assert [await subscription.close() for subscription in subscriptions] == [0, 0]
        assert_same(taken, sent)

    def pool(
        self,
        driver: Driver,
        function: Callable[..., Any],
        *,
        batch: int | None = None,
        lease: float | None = None,
        **more: Any,
    ) -> Pool:
        """Start a pool on a driver, which stays open when the pool is stopped."""
        more.setdefault("policy", AT_ONCE)
        beating = (lease or self.long_lease) if self.clock is None else 0.06  # heartbeats come by the time of the loop
        subscription = Subscription(self.topic, driver, lease=beating, owned=False)
        pool = Pool(subscription, Handler(function, batch=batch), clock=self.clock or SYSTEM_CLOCK, **more)
        pool.start()
        return pool

    async def publish(self, driver: Driver, sent: list[Message]) -> None:
        """Publish by a topic, each message with a caller of its own."""
        topic = Topic(self.topic, driver, owned=False, deadline=self.patience)
        answers = await asyncio.gather(*(topic.publish(one) for one in sent), return_exceptions=True)
        assert [answer for answer in answers if isinstance(answer, ForebayError)] == []
        await topic.close()

    async def ended(self, driver: Driver, count: int, by: Counter[str] | None = None) -> None:
        """Wait until so many messages are done or dead, or were handled by those who count themselves."""
        async with asyncio.timeout(4 * self.patience):
            while True:
                counts = await driver.counts()
                if (counts.done + counts.dead if by is None else by.total()) >= count:
                    return
                await asyncio.sleep(0.05)  # to count is work for a broker, too


class _Beating:
    """A driver that tells of its heartbeats."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._next: asyncio.Future[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        awaited = self._next
        await self.driver.extend(deliveries)
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

    def next_beat(self) -> asyncio.Future[None]:
        """Return what is done once leases have been renewed that are not being renewed yet."""
        self._next = asyncio.get_running_loop().create_future()
        return self._next
