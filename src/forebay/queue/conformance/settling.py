"""How deliveries end: well, again later, as dead letters, or with their worker."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

from collections import Counter

from forebay.queue.conformance.harness import Harness, accepted, assert_same, done, ids, message
from forebay.queue.driver import Ending, Settlement


class Settling(Harness):
    """The ends of a delivery, and its lease."""

    async def test_a_retry_comes_back_with_the_next_attempt_and_not_early(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message()])
        [delivery] = await self.take(driver, 1)
        for attempt in (1, 2):
            assert delivery.attempt == attempt
            due = self.now() + self.soon
            retry = Settlement(delivery, Ending.RETRY, self.soon, {"attempt": str(attempt)})
            assert await driver.settle([retry]) == [True]
            await self.assert_counts(driver, retrying=1, in_work=0, waiting=0)
            delivery = await self.assert_comes_when_due(driver, due)
        assert (delivery.attempt, delivery.message.headers) == (3, {"attempt": "2"})

    async def test_a_released_message_comes_back_and_does_not_count_as_an_attempt(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message()])
        for _ in range(3):
            [delivery] = await self.take(driver, 1)
            assert delivery.attempt == 1
            assert await driver.settle([Settlement(delivery, Ending.RELEASE)]) == [True]
        await self.assert_counts(driver, accepted=1, in_work=0)

    async def test_a_second_settlement_is_answered_false_and_changes_nothing(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message(), message()])
        first, second = await self.take(driver, 2)
        assert list(await driver.settle([done(first)])) == [True]
        again = [done(first), Settlement(first, Ending.RETRY), Settlement(first, Ending.DEAD)]
        assert list(await driver.settle(again)) == [False, False, False]
        assert list(await driver.settle([done(second), done(second)])) == [True, False]
        await self.assert_counts(driver, done=2, dead=0, retrying=0, waiting=0, in_work=0)

    async def test_deliveries_of_one_batch_may_end_differently(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message() for _ in range(4)])
        taken = await self.take(driver, 4)
        ends = [Settlement(d, ending, 60.0) for d, ending in zip(taken, Ending, strict=True)]
        assert list(await driver.settle(ends)) == [True] * 4
        await self.assert_counts(driver, done=1, retrying=1, dead=1, in_work=0, waiting=1)

    async def test_what_a_dead_process_held_goes_to_another_one(self) -> None:
        victim, other = [await self.opened(lease=self.lease) for _ in range(2)]
        await accepted(victim, [message() for _ in range(3)])
        held = await self.take(victim, 3)
        await self.assert_nothing_comes(other)
        await self.die(victim)
        taken = await self.take(other, 3)
        assert Counter(ids(taken)) == Counter(ids(held))
        if self.features.counts_crashes and self.first_death_counts:
            assert {delivery.attempt for delivery in taken} == {2}
        await self.assert_counts(other, in_work=3, waiting=0)

    async def test_what_was_settled_in_any_order_does_not_come_again_when_its_worker_dies(self) -> None:
        victim, other = [await self.opened(lease=self.lease) for _ in range(2)]
        sent = await accepted(victim, [message(key="one") for _ in range(9)])
        held = await self.take(victim, 9)
        ended = [held[n] for n in (7, 1, 4, 2, 8)]
        for part in (ended[:2], ended[2:]):
            assert list(await victim.settle([done(delivery) for delivery in part])) == [True] * len(part)
        await self.die(victim)
        taken = await self.take(other, 4)
        assert_same(taken, [m for m in sent if m.id not in ids(ended)])
        await other.settle([done(delivery) for delivery in taken])
        await self.assert_nothing_comes(other)

    async def test_a_message_whose_workers_die_comes_again_with_a_growing_attempt(self) -> None:
        self.need(self.features.counts_crashes, "counts_crashes")
        await accepted(await self.opened(lease=self.lease), [message()])
        attempts = []
        for _ in range(3):
            victim = await self.opened(lease=self.lease)
            [delivery] = await self.take(victim, 1)
            attempts.append(delivery.attempt)
            await self.die(victim)
        assert attempts == ([1, 2, 3] if self.first_death_counts else [1, 1, 2])

    async def test_a_settlement_that_comes_too_late_changes_nothing(self) -> None:
        self.need(self.leases_end_by_time, "leases that end by time")
        slow, other = [await self.opened(lease=self.lease) for _ in range(2)]
        await accepted(slow, [message()])
        [late] = await self.take(slow, 1)
        await self.pass_time(self.lease + 0.001)
        [delivery] = await self.take(other, 1)
        await slow.extend([late])
        for ending in Ending:
            assert list(await slow.settle([Settlement(late, ending)])) == [False]
        await self.assert_counts(other, in_work=1, done=0, dead=0, waiting=0, retrying=0)
        assert list(await other.settle([done(delivery)])) == [True]

    async def test_an_extended_lease_is_kept(self) -> None:
        self.need(self.leases_end_by_time, "leases that end by time")
        driver, other = [await self.opened(lease=self.lease) for _ in range(2)]
        await accepted(driver, [message()])
        [delivery] = await self.take(driver, 1)
        for _ in range(3):
            await self.pass_time(self.lease * 0.4)
            await driver.extend([delivery])
        await self.assert_nothing_comes(other)
        assert list(await driver.settle([done(delivery)])) == [True]
        await driver.extend([delivery])
        await self.assert_counts(driver, done=1, in_work=0)
