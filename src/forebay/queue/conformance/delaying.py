"""A message that must wait for its time comes when it is due, and not before."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, ids, message
from forebay.queue.driver import Ending, Settlement, State

DAY = 86_400.0


class Delaying(Harness):
    """`Message.not_before`, and what a jump of the clock does."""

    async def test_a_delayed_message_comes_when_it_is_due_and_lets_others_pass(self) -> None:
        driver = await self.opened()
        due = self.now() + self.soon
        later, sooner = message(not_before=due + 0.3, key="one"), message(not_before=due, key="one")
        past, plain = message(not_before=self.now() - 1, key="one"), message(key="one")
        await accepted(driver, [later, sooner, past, plain])
        await self.assert_counts(driver, accepted=4, retrying=2, waiting=2)
        taken = await self.take(driver, 2)
        assert ids(taken) == [past.id, plain.id]
        delayed = {one.id: one for one in (sooner, later)}
        while delayed:
            delivery = await self.assert_comes_when_due(driver, min(one.not_before for one in delayed.values()))
            expected = delayed.pop(delivery.message.id)
            assert (delivery.message, delivery.attempt) == (expected, 1)
            assert self.now() >= expected.not_before  # when both are due, either may be the first
            taken.append(delivery)
        assert list(await driver.settle([done(delivery) for delivery in taken])) == [True] * 4
        await self.assert_counts(driver, done=4, retrying=0, waiting=0)

    async def test_a_delay_holds_for_every_group(self) -> None:
        drivers = [await self.opened(), await self.opened(group="audit")]
        [sent] = await accepted(drivers[0], [message(not_before=self.now() + self.soon)])
        if self.clock is not None:
            await self.assert_nothing_comes(drivers[1])
        first = await self.assert_comes_when_due(drivers[0], sent.not_before)
        assert_same([first, *await self.take(drivers[1], 1)], [sent, sent])

    async def test_a_delay_survives_a_restart(self) -> None:
        self.need(self.features.persistent, "that it keeps messages")
        first = await self.opened()
        [sent] = await accepted(first, [message(not_before=self.now() + self.soon)])
        await first.close()
        delivery = await self.assert_comes_when_due(await self.opened(), sent.not_before)
        assert (delivery.message, delivery.attempt) == (sent, 1)

    async def test_a_message_for_next_year_waits_and_can_be_purged(self) -> None:
        driver = await self.opened()
        [reference] = await driver.publish([message(not_before=self.now() + 365 * DAY)], INF)
        assert isinstance(reference, str), reference
        if self.features.finds:
            assert await self.where(driver, reference) == (State.RETRYING, 0)
        await self.assert_nothing_comes(driver)
        await self.assert_counts(driver, retrying=1, waiting=0)
        assert await driver.purge() == 1
        await self.assert_counts(driver, retrying=0, discarded=1)

    async def test_when_the_clock_jumps_all_that_is_due_comes(self) -> None:
        self.need(self.clock is not None, "a clock that tests can move")
        driver = await self.opened()
        sent = await accepted(driver, [message(key="one"), message(key="one"), message(not_before=self.now() + DAY)])
        held, tried = await self.take(driver, 2)
        await driver.settle([Settlement(tried, Ending.RETRY, DAY)])
        await self.pass_time(400 * DAY)
        due = sent if self.leases_end_by_time else [one for one in sent if one.id != held.message.id]
        assert_same(await self.take(driver, len(due)), due)
        assert list(await driver.settle([done(held)])) == [not self.leases_end_by_time]
        await self.assert_counts(driver, waiting=0, retrying=0)
