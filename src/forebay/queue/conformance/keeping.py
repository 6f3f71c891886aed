"""What a queue keeps: its places, its dead letters, its counts, and all of it over a restart."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio

import pytest

from forebay.errors import QueueFull
from forebay.queue.conformance.harness import INF, Harness, accepted, done, message
from forebay.queue.conformance.receiving import ODD_HEADERS
from forebay.queue.driver import Ending, Settlement, State


class Keeping(Harness):
    """Limits, duplicates, dead letters and what an operator does."""

    async def test_a_dead_letter_keeps_its_message_and_tells_its_story(self) -> None:
        driver = await self.opened()
        [sent] = await accepted(driver, [message(key="k")])
        await self.bury(driver, {"reason": "broken — щ"})
        [letter] = await driver.dead_letters()
        assert letter.message == sent.replace(headers={"reason": "broken — щ"})
        assert letter.attempts == 1
        await self.assert_counts(driver, dead=1, waiting=0, in_work=0, retrying=0)
        await self.assert_nothing_comes(driver)

    async def test_dead_letters_are_listed_in_pages(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message() for _ in range(5)])
        await self.bury(driver, {}, 5)
        first = await driver.dead_letters(limit=3)
        rest = await driver.dead_letters(limit=3, after=first[-1].message.id)
        assert [letter.message.id for letter in [*first, *rest]] == sorted(m.id for m in sent)

    async def test_a_returned_dead_letter_begins_anew(self) -> None:
        driver = await self.opened()
        [sent] = await accepted(driver, [message()])
        await self.bury(driver, {"reason": "r"})
        assert await driver.return_dead([sent.id, "nobody"]) == 1
        assert await driver.return_dead([sent.id]) == 0
        await self.assert_counts(driver, accepted=1, dead=0)
        [delivery] = await self.take(driver, 1)
        assert (delivery.message.id, delivery.message.body, delivery.attempt) == (sent.id, sent.body, 1)

    async def test_a_dropped_dead_letter_is_gone_and_counted(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message(), message()])
        await self.bury(driver, {}, 2)
        assert await driver.drop_dead([sent[0].id, "nobody"]) == 1
        assert [letter.message.id for letter in await driver.dead_letters()] == [sent[1].id]
        await self.assert_counts(driver, dead=1, discarded=1)

    async def test_a_full_queue_refuses_and_drops_nothing(self) -> None:
        driver = await self.opened()
        results = [(await driver.publish([message()], 10))[0] for _ in range(30)]
        refused = [result for result in results if not isinstance(result, str)]
        assert all(isinstance(result, QueueFull) for result in refused)
        assert len(refused) == 20 if self.features.exact_places else len(refused) > 0
        await self.assert_counts(driver, accepted=30 - len(refused), waiting=30 - len(refused))

    async def test_the_places_are_held_exactly_by_all_who_publish(self) -> None:
        self.need(self.features.exact_places, "exact places")
        drivers = [await self.opened(), await self.opened()]
        batches = [drivers[n % 2].publish([message() for _ in range(7)], 25) for n in range(10)]
        results = [result for batch in await asyncio.gather(*batches) for result in batch]
        assert sum(isinstance(result, str) for result in results) == 25
        taken = await self.take(drivers[0], 5)
        assert len(await accepted(drivers[1], [message() for _ in range(5)], 25)) == 5
        assert isinstance((await drivers[1].publish([message()], 25))[0], QueueFull)
        await drivers[0].settle([Settlement(delivery, Ending.RELEASE) for delivery in taken])
        await self.assert_counts(drivers[0], waiting=30)

    async def test_a_second_publish_of_a_message_that_is_there_changes_nothing(self) -> None:
        self.need(self.features.deduplicates, "that it knows duplicates")
        driver = await self.opened()
        one = message()
        first = await driver.publish([one, one], 1)
        assert list(await driver.publish([one.replace(body=b"other")], 1)) == list(first[:1])
        [delivery] = await self.take(driver, 1)
        assert list(await driver.publish([one], 1)) == list(first[:1])
        assert delivery.message.body == one.body
        await self.assert_nothing_comes(driver)
        await self.assert_counts(driver, accepted=1, in_work=1, waiting=0)

    async def test_find_tells_where_a_message_is(self) -> None:
        self.need(self.features.finds, "that it finds messages")
        driver = await self.opened()
        [reference] = await driver.publish([message(headers={"a": "b"})], INF)
        assert isinstance(reference, str)
        assert await self.where(driver, reference) == (State.WAITING, 0)
        [delivery] = await self.take(driver, 1)
        assert await self.where(driver, reference) == (State.IN_WORK, 1)
        await driver.settle([Settlement(delivery, Ending.RETRY, 0.2)])
        assert await self.where(driver, reference) == (State.RETRYING, 1)
        await self.pass_time(0.21)
        await self.bury(driver, {"why": "x"})
        assert await self.where(driver, reference) == (State.DEAD, 2)
        await driver.return_dead([delivery.message.id])
        await driver.settle([done(delivery) for delivery in await self.take(driver, 1)])
        assert await driver.find(reference) is None
        assert await driver.find("nobody") is None

    async def test_purge_removes_what_waits_and_leaves_what_is_in_work(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message(key="one") for _ in range(6)])
        taken = await self.take(driver, 3)
        await driver.settle([Settlement(taken[0], Ending.RETRY, 60.0), Settlement(taken[1], Ending.DEAD)])
        assert await driver.purge() == 4
        await self.assert_nothing_comes(driver)
        assert list(await driver.settle([done(taken[2])])) == [True]
        await self.assert_counts(driver, accepted=6, done=1, dead=1, discarded=4, waiting=0, retrying=0, in_work=0)

    async def test_the_oldest_age_is_that_of_the_oldest_unfinished_message(self) -> None:
        self.need(self.clock is not None, "a clock that tests can move")
        assert self.clock is not None
        driver = await self.opened()
        assert (await driver.counts()).oldest_seconds == 0
        await accepted(driver, [message(accepted_at=self.clock.time())])
        await self.pass_time(3)
        await accepted(driver, [message(accepted_at=self.clock.time())])
        assert (await driver.counts()).oldest_seconds == pytest.approx(3)
        await driver.settle([done(delivery) for delivery in await self.take(driver, 2)])
        assert (await driver.counts()).oldest_seconds == 0

    async def test_what_was_accepted_survives_a_restart(self) -> None:
        self.need(self.features.persistent, "that it keeps messages")
        first = await self.opened()
        sent = await accepted(first, [message(key="one", headers=ODD_HEADERS) for _ in range(5)])
        await first.settle([Settlement(d, Ending.DEAD) for d in await self.take(first, 1)])
        await first.close()
        second = await self.opened()
        taken = await self.take(second, 4)
        letters = [letter.message for letter in await second.dead_letters()]
        assert sorted([d.message for d in taken] + letters, key=lambda m: m.id) == sorted(sent, key=lambda m: m.id)
        await self.assert_counts(second, accepted=5, in_work=4, dead=1)
