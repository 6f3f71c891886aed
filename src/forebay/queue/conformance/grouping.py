"""Every group gets every message, the processes of one group share them, and who belongs to none hears what comes."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import string

import pytest

from forebay.errors import UsageError
from forebay.queue.conformance.harness import Harness, accepted, assert_same, done, ids, message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement
from forebay.queue.options import EACH


class Grouping(Harness):
    """Durable groups, and subscribers of their own."""

    async def test_every_group_gets_every_message_and_is_counted_by_itself(self) -> None:
        orders, audit = await self.opened(), await self.opened(group="audit")
        sent = [*await accepted(orders, [message(), message()]), *await accepted(audit, [message(), message()])]
        taken = await self.take(orders, 4)
        assert_same(taken, sent)
        ends = [Ending.DONE, Ending.DEAD, Ending.RETRY, Ending.DONE]
        assert await orders.settle([Settlement(d, end, 60.0) for d, end in zip(taken, ends, strict=True)]) == [True] * 4
        await self.assert_counts(audit, waiting=4, in_work=0, done=0, dead=0, retrying=0)
        assert list(await audit.dead_letters()) == []
        others = await self.take(audit, 4)
        assert_same(others, sent)
        assert {delivery.attempt for delivery in others} == {1}
        assert list(await audit.settle([done(delivery) for delivery in others])) == [True] * 4
        await self.assert_counts(orders, waiting=0, done=2, dead=1, retrying=1)
        await self.assert_counts(audit, waiting=0, done=4, dead=0)

    async def test_what_one_group_returns_or_purges_does_not_concern_another(self) -> None:
        orders, audit = await self.opened(), await self.opened(group="audit")
        sent = await accepted(orders, [message(key="one") for _ in range(3)])
        await self.bury(orders, {"why": "broken"})
        assert await audit.purge() == 3
        [letter] = await orders.dead_letters()
        assert await audit.return_dead([letter.message.id]) == 0
        assert await orders.return_dead([letter.message.id]) == 1
        assert_same(await self.take(orders, 3), sent)
        await self.assert_nothing_comes(audit)
        await self.assert_counts(audit, discarded=3, waiting=0, dead=0)

    async def test_the_workers_of_each_of_two_groups_share_its_messages_without_overlap(self) -> None:
        groups = {group: [await self.opened(group=group) for _ in range(2)] for group in (self.topic, "audit")}
        await self.joined(*(driver for drivers in groups.values() for driver in drivers))
        sent = [message(key=str(n)) for n in range(40)]
        await accepted(groups["audit"][0], sent)
        taken: dict[str, list[Delivery]] = {group: [] for group in groups}
        end = asyncio.get_running_loop().time() + self.patience

        async def work(group: str, driver: Driver) -> None:
            while len(taken[group]) < len(sent) and asyncio.get_running_loop().time() < end:
                got = await driver.receive(3, self.moment)
                taken[group] += got
                await driver.settle([done(delivery) for delivery in got])

        await asyncio.gather(*(work(group, driver) for group, drivers in groups.items() for driver in drivers))
        for group, [driver, _] in groups.items():
            assert_same(taken[group], sent)
            await self.assert_counts(driver, done=40, waiting=0, in_work=0)

    async def test_a_new_group_gets_what_is_published_from_then_on(self) -> None:
        publisher = await self.opened()
        old = await accepted(publisher, [message(), message()])
        late = await self.opened(group="late")
        young = await accepted(publisher, [message(), message()])
        expected = [*old, *young] if self.features.remembers else young
        assert_same(await self.take(late, len(expected)), expected)
        await self.assert_nothing_comes(late)

    async def test_a_group_whose_workers_are_all_gone_misses_nothing(self) -> None:
        publisher, audit = await self.opened(), await self.opened(group="audit")
        before = await accepted(publisher, [message()])
        await audit.close()
        sent = [*before, *await accepted(publisher, [message(), message()])]
        assert_same(await self.take(await self.opened(group="audit"), 3), sent)

    async def test_the_group_of_the_topic_exists_whoever_comes_first(self) -> None:
        audit = await self.opened(group="audit")
        sent = await accepted(audit, [message()])
        assert_same(await self.take(await self.opened(), 1), sent)

    async def test_an_impossible_group_is_refused(self) -> None:
        with pytest.raises(UsageError, match="group"):
            await self.opened(group="not a name")

    async def test_two_subscribers_get_the_whole_alphabet(self) -> None:
        publisher = await self.opened()
        subscribers = [await self.opened(group=EACH) for _ in range(2)]
        letters = [message(body=letter.encode(), key="one") for letter in string.ascii_lowercase]
        await accepted(publisher, letters[:13])
        await accepted(publisher, letters[13:])
        for subscriber in subscribers:
            taken = await self.take(subscriber, 26)
            assert b"".join(delivery.message.body for delivery in taken).decode() == string.ascii_lowercase
            assert list(await subscriber.settle([done(delivery) for delivery in taken])) == [True] * 26
            await self.assert_nothing_comes(subscriber)
        await self.assert_counts(publisher, waiting=26, done=0)

    async def test_nothing_is_kept_for_a_subscriber_of_its_own_that_has_gone(self) -> None:
        publisher = await self.opened()
        await accepted(publisher, [message()])
        subscriber = await self.opened(group=EACH)
        here = await accepted(publisher, [message(), message()])
        assert_same(await self.take(subscriber, 2), here)
        await subscriber.close()
        await accepted(publisher, [message()])
        again = await self.opened(group=EACH)
        await self.assert_nothing_comes(again)
        back = await accepted(publisher, [message()])
        assert_same(await self.take(again, 1), back)
        await self.assert_counts(publisher, waiting=5)

    async def test_a_subscriber_of_its_own_can_publish_and_try_again(self) -> None:
        subscriber = await self.opened(group=EACH)
        sent = await accepted(subscriber, [message()])
        [delivery] = await self.take(subscriber, 1)
        assert list(await subscriber.settle([Settlement(delivery, Ending.RETRY)])) == [True]
        [again] = await self.take(subscriber, 1)
        assert (ids([again]), again.attempt) == (ids([delivery]), 2)
        assert list(await subscriber.settle([done(again)])) == [True]
        await self.assert_nothing_comes(subscriber)
        assert_same(await self.take(await self.opened(), 1), sent)
