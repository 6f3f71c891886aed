"""Many at once, failing at random: at every moment each accepted message is somewhere, and in the end it is done."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import random
from collections import Counter

from forebay.message import Message
from forebay.queue.conformance.harness import Harness, accepted, assert_same, done, message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement

LIKELY = [Ending.DONE, Ending.DONE, Ending.RETRY, Ending.RELEASE]


class Storming(Harness):
    """Publishers, workers and onlookers at the same time."""

    async def test_many_publishers_at_once_lose_nothing(self) -> None:
        driver = await self.opened()
        batches = [[message() for _ in range(10)] for _ in range(30)]
        await asyncio.gather(*(accepted(driver, batch) for batch in batches))
        assert_same(await self.take(driver, 300), [one for batch in batches for one in batch])

    async def test_many_may_be_held_unsettled_and_then_it_goes_on(self) -> None:
        driver = await self.opened()
        sent = [*await accepted(driver, [message() for _ in range(250)])]
        taken = await self.take(driver, 250)
        await self.assert_nothing_comes(driver)
        assert list(await driver.settle([done(delivery) for delivery in taken[200:]])) == [True] * 50
        sent += await accepted(driver, [message() for _ in range(50)])
        taken += await self.take(driver, 50)
        assert_same(taken, sent)
        rest = [*taken[:200], *taken[250:]]
        assert list(await driver.settle([done(delivery) for delivery in rest])) == [True] * 250
        await self.assert_counts(driver, done=300, waiting=0, in_work=0)

    async def test_what_is_refused_at_random_is_done_in_the_end_with_its_attempts_counted(self) -> None:
        drivers = [await self.opened() for _ in range(3)]
        await self.joined(*drivers)
        sent = [message(key=str(n % 7)) for n in range(60)]
        await accepted(drivers[0], sent)
        storm = _Storm(self, sent, LIKELY)
        await storm.work_off(drivers)
        assert storm.ended == Counter(dict.fromkeys((one.id for one in sent), 1))
        await self.assert_counts(drivers[0], done=60, waiting=0, in_work=0, retrying=0)

    async def test_the_counts_add_up_at_every_moment(self) -> None:
        self.need(self.features.totals, "totals over all processes")
        workers, publisher = [await self.opened() for _ in range(2)], await self.opened()
        await self.joined(*workers)
        sent = [message(key=str(n % 7)) for n in range(60)]
        storm = _Storm(self, sent, [*LIKELY, Ending.DEAD])

        async def publish() -> None:
            for n in range(0, 60, 4):
                await accepted(publisher, sent[n : n + 4])
                await asyncio.sleep(0)

        async def look() -> None:
            while storm.unfinished:
                counts = await publisher.counts()
                assert counts.lost == 0, counts
                assert min(counts.waiting, counts.in_work, counts.retrying, counts.done, counts.dead) >= 0, counts
                await asyncio.sleep(0.002)

        async with asyncio.TaskGroup() as all_at_once:
            all_at_once.create_task(publish())
            all_at_once.create_task(look())
            all_at_once.create_task(storm.work_off(workers))
        dead = len(await publisher.dead_letters())
        await self.assert_counts(publisher, accepted=60, done=60 - dead, dead=dead, waiting=0, in_work=0, retrying=0)


class _Storm:
    """Workers that let messages end as chance has it, and a tally of attempts and ends."""

    def __init__(self, harness: Harness, sent: list[Message], endings: list[Ending]) -> None:
        self.harness = harness
        self.endings = endings
        self.chance = random.Random(11)
        self.attempts = dict.fromkeys((one.id for one in sent), 1)
        self.ended: Counter[str] = Counter()

    @property
    def unfinished(self) -> bool:
        return len(self.ended) < len(self.attempts)

    async def work_off(self, drivers: list[Driver]) -> None:
        async with asyncio.timeout(3 * self.harness.patience), asyncio.TaskGroup() as workers:
            for driver in drivers:
                workers.create_task(self._work(driver))

    async def _work(self, driver: Driver) -> None:
        while self.unfinished:
            taken = await driver.receive(self.chance.randint(1, 10), self.harness.moment)
            if not taken:
                await self.harness.pass_time(0.01)
            await asyncio.sleep(0.001)  # so that who looks sees some in work
            self.chance.shuffle(taken := list(taken))
            settlements = [self._end(delivery) for delivery in taken]
            assert list(await driver.settle(settlements)) == [True] * len(settlements)

    def _end(self, delivery: Delivery) -> Settlement:
        id = delivery.message.id
        assert delivery.attempt == self.attempts[id]
        ending = self.chance.choice(self.endings)
        if ending is Ending.RETRY:
            self.attempts[id] += 1
        if ending in {Ending.DONE, Ending.DEAD}:
            self.ended[id] += 1
        return Settlement(delivery, ending, self.chance.choice([0.0, 0.01]))
