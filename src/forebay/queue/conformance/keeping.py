"""What a queue keeps: its places, its dead letters, its counts."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio

from forebay.errors import QueueFull, TooLarge
from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, message
from forebay.queue.driver import Ending, Settlement, State
from forebay.queue.options import EACH


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

    async def test_all_dead_letters_are_returned_page_by_page(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message() for _ in range(5)])
        await self.bury(driver, {"reason": "r"}, 5)
        returned, after = 0, ""
        while letters := await driver.dead_letters(2, after):
            after = letters[-1].message.id
            returned += await driver.return_dead([letter.message.id for letter in letters])
        assert returned == 5
        assert_same(await self.take(driver, 5), sent)
        assert list(await driver.dead_letters()) == []

    async def test_a_dropped_dead_letter_is_gone_and_counted(self) -> None:
        driver = await self.opened()
        sent = await accepted(driver, [message(), message()])
        await self.bury(driver, {}, 2)
        assert await driver.drop_dead([sent[0].id, "nobody"]) == 1
        assert [letter.message.id for letter in await driver.dead_letters()] == [sent[1].id]
        await self.assert_counts(driver, dead=1, discarded=1)

    async def test_a_message_that_is_too_large_is_refused_by_name_and_harms_no_other(self) -> None:
        self.need(self.too_large is not None, "a limit on the size of a message")
        driver = await self.opened()
        sent = [message(), message(body=b"x" * (self.too_large or 0)), message()]
        results = await driver.publish(sent, INF)
        assert [type(result) for result in results] == [str, TooLarge, str]
        after = await accepted(driver, [message()])
        assert_same(await self.take(driver, 3), [sent[0], sent[2], *after])
        await self.assert_counts(driver, accepted=3, in_work=3, waiting=0)

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

    async def test_the_fullest_group_decides_on_places_and_subscribers_of_their_own_do_not(self) -> None:
        self.need(self.features.exact_places, "exact places")
        driver, _listener = await self.opened(), await self.opened(group=EACH)
        for _ in range(2):
            await accepted(driver, [message(), message()], 2)
            await driver.settle([done(delivery) for delivery in await self.take(driver, 2)])
        audit = await self.opened(group="audit")
        expected = 4 if self.features.remembers else 2
        await accepted(driver, [message(), message()], expected)
        await driver.settle([done(delivery) for delivery in await self.take(driver, 2)])
        assert isinstance((await driver.publish([message()], 2))[0], QueueFull)
        await self.take(audit, expected)
        await accepted(driver, [message()], 2)

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
        sent = message(headers={"a": "b"})
        [reference] = await driver.publish([sent], INF)
        assert isinstance(reference, str)
        assert reference.partition(".")[0] == sent.id  # by which the store knows the result of the message
        assert await self.where(driver, reference) == (State.WAITING, 0)
        [delivery] = await self.take(driver, 1)
        assert ".".join(filter(None, [sent.id, delivery.place])) == reference
        assert await self.where(driver, reference) == (State.IN_WORK, 1)
        due = self.now() + self.soon
        await driver.settle([Settlement(delivery, Ending.RETRY, self.soon)])
        assert await self.where(driver, reference) == (State.RETRYING, 1)
        again = await self.assert_comes_when_due(driver, due)
        await driver.settle([Settlement(again, Ending.DEAD, headers={"why": "x"})])
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
        self.need(self.features.totals, "totals over all processes")
        driver = await self.opened()
        assert (await driver.counts()).oldest_seconds == 0
        begin = self.now()
        await accepted(driver, [message(accepted_at=begin)])
        await self.pass_time(self.soon)
        await accepted(driver, [message(accepted_at=self.now())])
        age = (await driver.counts()).oldest_seconds
        assert self.soon - 0.1 <= age <= self.now() - begin + 0.1
        await driver.settle([done(delivery) for delivery in await self.take(driver, 2)])
        await self.assert_counts(driver, waiting=0, in_work=0, done=2)
        assert (await driver.counts()).oldest_seconds == 0
