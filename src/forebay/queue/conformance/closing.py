"""What closing leaves behind: nothing in hand, nothing lost, and all of it there for who opens the topic again."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from forebay.errors import ForebayError, Unavailable
from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, ids, message
from forebay.queue.conformance.receiving import ODD_HEADERS
from forebay.queue.driver import Delivery, Driver, Ending, Settlement


class Closing(Harness):
    """Closed drivers, and those that are opened after them."""

    async def test_closing_releases_what_is_leased(self) -> None:
        leaving, staying = await self.opened(), await self.opened()
        sent = await accepted(leaving, [message() for _ in range(4)])
        await self.take(leaving, 4)
        await leaving.close()
        taken = await self.take(staying, 4)
        assert_same(taken, sent)
        assert {delivery.attempt for delivery in taken} == {1}

    async def test_a_closed_driver_says_so(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message()])
        [delivery] = await self.take(driver, 1)
        await driver.close()
        await driver.close()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: driver.publish([message()], INF),
            lambda: driver.receive(1, 0),
            lambda: driver.settle([done(delivery)]),
            lambda: driver.extend([delivery]),
            lambda: driver.counts(),
            lambda: driver.dead_letters(),
            lambda: driver.purge(),
        ]
        for call in calls:
            with pytest.raises(Unavailable):
                await call()

    async def test_a_receiver_that_waits_is_sent_home_when_its_driver_closes(self) -> None:
        driver, other = await self.opened(), await self.opened()
        waiting = asyncio.create_task(driver.receive(1, 60.0))
        await asyncio.sleep(self.moment)
        await driver.close()
        async with asyncio.timeout(self.patience):
            [result] = await asyncio.gather(waiting, return_exceptions=True)
        assert result == [] or isinstance(result, Unavailable)
        sent = await accepted(other, [message()])
        assert_same(await self.take(other, 1), sent)

    async def test_what_was_accepted_is_there_though_its_publisher_closes_at_once(self) -> None:
        publisher, worker = await self.opened(), await self.opened()
        sent = [message() for _ in range(60)]
        publishing = [asyncio.create_task(publisher.publish([one], INF)) for one in sent]
        for _ in range(3):
            await asyncio.sleep(0)
        await publisher.close()
        answers = await asyncio.gather(*publishing, return_exceptions=True)
        results = [answer if isinstance(answer, BaseException) else answer[0] for answer in answers]
        assert [result for result in results if not isinstance(result, str | ForebayError)] == []
        accepted_ids = {one.id for one, result in zip(sent, results, strict=True) if isinstance(result, str)}
        refused_ids = {one.id for one, result in zip(sent, results, strict=True) if isinstance(result, Unavailable)}
        [last] = await accepted(worker, [message()])
        came: list[str] = []
        while not {*accepted_ids, last.id} <= set(came):
            came += ids(await self.take(worker, 1))
        came += ids(await worker.receive(100, self.moment))
        assert len(came) == len(set(came))
        assert refused_ids.isdisjoint(came)

    async def test_many_close_at_once_and_who_stays_gets_it_all(self) -> None:
        staying, *leaving = [await self.opened() for _ in range(10)]
        sent = await accepted(staying, [message(key=str(n)) for n in range(30)])
        await asyncio.gather(*(driver.receive(2, self.moment) for driver in leaving))
        async with asyncio.timeout(2 * self.patience):
            await asyncio.gather(*(driver.close() for driver in leaving))
        taken = await self.take(staying, 30)
        assert_same(taken, sent)
        assert {delivery.attempt for delivery in taken} == {1}

    async def test_work_goes_on_though_its_worker_closes_and_opens_again_and_again(self) -> None:
        publisher = await self.opened()
        sent = [message(key=str(n)) for n in range(40)]
        ended: list[Delivery] = []
        for n in range(5):
            await accepted(publisher, sent[8 * n : 8 * n + 8])
            worker = await self.opened()
            held = await self.take(worker, 7)
            assert {delivery.attempt for delivery in held} == {1}
            ended += held[1:5]
            assert list(await worker.settle([done(delivery) for delivery in held[1:5]])) == [True] * 4
            await worker.close()
        rest = await self.take(publisher, 20)
        assert_same([*ended, *rest], sent)

    async def test_all_that_was_accepted_survives_a_restart(self) -> None:
        self.need(self.features.persistent, "that it keeps messages")
        first = await self.opened()
        sent = await accepted(first, [message(key="one", headers=ODD_HEADERS) for _ in range(5)])
        dead, tried, ended = await self.take(first, 3)
        story = {"reason": "broken — щ"}
        ends = [Settlement(dead, Ending.DEAD, 0.0, story), Settlement(tried, Ending.RETRY, 0.1, story), done(ended)]
        assert list(await first.settle(ends)) == [True] * 3
        await first.close()
        second = await self.opened()
        await self.pass_time(0.1)
        taken = await self.take(second, 3)
        assert {d.message.id: (d.message, d.attempt) for d in taken} == {
            sent[1].id: (sent[1].replace(headers=story), 2),
            sent[3].id: (sent[3], 1),
            sent[4].id: (sent[4], 1),
        }
        [letter] = await second.dead_letters()
        assert (letter.message, letter.attempts) == (sent[0].replace(headers=story), 1)
        await self.assert_counts(second, waiting=0, retrying=0, dead=1)
        if self.features.totals:
            await self.assert_counts(second, accepted=5, in_work=3, done=1)

    async def test_dead_letters_can_be_returned_after_a_restart(self) -> None:
        self.need(self.features.persistent, "that it keeps messages")
        first = await self.opened()
        sent = await accepted(first, [message(), message()])
        await self.bury(first, {}, 2)
        await first.close()
        second: Driver = await self.opened()
        assert await second.return_dead([sent[0].id]) == 1
        assert await second.drop_dead([sent[1].id]) == 1
        [delivery] = await self.take(second, 1)
        assert (delivery.message.id, delivery.attempt) == (sent[0].id, 1)
